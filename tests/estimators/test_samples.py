"""kl_estimate: digits, limits, and what is unbiased, as enumeration must confirm."""

import inspect
import itertools
import re

import numpy as np
import pytest
from mpmath import mp

from relentropy._records import ESTIMATES
from relentropy.estimators import kl_estimate
from relentropy.testing import ulp_error

from ..oracle import estimates as oracle
from ..suite.backends import BACKENDS, combinations

INF, NAN = np.inf, np.nan
RECORD = ESTIMATES["kl_estimate"]
NAMES = ("k1", "k2", "k3", "abs")
every_name = pytest.mark.parametrize("name", NAMES)


def pairs(dtype):
    """Log-probabilities that are equal, a step apart, and up to the overflow limit apart."""
    rng = np.random.default_rng(7)
    reach = 709.0 if dtype == "float64" else 88.0
    log_p = -(10 ** rng.uniform(-3, 1.5, 60))
    gaps = 10 ** rng.uniform(-12, np.log10(reach), 60) * rng.choice([-1, 1], 60)
    log_r = log_p - gaps
    seams = np.array([-4.0, -2.0, -1.0, 1.0, 2.0, 4.0])
    seams = np.concatenate([seams, np.nextafter(seams, 0), np.nextafter(seams, 2 * seams)])
    log_p = np.concatenate([log_p, 0 * seams, [-1.0] * 4, [-reach, 0.0, -1e-300]])
    log_r = np.concatenate([log_r, -seams, [-1.0] * 4, [0.0, -reach, -2e-300]])
    import ml_dtypes  # registers bfloat16

    assert ml_dtypes
    log_p, log_r = (x.astype(dtype) for x in (log_p, log_r))
    one = slice(78, 82)  # next to each other
    bits = f"i{log_p.dtype.itemsize}"
    log_r[one] = (log_p[one].view(bits) + np.arange(-2, 2, dtype=bits)).view(log_p.dtype)
    return log_p, log_r


def result(dtype):
    return "float64" if dtype == "float64" else "float32"


def bound(ulp, dtype, backend):
    """The record's; without float64 all is worked in float32, like float64 in float64."""
    return ulp["float64" if dtype == "float64" or not backend.has_float64 else "float32"]


# --- digits -----------------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "dtype"), combinations())
def test_every_library_has_all_digits(backend, dtype):
    log_p, log_r = pairs(dtype)
    with backend.active():
        for name in NAMES:
            made = backend.make(log_p), backend.make(log_r)
            got = backend.read(
                backend.wrap(lambda p, r, name=name: kl_estimate(p, r, estimator=name))(*made)
            )
            assert got.dtype.name == result(dtype)
            truth = [oracle.estimate(name, p, r) for p, r in zip(log_p, log_r, strict=True)]
            keep = slice(None)
            if backend.library == "jax":  # flushes what is not normal
                tiny = float(np.finfo(result(dtype)).tiny)
                keep = np.array([not 0 < abs(t) < tiny for t in truth])
            errors = ulp_error(got, truth)[keep]
            assert errors.max() <= bound(RECORD.ulp, dtype, backend), (name, errors.argmax())
            equal = log_p == log_r
            assert np.all(got[equal] == 0)
            assert np.all(got >= 0) or name == "k1"


@pytest.mark.parametrize("library", ["torch", "jax", "jax-x32"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_derivatives_have_all_digits(library, dtype):
    backend = BACKENDS[library]
    if dtype not in backend.dtypes:
        pytest.skip("the library lacks it")
    log_p, log_r = pairs(dtype)
    with backend.active():
        for name in NAMES:
            by_p, by_r = backend.pull(
                backend, lambda p, r, name=name: kl_estimate(p, r, estimator=name),
                [log_p, log_r],
            )  # fmt: skip
            assert by_p.dtype == log_p.dtype  # rounded to the operand's own
            truth = [
                oracle.estimate_slope(name, p, r) for p, r in zip(log_p, log_r, strict=True)
            ]
            keep = np.array([t == 0 or abs(t) > 1e-37 for t in truth])
            assert ulp_error(by_p, truth)[keep].max() <= bound(RECORD.slope_ulp, dtype, backend)
            np.testing.assert_array_equal(by_r, -by_p)


def test_weights_enter_the_exponential():
    # exp(-u) overflows, and the weight takes it back: a sample that the model hardly has.
    log_p, log_r = np.array([-900.0, -900.0, -30.0, -1e5]), np.array([-1.0, -1.0, -1.0, -1.0])
    log_w = np.array([-899.0, -400.0, -29.5, -1e5])
    got = kl_estimate(log_p, log_r, log_weights=log_w)
    truth = [oracle.estimate("k3", *row) for row in zip(log_p, log_r, log_w, strict=True)]
    assert ulp_error(got, truth).max() <= RECORD.ulp["float64"] + 1
    assert kl_estimate([-900.0], [-1.0])[0] == INF  # nothing is clipped silently


@every_name
def test_weights_keep_the_digits(name):
    rng = np.random.default_rng(3)
    log_p, log_r = pairs("float64")
    log_w = rng.normal(size=log_p.size)
    got = kl_estimate(log_p, log_r, estimator=name, log_weights=log_w)
    truth = [oracle.estimate(name, *row) for row in zip(log_p, log_r, log_w, strict=True)]
    assert ulp_error(got, truth).max() <= RECORD.ulp["float64"] + 1


def test_k3_where_peers_overflow_or_clamp():
    # verl clips the log-ratio to 20 and k3 to 10; TRL's exp overflows in bfloat16 at 89.
    assert kl_estimate([-25.0], [-1.0])[0] == pytest.approx(np.exp(24) - 25, rel=1e-15)
    torch = pytest.importorskip("torch")
    p, r = (torch.tensor([x], dtype=torch.bfloat16) for x in (-81.0, -1.0))
    assert float(kl_estimate(p, r)[0]) == pytest.approx(np.exp(80) - 81, rel=1e-7)
    clipped = kl_estimate([-25.0], [-1.0], max_log_ratio=20)
    assert clipped[0] == pytest.approx(np.exp(20) - 21, rel=1e-15)


# --- the table --------------------------------------------------------------------------

ROW = re.compile(
    r"^(k1|k2|k3|abs|control_variate) +(pathwise|straight_through) +"
    r"(none|detached|differentiable) +(yes|no) +(yes|no) +(yes|no) +(yes|no)$",
    re.MULTILINE,
)
TABLE = ROW.findall(inspect.getdoc(kl_estimate))


def test_the_table_is_closed():
    expected = {
        (name, gradient, weights)
        for name, gradient, weights in itertools.product(
            (*NAMES, "control_variate"),
            ("pathwise", "straight_through"),
            ("none", "detached", "differentiable"),
        )
        if (gradient, weights) != ("straight_through", "differentiable")
    }
    assert {row[:3] for row in TABLE} == expected
    assert len(TABLE) == len(expected)


def enumerated(name, gradient, weights, *, off_policy):
    """E[estimate] and E[its gradient] over all of a small vocabulary, beside the truth's."""
    import torch

    generator = torch.Generator().manual_seed(1)
    theta, ref, other = (
        torch.randn(5, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    theta.requires_grad_()
    log_pi, log_ref = (torch.log_softmax(x, -1) for x in (theta, ref))
    log_mu = torch.log_softmax(other, -1) if off_policy else log_pi.detach()
    options = {}
    if weights != "none":
        options["log_weights"] = log_pi - log_mu
        options["detach_weights"] = weights == "detached"
    one = kl_estimate(log_pi, log_ref, estimator=name, gradient=gradient, **options)
    mean = (log_mu.exp() * one).sum()
    exact = (log_pi.exp() * (log_pi - log_ref)).sum()
    slopes = [torch.autograd.grad(x, theta, retain_graph=True)[0] for x in (mean, exact)]
    return (mean.item(), exact.item()), slopes


@pytest.mark.parametrize("row", TABLE, ids=lambda row: "-".join(row[:3]))
def test_enumeration_confirms_the_table(row):
    pytest.importorskip("torch")
    name, gradient, weights, *claims = row
    value, slope = [], []
    for off_policy in (False, True):
        (mean, exact), (by, truth) = enumerated(name, gradient, weights, off_policy=off_policy)
        value.append(abs(mean - exact) < 1e-14)
        slope.append(bool((by - truth).abs().max() < 1e-14))
        # What is wrong is wrong by far more than rounding.
        assert abs(mean - exact) < 1e-14 or abs(mean - exact) > 1e-3
        assert slope[-1] or (by - truth).abs().max() > 1e-3
    assert ["yes" if one else "no" for one in value + slope] == claims


def test_k3s_own_gradient_is_that_of_the_reverse_divergence():
    torch = pytest.importorskip("torch")
    theta = torch.tensor([0.3, -1.0, 0.2], dtype=torch.float64, requires_grad=True)
    log_ref = torch.log_softmax(torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64), -1)
    log_pi = torch.log_softmax(theta, -1)
    loss = (log_pi.detach().exp() * kl_estimate(log_pi, log_ref)).sum()
    reverse = (log_ref.exp() * (log_ref - log_pi)).sum()
    one, other = (torch.autograd.grad(x, theta, retain_graph=True)[0] for x in (loss, reverse))
    torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ["k1", "k3", "control_variate"])
@pytest.mark.parametrize("off_policy", [False, True])
def test_simulation_agrees_within_its_own_interval(name, off_policy):
    rng = np.random.default_rng(20)
    theta, ref, other = rng.normal(size=(3, 8))
    log_pi, log_ref, log_mu = (x - np.log(np.exp(x).sum()) for x in (theta, ref, other))
    log_mu = log_mu if off_policy else log_pi
    x = rng.choice(8, size=200_000, p=np.exp(log_mu))
    weights = {"log_weights": (log_pi - log_mu)[x]} if off_policy else {}
    got = kl_estimate(log_pi[x], log_ref[x], estimator=name, **weights)
    exact = np.sum(np.exp(log_pi) * (log_pi - log_ref))
    error = got.std(ddof=1) / np.sqrt(got.size)
    assert abs(got.mean() - exact) < 4 * error
    assert error < 0.02 * exact


def test_the_fitted_coefficient_has_the_least_variance():
    rng = np.random.default_rng(5)
    log_p, log_r = rng.normal(size=(2, 500)) * 0.4
    spread = {
        name: np.var(kl_estimate(log_p, log_r, estimator=name))
        for name in ("k1", "k3", "control_variate")
    }
    assert spread["control_variate"] < min(spread["k1"], spread["k3"])
    control = np.expm1(log_r - log_p)
    best = min(np.var(log_p - log_r + c * control) for c in np.linspace(0, 2, 2001))
    assert spread["control_variate"] == pytest.approx(best, rel=1e-4)


def test_the_fit_of_near_samples_has_its_digits():
    # 1 - c is of the order of the log-ratio there, and is not 1 minus a rounded c.
    rng = np.random.default_rng(6)
    log_p = np.full(9, -1.0)
    log_r = log_p - 1e-9 * rng.normal(size=9)
    got = kl_estimate(log_p, log_r, estimator="cv")
    with mp.workprec(600):
        u = [mp.mpf(float(p)) - mp.mpf(float(r)) for p, r in zip(log_p, log_r, strict=True)]
        y = [mp.expm1(-one) for one in u]
        mean_y, mean_u = mp.fsum(y) / 9, mp.fsum(u) / 9
        c = -mp.fsum((a - mean_y) * (b - mean_u) for a, b in zip(y, u, strict=True))
        c /= mp.fsum((a - mean_y) ** 2 for a in y)
        truth = [float(b + c * a) for a, b in zip(y, u, strict=True)]
    np.testing.assert_allclose(got, truth, rtol=1e-6)


# --- limits and arguments -------------------------------------------------------------------


def test_limits():
    p = np.array([-INF, -INF, -1.0, NAN, INF, -1.0])
    r = np.array([-INF, -1.0, -INF, -1.0, -1.0, NAN])
    expected = {
        "k1": [0, -INF, INF, NAN, NAN, NAN],
        "k2": [0, INF, INF, NAN, NAN, NAN],
        "k3": [0, INF, INF, NAN, NAN, NAN],
        "abs": [0, INF, INF, NAN, NAN, NAN],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(kl_estimate(p, r, estimator=name), values)
    # An infinite weight of an infinite estimate is infinite.
    assert kl_estimate([-INF], [-1.0], log_weights=[INF])[0] == INF
    # A weight of zero takes infinities away, and hides no nan.
    got = kl_estimate(p, r, log_weights=np.full(6, -INF))
    np.testing.assert_array_equal(got, [0, 0, 0, NAN, NAN, NAN])


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("gradient", ["pathwise", "straight_through"])
def test_what_is_masked_does_not_leak(library, gradient):
    backend = BACKENDS[library]
    with backend.active():
        mask = np.array([True, False, True, False, False])
        p, r = np.array([-1.0, NAN, -2.0, -INF, 800.0]), np.array([-1.5, 1.0, -2.0, 0.0, -INF])
        w = np.array([0.1, NAN, 0.0, INF, 1e4])
        for name in (*NAMES, "control_variate"):

            def call(p, r, w, name=name):
                return kl_estimate(
                    p, r, estimator=name, gradient=gradient, log_weights=w,
                    where=backend.make(mask),
                )  # fmt: skip

            value = backend.read(call(*(backend.make(x) for x in (p, r, w))))
            found = backend.pull(backend, call, [p, r, w])
            assert np.all(value[~mask] == 0)
            assert np.all(np.isfinite(value))
            for one in found:
                assert np.all(one[~mask] == 0)
                assert np.all(np.isfinite(one))


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_padding_on_both_sides_has_no_gradient(library):
    backend = BACKENDS[library]
    with backend.active():
        for name in NAMES:
            by_p, by_r = backend.pull(
                backend, lambda p, r, name=name: kl_estimate(p, r, estimator=name),
                [np.array([-INF, -1.0]), np.array([-INF, -1.0])],
            )  # fmt: skip
            assert by_p[0] == by_r[0] == 0
            assert by_p[1] == (name == "k1")


def test_truncation_is_explicit():
    torch = pytest.importorskip("torch")
    p = torch.tensor([-1.0, -1.0], dtype=torch.float64)
    w = torch.tensor([0.0, 5.0], dtype=torch.float64, requires_grad=True)
    whole = kl_estimate(p, p - 0.5, log_weights=w)
    cut = kl_estimate(p, p - 0.5, log_weights=w, max_weight=2.0)
    (by,) = torch.autograd.grad(cut.sum(), w)
    whole, cut = whole.tolist(), cut.tolist()
    assert whole[1] == pytest.approx(np.exp(5) * whole[0], rel=1e-14)
    assert cut[1] == pytest.approx(2 * whole[0], rel=1e-14)
    assert by[0] == cut[0]
    assert by[1] == 0


def test_bounded_ratios():
    torch = pytest.importorskip("torch")
    p = torch.tensor([-9.0, -1.2, -1.0], dtype=torch.float64, requires_grad=True)
    r = torch.tensor([-1.0, -1.0, -9.0], dtype=torch.float64)
    for name in NAMES:
        value = kl_estimate(p, r, estimator=name, max_log_ratio=3.0)
        at_bound = kl_estimate([-3.0, -0.2, 3.0], [0.0, 0.0, 0.0], estimator=name)
        np.testing.assert_allclose(value.detach().numpy(), at_bound, rtol=1e-14)
        (by,) = torch.autograd.grad(value.sum(), p)
        assert by[0] == by[2] == 0
        assert by[1] != 0
        value = kl_estimate(p, r, estimator=name + "+", max_log_ratio=3.0)
        (by,) = torch.autograd.grad(value.sum(), p)
        np.testing.assert_allclose(by, [-3, -0.2, 3], rtol=1e-13)


@pytest.mark.parametrize(
    ("alias", "name"),
    [("kl", "k1"), ("mse", "k2"), ("low_var_kl", "k3"), ("cv", "control_variate")],
)
def test_names_in_use_elsewhere(alias, name):
    p, r = np.array([-1.0, -2.0, -0.3]), np.array([-1.5, -0.5, -0.2])
    np.testing.assert_array_equal(
        kl_estimate(p, r, estimator=alias), kl_estimate(p, r, estimator=name)
    )
    plus = kl_estimate(p, r, estimator=alias + "+")
    np.testing.assert_array_equal(plus, kl_estimate(p, r, estimator=name))


def test_weights_of_sequences():
    p, r = np.full((2, 3), -1.0), np.full((2, 3), -2.0)
    w = np.log([[0.5], [2.0]])
    one = kl_estimate([-1.0], [-2.0])[0]
    np.testing.assert_allclose(
        kl_estimate(p, r, log_weights=w), one * np.exp(w) * np.ones(3), rtol=1e-15
    )
    with pytest.raises(ValueError, match=r"log_weights of shape \(2,\) must have 2 axes"):
        kl_estimate(p, r, log_weights=w[:, 0])


def test_a_sequences_k1_is_its_log_ratio():
    rng = np.random.default_rng(0)
    p, r = -rng.exponential(size=(2, 4, 30))
    mask = rng.random((4, 30)) < 0.7
    total = kl_estimate(p, r, estimator="k1", where=mask).sum(-1)
    expected = np.sum(p, -1, where=mask) - np.sum(r, -1, where=mask)
    np.testing.assert_allclose(total, expected, rtol=1e-13)


def test_one_sample_and_equal_ones_are_k3():
    for p, r in (([-1.0], [-1.5]), ([-1.0, -2.0], [-1.5, -2.5]), ([-2e3, -1.0], [-1.0, -2.0])):
        np.testing.assert_array_equal(
            kl_estimate(p, r, estimator="cv"), kl_estimate(p, r, estimator="k3")
        )


def test_empty_and_single():
    assert kl_estimate(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 3)
    assert kl_estimate(np.zeros((0,)), np.zeros((0,)), estimator="cv").shape == (0,)
    assert kl_estimate(-1.0, -1.0) == 0
    assert kl_estimate(np.float16(-1), np.float16(-2)).dtype == np.float32


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"estimator": "k4"}, ValueError, "estimator must be one of"),
        ({"gradient": "none"}, ValueError, "gradient must be one of"),
        ({"max_log_ratio": 0}, ValueError, "max_log_ratio must be positive"),
        ({"max_weight": 2}, ValueError, "no log_weights"),
        ({"max_log_ratio": 10**400}, ValueError, "max_log_ratio must be positive and finite"),
        ({"estimator": "k1++"}, ValueError, r"estimator must be one of .* not 'k1\+\+'"),
        ({"estimator": None}, ValueError, r"estimator must be one of .* not None"),
        ({"max_weight": "2", "log_weights": np.zeros(2)}, TypeError, "max_weight must be"),
        ({"detach_weights": 1}, TypeError, "detach_weights must be True or False"),
        ({"where": np.ones(2)}, TypeError, "where must be boolean"),
        ({"where": np.ones(3, bool)}, ValueError, "where of shape"),
        ({"dtype": "int8"}, TypeError, "dtype must be one of"),
    ],
)
def test_impossible_options(options, error, words):
    with pytest.raises(error, match=words):
        kl_estimate(np.zeros(2), np.zeros(2), **options)


def test_bounds_may_be_numpys_narrow_numbers():
    found = kl_estimate(-1.0, -9.0, estimator="k1", max_log_ratio=np.float16(2))
    assert found == 2


def test_second_derivatives():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    p, r, w = (torch.tensor(x, requires_grad=True) for x in rng.normal(size=(3, 4)))
    for name in NAMES:

        def call(p, r, w, name=name):
            return kl_estimate(p, r, estimator=name, log_weights=w)

        assert torch.autograd.gradcheck(call, (p, r, w), check_forward_ad=True)
        assert torch.autograd.gradgradcheck(call, (p, r, w))


def test_compilers():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    p, r = (torch.tensor(x, requires_grad=True) for x in rng.normal(size=(2, 3, 4)))
    mask = torch.tensor(rng.random((3, 4)) < 0.5)

    def loss(p, r):
        return kl_estimate(p, r, estimator="cv", where=mask).sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(p, r), loss(p, r))
    one, other = (torch.autograd.grad(f(p, r), (p, r)) for f in (compiled, loss))
    torch.testing.assert_close(one, other)
