"""kl_div against torch's own, against mpmath, and where torch's is nan."""

import math
import warnings

import numpy as np
import pytest
from mpmath import mp

import relentropy
from relentropy.interop.torch_functional import kl_div
from relentropy.testing import assert_ulp, ulp_error

from ..suite.backends import BACKENDS, combinations

torch = pytest.importorskip("torch")
theirs = torch.nn.functional.kl_div

INF, NAN = math.inf, math.nan
BITS = 400  # more than the largest weight's and the smallest gap's exponents are apart
REDUCTIONS = ("none", "sum", "mean", "batchmean")
IGNORED = (
    "ignore:reduction. 'mean':UserWarning",
    "ignore:size_average and reduce:UserWarning",
)
pytestmark = [pytest.mark.filterwarnings(one) for one in IGNORED]
both_targets = pytest.mark.parametrize("log_target", [False, True], ids=["weights", "logs"])


def operands(shape=(4, 5), other=None, *, log_target, seed=0):
    generator = torch.Generator().manual_seed(seed)
    one, two = (
        torch.randn(size, generator=generator, dtype=torch.float64)
        for size in (shape, shape if other is None else other)
    )
    return one - 1, two - 1 if log_target else (two - 1).exp()


# --- what torch does ----------------------------------------------------------------------

SHAPES = [
    ((4, 5), (4, 5)), ((3,), (3,)), ((), ()), ((2, 1), (3,)), ((3,), (2, 1)), ((), (3,)),
    ((1,), (4, 3)), ((0, 3), (0, 3)), ((3, 0), (3, 0)),
]  # fmt: skip


@both_targets
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_reductions_and_shapes(shapes, reduction, log_target):
    pair = operands(*shapes, log_target=log_target)
    expected = theirs(*pair, reduction=reduction, log_target=log_target)
    actual = kl_div(*pair, reduction=reduction, log_target=log_target)
    torch.testing.assert_close(actual, expected, rtol=1e-13, atol=0, equal_nan=True)


@both_targets
@pytest.mark.parametrize("size_average", [None, True, False])
@pytest.mark.parametrize("reduce", [None, True, False])
def test_deprecated_arguments(size_average, reduce, log_target):
    pair = operands(log_target=log_target)
    for reduction in REDUCTIONS:
        arguments = (*pair, size_average, reduce, reduction, log_target)
        torch.testing.assert_close(
            kl_div(*arguments), theirs(*arguments), rtol=1e-13, atol=1e-15
        )


@pytest.mark.parametrize(
    "given",
    [{}, {"reduction": "mean"}, {"reduction": "elementwise_mean"}, {"reduce": False}],
    ids=str,
)
def test_warnings_are_those_of_torch(given):
    caught = []
    for function in (theirs, kl_div):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            function(*operands(log_target=False), **given)
        caught.append(found)
    for one, other in zip(*caught, strict=True):
        assert one.category is other.category
        assert str(one.message).partition(".")[0] == str(other.message).partition(".")[0]
        assert other.filename == __file__


@pytest.mark.parametrize("reduction", ["none", "sum", "batchmean"])
def test_other_reductions_do_not_warn(reduction):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kl_div(*operands(log_target=False), reduction=reduction)


def test_an_unknown_reduction():
    with pytest.raises(ValueError, match="median is not a valid value for reduction"):
        kl_div(*operands(log_target=False), reduction="median")


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64], ids=str
)
@pytest.mark.parametrize("which", ["input", "target"])
def test_integers_and_complex_numbers_are_refused(which, dtype):
    given = dict.fromkeys(("input", "target"), torch.ones(2))
    given[which] = torch.ones(2).to(dtype)
    with pytest.raises(RuntimeError, match="not supported"):
        theirs(**given, reduction="sum")
    with pytest.raises(TypeError, match=f"{which} has dtype"):
        kl_div(**given, reduction="sum")
    with pytest.raises(TypeError, match="input has dtype int64"):
        kl_div(np.array([0, -1]), np.array([0.5, 0.5]), reduction="sum")
    with pytest.raises(TypeError, match="target has dtype int64"):
        kl_div([0.0, -1.0], [0, 1], reduction="sum")


def test_shapes_that_do_not_broadcast():
    for reduction in REDUCTIONS:
        with pytest.raises(ValueError, match="input has shape"):
            kl_div(torch.zeros(2), torch.zeros(3), reduction=reduction)


def test_log_target_is_a_flag():
    with pytest.raises(TypeError, match="log_target"):
        kl_div(torch.zeros(2), torch.zeros(2), reduction="sum", log_target="yes")


@pytest.mark.parametrize("one", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("other", ["float16", "bfloat16", "float32", "float64"])
def test_dtypes_promote(one, other):
    pair = (
        torch.full((2,), -1.0).to(getattr(torch, one)),
        torch.ones(2).to(getattr(torch, other)),
    )
    for reduction in REDUCTIONS:
        expected = theirs(*pair, reduction=reduction)
        assert kl_div(*pair, reduction=reduction).dtype == expected.dtype


def test_a_mean_does_not_overflow_with_its_sum():
    pair = torch.full((4096,), -40.0).half(), torch.ones(4096).half()
    assert theirs(*pair, reduction="batchmean") == INF
    assert kl_div(*pair, reduction="batchmean") == kl_div(*pair, reduction="mean") == 40


@both_targets
@pytest.mark.parametrize(("backend", "dtype"), combinations())
def test_every_library(backend, dtype, log_target):
    narrow = np.float32([[-0.5, -1.5, -3.0], [-1.25, -2.0, -0.375]])
    target = np.float32([[0.5, 0.0, 0.25], [0.75, 0.125, 1.0]])
    with np.errstate(divide="ignore"):
        target = np.log(target) if log_target else target
    with backend.active():
        pair = [backend.make(x.astype(backend_dtype(dtype))) for x in (narrow, target)]
        for reduction in ("none", "batchmean"):
            function = backend.wrap(
                lambda x, y, reduction=reduction: kl_div(
                    x, y, reduction=reduction, log_target=log_target
                )
            )
            actual = backend.read(function(*pair))
            wide = [
                torch.from_numpy(np.asarray(backend.read(x)).astype(np.float64)) for x in pair
            ]
            terms = theirs(*wide, reduction="none", log_target=log_target)
            terms = torch.nan_to_num(terms, nan=0.0)  # where the target has no mass
            expected = terms.numpy() if reduction == "none" else terms.sum().numpy() / 2
            assert actual.dtype.name == dtype
            assert_ulp(actual, expected, 20.0 if dtype == "float64" else 1.0)


def backend_dtype(name):
    from ..oracle.exact import FORMATS

    return FORMATS[name].dtype


def test_a_lazy_array_of_unknown_size_is_not_summed():
    da = pytest.importorskip("dask.array")
    known = da.from_array(np.full(6, 0.25), chunks=3)
    unknown = known[known > 0.1]
    for reduction in ("sum", "mean", "batchmean"):
        with pytest.raises(ValueError, match="compute_chunk_sizes"):
            kl_div(unknown, unknown, reduction=reduction)
    terms = kl_div(unknown, unknown, reduction="none").compute()
    assert_ulp(terms, 0.25 * (math.log(0.25) - 0.25), 2.0)


# --- the truth ----------------------------------------------------------------------------


def exact_terms(x, t, log_target):
    with mp.workprec(BITS):
        x, t = ([mp.mpf(v) for v in side.tolist()] for side in (x, t))
        if log_target:
            return [mp.exp(b) * (b - a) for a, b in zip(x, t, strict=True)]
        return [b * (mp.log(b) - a) for a, b in zip(x, t, strict=True)]


def exact_slopes(x, t, log_target):
    """By input, and by target."""
    with mp.workprec(BITS):
        x, t = ([mp.mpf(v) for v in side.tolist()] for side in (x, t))
        mass = [mp.exp(v) if log_target else v for v in t]
        logs = t if log_target else [mp.log(v) for v in t]
        rates = [b + 1 - a for a, b in zip(x, logs, strict=True)]
        by_target = [m * r for m, r in zip(mass, rates, strict=True)] if log_target else rates
        return [-m for m in mass], by_target


def hard_pairs(log_target, dtype):
    """Weights of all sizes, with inputs close to their logarithms, one off, and far."""
    rng = np.random.default_rng(5)
    low = -30 if dtype == np.float32 else -250
    parts = (
        rng.uniform(0, 1, 60),
        10.0 ** rng.uniform(low, 3, 60),
        1 - 10.0 ** -rng.uniform(1, 15, 30),
    )
    target = np.concatenate(parts).astype(dtype)
    target = target[target > 0]
    logs = np.log(target.astype(np.float64))
    gaps = 10.0 ** rng.uniform(-14, -1, target.size) * rng.choice([-1, 1], target.size)
    inputs = (
        logs * (1 + gaps),
        logs + 1 + 1e-15 * rng.integers(-9, 10, target.size),
        -(10.0 ** rng.uniform(-2, 2, target.size)),
    )
    targets = np.tile(logs if log_target else target, 3)
    return np.concatenate(inputs).astype(dtype), targets.astype(dtype)


def allowance(bound, x, t, value, log_target, dtype):
    """The bound, and what a weight's logarithm adds where it is rounded to float64."""
    if log_target or dtype == np.float64:
        return bound
    gap = np.abs(np.log(t.astype(np.float64)) - x) if value == "term" else 1.0
    return bound + 2.0**-28 * np.abs(x) / np.maximum(gap, 1e-300)


@both_targets
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_terms_have_their_digits(dtype, name, log_target):
    x, t = hard_pairs(log_target, dtype)
    truth = exact_terms(x, t, log_target)
    backend = BACKENDS[name]
    with backend.active():
        options = {"reduction": "none", "log_target": log_target}
        actual = backend.read(kl_div(backend.make(x), backend.make(t), **options))
    bound = 3.0 if dtype == np.float64 else 1.0
    error = ulp_error(actual, truth)
    assert (error <= allowance(bound, x, t, "term", log_target, dtype)).all(), error.max()


@both_targets
@pytest.mark.parametrize("name", ["numpy", "numpy-tiles", "torch", "jax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_sums_have_their_digits(dtype, name, log_target):
    x, t = hard_pairs(log_target, dtype)
    backend = BACKENDS[name]
    for start in (0, len(x) // 3, 2 * len(x) // 3):
        part = slice(start, start + len(x) // 3)
        terms = exact_terms(x[part], t[part], log_target)
        with mp.workprec(BITS):
            truth = mp.fsum(terms)
            condition = float(mp.fsum(map(abs, terms)) / abs(truth)) if truth else 1.0
        with backend.active():
            pair = backend.make(x[part]), backend.make(t[part])
            value = backend.read(kl_div(*pair, reduction="sum", log_target=log_target))
        assert_ulp(value, truth, 4.0 if dtype == np.float64 else 2.0, condition=condition)


@both_targets
@pytest.mark.parametrize("reduction", ["none", "sum"])
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_derivatives_have_their_digits(name, reduction, log_target):
    x, t = hard_pairs(log_target, np.float64)
    by_input, by_target = exact_slopes(x, t, log_target)
    backend = BACKENDS[name]
    with backend.active():
        found = backend.pull(
            backend,
            lambda a, b: kl_div(a, b, reduction=reduction, log_target=log_target),
            (x, t),
        )
    assert_ulp(found[0], by_input, 4.0)
    assert_ulp(found[1], by_target, 4.0)


@both_targets
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_first_and_second_derivatives(reduction, log_target):
    pair = [x.requires_grad_() for x in operands((2, 3), log_target=log_target)]

    def function(x, t):
        return kl_div(x, t, reduction=reduction, log_target=log_target)

    assert torch.autograd.gradcheck(function, pair)
    assert torch.autograd.gradgradcheck(function, pair)
    forward = torch.func.jacfwd(torch.func.jacfwd(function, 1), 1)(*pair)
    backward = torch.func.jacrev(torch.func.jacrev(function, 1), 1)(*pair)
    torch.testing.assert_close(forward, backward)


def test_transforms_and_compilers():
    pair = operands((3, 4), log_target=False)

    def function(x, t):
        return kl_div(x, t, reduction="sum")

    expected = theirs(*pair, reduction="none").sum(1)
    torch.testing.assert_close(torch.vmap(function)(*pair), expected)
    compiled = torch.compile(function, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*pair), expected.sum())


def test_second_derivatives_where_the_sides_are_equal():
    """Where the term, or its derivative, is zero, a zero factor must not hide a slope."""
    x = torch.tensor([-1.0, -700.0, 1.0], dtype=torch.float64)
    twice = torch.func.jacfwd(
        torch.func.jacfwd(lambda t: kl_div(x, t, reduction="sum", log_target=True))
    )
    torch.testing.assert_close(torch.diagonal(twice(x.clone())), 2 * x.exp())
    torch.testing.assert_close(torch.diagonal(twice(x - 1)), (x - 1).exp())


# --- limits -------------------------------------------------------------------------------

LIMITS = [
    # input, target, its logarithm, term, its derivative by target
    (-1.0, 0.0, -INF, 0.0, -INF),
    (-INF, 0.0, -INF, 0.0, 0.0),
    (INF, 0.0, -INF, NAN, NAN),
    (NAN, 0.0, -INF, NAN, NAN),
    (-INF, 0.5, math.log(0.5), INF, INF),
    (INF, 0.5, math.log(0.5), -INF, -INF),
    (-1.0, INF, INF, INF, INF),
    (0.5, INF, INF, INF, INF),
    (-INF, INF, INF, INF, INF),
    (INF, INF, INF, NAN, NAN),
    (-1.0, NAN, NAN, NAN, NAN),
]


@both_targets
@pytest.mark.parametrize(
    ("name", "reduction"), [("torch", "none"), ("torch", "sum"), ("jax", "none")]
)
def test_limits(name, reduction, log_target):
    x, weights, logs, terms, slopes = map(np.array, zip(*LIMITS, strict=True))
    if log_target:
        slopes = np.where(weights == 0, 0.0, slopes)
    known = ~np.isnan(terms)
    pair = x, logs if log_target else weights
    backend = BACKENDS[name]
    with backend.active():

        def function(a, b):
            return kl_div(a, b, reduction=reduction, log_target=log_target)

        rows = (
            [slice(None)] if reduction == "none" else [slice(i, i + 1) for i in range(x.size)]
        )
        for row in rows:
            part = [one[row] for one in pair]
            value = backend.read(function(*map(backend.make, part)))
            by_input, by_target = backend.pull(backend, function, part)
            here = known[row]
            np.testing.assert_array_equal(value, terms[row] if value.ndim else terms[row][0])
            np.testing.assert_array_equal(by_target[here], slopes[row][here])
            np.testing.assert_array_equal(by_input[here], -weights[row][here])


def test_a_negative_weight():
    assert np.isnan(kl_div(np.array([-1.0]), np.array([-0.5]), reduction="none")).all()


def test_mass_that_underflows_still_meets_infinity():
    tiny = torch.tensor([-800.0], dtype=torch.float64)
    gone = torch.tensor([-INF], dtype=torch.float64)
    assert theirs(gone, tiny, reduction="sum", log_target=True).isnan()
    assert kl_div(gone, tiny, reduction="sum", log_target=True) == INF


@pytest.mark.parametrize("t", [-745.0, -710.5, 709.9])
def test_masses_at_the_ends_of_the_range(t):
    x = t - 1e-6 if t > 0 else t - 4000.0
    pair = np.array([x]), np.array([t])
    actual = kl_div(*pair, reduction="none", log_target=True)
    assert_ulp(actual, exact_terms(*pair, True), 3.0)


@both_targets
def test_equal_sides_give_zero_and_its_gradient(log_target):
    logs = torch.tensor([-0.5, -1.0, -3.0, -INF], dtype=torch.float64)
    target = (logs.clone() if log_target else logs.exp()).requires_grad_()
    value = kl_div(logs, target, reduction="sum", log_target=log_target)
    (slope,) = torch.autograd.grad(value, target)
    assert abs(value) <= 1e-16
    expected = [0.0 if one == -INF else 1.0 for one in logs]
    if log_target:
        expected = torch.tensor(expected) * logs.exp()
    torch.testing.assert_close(slope, torch.as_tensor(expected, dtype=torch.float64))


# --- what torch gets wrong ----------------------------------------------------------------


def test_a_class_without_mass_on_both_sides():
    x = torch.log_softmax(torch.tensor([0.0, 1.0, -INF]), -1)
    target = torch.softmax(torch.tensor([0.5, 1.0, -INF]), -1).requires_grad_()
    assert theirs(x, target, reduction="sum").isnan()
    value = kl_div(x, target, reduction="sum")
    expected = relentropy.kl_divergence(target, x, from_logits=(False, True))
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-7)
    value.backward()
    assert torch.isfinite(target.grad).all()
    logs = torch.log(target.detach())
    assert theirs(x, logs, reduction="sum", log_target=True).isnan()
    again = kl_div(x, logs, reduction="sum", log_target=True)
    torch.testing.assert_close(again, expected, rtol=1e-5, atol=1e-7)


def test_a_long_row_of_float32_is_summed_to_its_last_digit():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(131_072, generator=generator)
    moved = logits + 1e-4 * torch.randn(131_072, generator=generator)
    target, x = torch.softmax(logits, -1), torch.log_softmax(moved, -1)
    wide = target.double()
    truth = math.fsum((wide * (wide.log() - x.double())).tolist())
    assert_ulp(kl_div(x, target, reduction="sum"), truth, 1.0)
    expected = theirs(x, target, reduction="sum")
    assert abs(expected - truth) > 1e-2 * abs(truth)
