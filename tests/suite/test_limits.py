"""What nan, infinities, zeros and equality mean, on every path and in every library."""

import math

import numpy as np
import pytest

from relentropy import cross_entropy, entropy, jeffreys_divergence, kl_divergence, special
from relentropy.testing import assert_ulp

from .backends import DTYPES
from .samples import (
    BASED,
    CALLS,
    DIVERGENCES,
    MASKED,
    across,
    every,
    numpy_dtype,
    on,
    same_bits,
)

nan, inf = math.nan, math.inf
LIBRARIES = ("numpy", "numpy-tiles", "torch", "torch-cuda", "jax", "strict", "dask")
LN2 = math.log(2)

# Rows of p and q with what the divergence of the normalised rows is.
KL_OF_WEIGHTS = [
    ("no mass on either side contributes nothing", (0, 1, 1, 0), (0, 1, 1, 0), 0),
    ("minus zero is zero", (-0.0, 1, 1, -0.0), (0, 1, 1, 0), 0),
    ("0*log(0/q) = 0", (0, 1, 0, 0), (0, 1, 1, 0), LN2),
    ("p > 0 where q = 0", (1, 1, 0, 0), (0, 1, 0, 0), inf),
    ("p > 0 where q = -0", (1, 1, 0, 0), (-0.0, 1, 0, 0), inf),
    ("p has no mass", (0, 0, 0, 0), (1, 1, 0, 0), nan),
    ("q has no mass", (1, 1, 0, 0), (0, 0, 0, 0), nan),
    ("neither has mass", (0, 0, 0, 0), (0, 0, 0, 0), nan),
    ("nan in p", (nan, 1, 1, 0), (1, 1, 1, 1), nan),
    ("nan in q", (1, 1, 1, 0), (1, nan, 1, 1), nan),
    ("nan in p beside a zero", (nan, 1, 1, 0), (0, 1, 1, 1), nan),
    ("nan in q beside a zero", (0, 1, 1, 0), (nan, 1, 1, 1), nan),
    ("nan elsewhere than an infinite term", (1, 1, 1, 0), (0, 1, nan, 1), nan),
    ("nan where neither has mass", (nan, 0, 0, 0), (nan, 0, 0, 0), nan),
    ("negative p", (-1, 1, 1, 0), (1, 1, 1, 1), nan),
    ("negative q", (1, 1, 1, 0), (-1, 1, 1, 1), nan),
    ("negative q beside a zero", (0, 1, 1, 0), (-1, 1, 1, 1), nan),
    ("negative p beside a zero", (-1, 1, 1, 0), (0, 1, 1, 1), nan),
    ("negative on both sides", (-1, 3, 1, 0), (-1, 3, 1, 0), nan),
    ("negative and an infinite term", (1, 1, -1, 0), (0, 1, 1, 1), nan),
    ("infinite p", (inf, 1, 1, 0), (1, 1, 1, 1), nan),
    ("infinite q", (1, 1, 1, 0), (1, inf, 1, 1), nan),
    ("infinite on both sides", (1, inf, 1, 0), (1, inf, 1, 0), nan),
    ("a tie that sums to one mass", (1, 1, 0, 0), (1, 1, 0, 0), 0),
]
KL_OF_LOGITS = [
    ("no mass on either side contributes nothing", (0, 0, -inf), (0, 0, -inf), 0),
    ("p is zero", (0, -inf, -inf), (0, 0, -inf), LN2),
    ("p > 0 where q = 0", (0, 0, 0), (0, 0, -inf), inf),
    ("p has no mass", (-inf, -inf, -inf), (0, 0, 0), nan),
    ("q has no mass", (0, 0, 0), (-inf, -inf, -inf), nan),
    ("neither has mass", (-inf, -inf, -inf), (-inf, -inf, -inf), nan),
    ("+inf in p", (inf, 0, 0), (0, 0, 0), nan),
    ("+inf in q", (0, 0, 0), (0, inf, 0), nan),
    ("+inf in both", (inf, 0, 0), (inf, 0, 0), nan),
    ("+inf in q where p is zero", (-inf, 0, 0), (inf, 0, 0), nan),
    ("+inf in p where q is zero", (inf, 0, 0), (-inf, 0, 0), nan),
    ("nan in p", (nan, 0, 0), (0, 0, 0), nan),
    ("nan in q", (0, 0, 0), (0, nan, 0), nan),
    ("nan in q where p is zero", (-inf, 0, 0), (nan, 0, 0), nan),
    ("nan in p where q is zero", (nan, 0, 0), (-inf, 0, 0), nan),
    ("nan elsewhere than an infinite term", (0, 0, 0), (-inf, 0, nan), nan),
    ("minus zero is zero", (-0.0, 0, -inf), (0, -0.0, -inf), 0),
]


def columns(cases):
    labels, *operands, expected = zip(*cases, strict=True)
    return labels, [np.array(x, dtype=float) for x in operands], np.array(expected, float)


def check(backend, function, cases, **keywords):
    """All cases at once, as rows, in every dtype of the backend."""
    labels, operands, expected = columns(cases)
    with backend.active():
        for dtype in ("float32",) if backend.library == "jax" else backend.dtypes:
            arrays = [backend.make(x.astype(numpy_dtype(dtype))) for x in operands]
            result = backend.read(function(*arrays, **keywords)).astype(np.float64)
            close = np.isclose(result, expected, rtol=1e-2, atol=0, equal_nan=True)
            wrong = [
                f"{label}: {value} for {truth} in {dtype}"
                for label, value, truth, good in zip(
                    labels, result, expected, close, strict=True
                )
                if not good
            ]
            assert not wrong, "\n".join(wrong)
            zero = expected == 0
            assert not np.any(np.signbit(result[zero]))


@on(*LIBRARIES, "jax-x32")
def test_limits_of_divergences_of_weights(backend):
    check(backend, kl_divergence, KL_OF_WEIGHTS)


@on(*LIBRARIES)
def test_limits_of_divergences_of_logits(backend):
    check(backend, kl_divergence, KL_OF_LOGITS, from_logits=True)


def exponentials(values):
    return tuple(math.exp(v) if v < inf else v for v in values)


@on("numpy", "torch", "jax", "strict")
@pytest.mark.parametrize("flags", [(True, False), (False, True)], ids=str)
def test_limits_of_divergences_of_weights_and_logits(backend, flags):
    cases = [
        (label, p if flags[0] else exponentials(p), q if flags[1] else exponentials(q), value)
        for label, p, q, value in KL_OF_LOGITS
    ]
    check(backend, kl_divergence, cases, from_logits=flags)


@on("numpy", "torch", "jax", "strict")
def test_limits_of_generalised_divergences(backend):
    weights = [
        ("p is zero", (0, 0), (1, 2), 3),
        ("both are zero", (0, 0), (0, 0), 0),
        ("q is zero", (1, 0), (0, 1), inf),
        ("negative p", (-1, 1), (1, 1), nan),
        ("negative q", (1, 1), (1, -1), nan),
        ("negative q beside a zero", (0, 1), (-1, 1), nan),
        ("nan in q beside a zero", (0, 1), (nan, 1), nan),
        ("nan in p beside a zero", (nan, 1), (0, 1), nan),
        ("nan beside an infinite term", (1, nan), (0, 1), nan),
        ("equal", (0.3, 7), (0.3, 7), 0),
    ]
    check(backend, kl_divergence, weights, normalize=False)
    logits = [
        ("p is zero", (-inf, -inf), (0, 0), 2),
        ("both are zero", (-inf, -inf), (-inf, -inf), 0),
        ("q is zero", (0, -inf), (-inf, 0), inf),
        ("nan in q beside a zero", (-inf, 0), (nan, 0), nan),
        ("+inf in p", (inf, 0), (0, 0), nan),
        ("+inf in both", (inf, 0), (inf, 0), nan),
        ("equal", (0.3, 7), (0.3, 7), 0),
    ]
    check(backend, kl_divergence, logits, normalize=False, from_logits=True)


@on("numpy", "torch", "jax", "strict", "dask")
def test_limits_of_entropies(backend):
    weights = [
        ("certain", (0, 1, 0), 0),
        ("even", (1, 1, 0), LN2),
        ("minus zero is zero", (-0.0, 1, 1), LN2),
        ("no mass", (0, 0, 0), nan),
        ("nan", (nan, 1, 0), nan),
        ("nan alone", (nan, 0, 0), nan),
        ("negative", (-1, 2, 1), nan),
        ("infinite", (inf, 1, 1), nan),
    ]
    check(backend, entropy, weights)
    logits = [
        ("certain", (-inf, 3, -inf), 0),
        ("even", (5, 5, -inf), LN2),
        ("no mass", (-inf, -inf, -inf), nan),
        ("nan", (nan, 1, 0), nan),
        ("nan beside no mass", (nan, -inf, -inf), nan),
        ("+inf", (inf, 1, 0), nan),
    ]
    check(backend, entropy, logits, from_logits=True)


@on("numpy", "torch", "jax", "strict")
def test_limits_of_cross_entropies(backend):
    weights = [
        ("certain", (0, 1), (0, 1), 0),
        ("even", (1, 1), (1, 1), LN2),
        ("p > 0 where q = 0", (1, 1), (0, 1), inf),
        ("nan in q where p = 0", (0, 1), (nan, 1), nan),
        ("nan in p where q = 0", (nan, 1), (0, 1), nan),
        ("negative q where p = 0", (0, 1), (-1, 1), nan),
        ("nan beside an infinite term", (1, nan), (0, 1), nan),
        ("p has no mass", (0, 0), (1, 1), nan),
        ("q has no mass", (1, 1), (0, 0), nan),
    ]
    check(backend, cross_entropy, weights)
    logits = [
        ("certain", (-inf, 1), (-inf, 1), 0),
        ("p > 0 where q = 0", (0, 0), (-inf, 0), inf),
        ("nan in q where p = 0", (-inf, 0), (nan, 0), nan),
        ("+inf in q where p = 0", (-inf, 0), (inf, 0), nan),
        ("+inf in both", (inf, 0), (inf, 0), nan),
        ("p has no mass", (-inf, -inf), (0, 0), nan),
    ]
    check(backend, cross_entropy, logits, from_logits=True)


@on("numpy", "numpy-tiles", "torch", "jax", "strict", "dask")
def test_limits_of_logsumexp(backend):
    cases = [
        ("nothing", (-inf, -inf), -inf),
        ("one", (-inf, 3), 3),
        ("+inf", (inf, 3), inf),
        ("both infinities", (inf, -inf), inf),
        ("nan", (nan, 3), nan),
        ("nan beside +inf", (nan, inf), nan),
        ("nan beside -inf", (nan, -inf), nan),
        ("cancels to zero", (-LN2, -LN2), 0),
    ]
    check(backend, special.logsumexp, cases[:-1], axis=-1)


def test_limits_of_softmax():
    with np.errstate(all="raise"):
        a = np.array([[-inf, -inf], [nan, 0], [inf, 0], [-inf, 0], [inf, inf]])
        expected = np.array([[nan, nan], [nan, nan], [nan, nan], [0, 1], [nan, nan]])
        assert same_bits(special.softmax(a, axis=-1), expected)
        expected[3] = -inf, 0
        assert same_bits(special.log_softmax(a, axis=-1) + 0.0, expected)


@across([call for call in CALLS if call.kind == "elementwise"], *LIBRARIES[2:])
def test_nan_is_never_hidden_by_what_stands_beside_it(call, backend):
    others = np.array([0.0, -0.0, 1.0, -1.0, inf, -inf, nan])
    nans = np.full(len(others), nan)
    with backend.active():
        dtype = backend.dtypes[-1]
        for place in range(len(call.kinds)):
            operands = [others] * len(call.kinds)
            operands[place] = nans
            result = call(*(backend.make(x.astype(dtype)) for x in operands))
            assert np.all(np.isnan(backend.read(result)))


@pytest.mark.parametrize("dtype", DTYPES)
@every(CALLS)
def test_nan_anywhere_in_a_row_reaches_the_result(call, dtype):
    for place in range(len(call.kinds)):
        operands = call.draw(3, 4, dtype=dtype)
        operands[place][1, 2] = nan
        result = np.isnan(call.rows(*operands))
        assert not np.any(result[[0, 2]])
        assert np.all(result[1] if call.kind != "elementwise" else result[1, 2])


# --- equality ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 7, 300])
@across(DIVERGENCES, *LIBRARIES)
def test_equal_inputs_are_exactly_zero_apart(call, size, backend):
    if call.record.name + "-mixed" == call.name:
        pytest.skip("weights and logits are never the same bits")
    if backend.library in {"jax", "dask"} and size != 7:
        pytest.skip("one size is enough where every call is compiled or scheduled")
    with backend.active():
        for dtype in ("float32",) if backend.library == "jax" else backend.dtypes:
            p, _ = call.draw(3, size, dtype=dtype)
            result = backend.read(call(backend.make(p), backend.make(p)))
            assert same_bits(result, np.zeros(3, numpy_dtype(dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@across([c for c in DIVERGENCES if not c.name.endswith("mixed")], "numpy", "torch")
def test_equal_rows_merged_from_tiles_are_exactly_zero_apart(call, backend, dtype):
    with backend.active():
        p, _ = call.draw(2, 131072, dtype=dtype)
        p = backend.make(p)
        result = backend.read(call(p, p))
    assert same_bits(result, np.zeros(2, numpy_dtype(dtype)))


@every([c for c in DIVERGENCES if not c.name.endswith("mixed")])
def test_equal_rows_of_a_wide_range_are_exactly_zero_apart(call):
    rng = np.random.default_rng(3)
    x = np.clip(rng.normal(0, 300, (200, 30)), -740, 700)
    x = x if call.kinds[0] == "logit" else np.exp(x)
    x[rng.random(x.shape) < 0.1] = -inf if call.kinds[0] == "logit" else 0
    assert same_bits(call(x, x), np.zeros(200))


@on("numpy", "torch", "strict", "jax", "dask")
def test_terms_of_equal_numbers_are_exactly_zero(backend):
    with backend.active():
        dtype = backend.dtypes[-1]
        x = np.array([0.0, 1e-30, 0.3, 1.0, 7.0, 1e30], dtype)
        a = backend.make(x)
        assert same_bits(backend.read(special.kl_div(a, a)), np.zeros(6, dtype))
        assert np.all(backend.read(special.rel_entr(a, a)) == 0)
        assert np.all(backend.read(special.expm1mx(backend.make(x * 0))) == 0)


@every([c for c in MASKED if c.record.name != "kl_divergence" and "measure" not in c.name])
def test_certainty_has_an_entropy_of_exactly_zero(call):
    for dtype in DTYPES:
        x = np.array([0.0, 1.0, 0.0])
        operands = [
            (np.where(x == 1, 3, -inf) if kind == "logit" else x).astype(numpy_dtype(dtype))
            for kind in call.kinds
        ]
        assert same_bits(call(*operands), np.zeros((), numpy_dtype(dtype)))


# --- bases and warnings ------------------------------------------------------------------


@pytest.mark.parametrize("base", [2, 10, 2.0, np.float64(3), np.int64(7), 1.5, 1.001])
@across(
    [call for call in BASED if call.record.name != "js_distance"],
    "numpy",
    "torch",
    "strict",
    "dask",
)
def test_a_base_divides_by_its_logarithm(call, base, backend):
    operands = call.draw(5, 7)
    expected = call(*operands) / np.log(np.float64(base))
    with backend.active():
        result = backend.read(call(*(backend.make(x) for x in operands), base=base))
    assert_ulp(result, expected, 16)


@every(BASED)
def test_base_e_means_nats(call):
    operands = call.draw(5, 7)
    assert same_bits(call(*operands, base=math.e), call(*operands))


@pytest.mark.parametrize("count", [1, 2, 8, 1024])
def test_even_distributions_have_their_logarithm_of_bits(count):
    assert_ulp(entropy(np.ones(count), base=2), math.log2(count), 1)
    assert_ulp(entropy(np.zeros(count), base=2, from_logits=True), math.log2(count), 1)


@pytest.mark.parametrize("dtype", DTYPES)
@every(CALLS)
def test_nothing_warns_even_if_numpy_was_told_to_raise(call, dtype):
    values = [0.0, -0.0, 1.0, 1e-7, 6e4, -1.0, inf, -inf, nan]
    if dtype != "float16":
        values += [1e38, 1e-38, 1e-45]
    if dtype == "float64":
        values += [1e308, 5e-324]
    grid = np.array([(x, y) for x in values for y in values]).astype(numpy_dtype(dtype))
    with np.errstate(all="raise"):
        if call.kind == "elementwise":
            call(*(grid[:, i] for i in range(len(call.kinds))))
        else:
            call.rows(*(grid[:, ::step] for step in (1, -1, 1)[: len(call.kinds)]))
        if call.has_mask:
            mask = np.arange(grid.size).reshape(grid.shape) % 3 == 0
            base = {"base": 2} if call.has_base else {}
            call(*[grid] * len(call.kinds), where=mask, **base)


def test_a_weight_that_scaling_hides_is_still_there():
    """Once inf: beside the largest float64, the smallest one became 0 in the scaled row."""
    top = np.finfo(np.float64).max / 4
    p, q = np.array([top, top]), np.array([top, 5e-324])
    for f in (kl_divergence, jeffreys_divergence):
        assert f(p, q) == pytest.approx((math.log(top) - math.log(5e-324)) / 2, rel=0.01)
        assert f(q, p) < math.inf
