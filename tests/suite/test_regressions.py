"""Inputs that others' users report, of the families of divergences.

What is said of peers was measured with SciPy 1.17 and torch 2.13, "by its formula" with the
textbook's lines in torch. Relative entropy's own are in `test_properties`, the look-alikes' in
`tests/interop`.
"""

import math

import numpy as np
import pytest

import relentropy as re
from relentropy.testing import assert_ulp

from ..oracle import evaluate
from .backends import BACKENDS
from .samples import numpy_dtype, on

DISTANCES = {"js": re.js_distance, "hellinger": re.hellinger_distance}
FORMATS = ("bfloat16", "float16")
# jax compiles for long, and its types differ in the last rounding alone.
narrow = pytest.mark.parametrize(
    ("backend", "dtype"),
    [
        pytest.param(BACKENDS[library], dtype, id=f"{library}-{dtype}")
        for library, dtype in (("torch", "float32"), ("torch", "bfloat16"), ("jax", "float32"))
    ],
)


def close_logits(shape, gap, seed):
    rng = np.random.default_rng(seed)
    a = 2 * rng.standard_normal(shape)
    return a, a + gap * rng.standard_normal(shape)


# --- distances of close rows --------------------------------------------------------------


@on("numpy", "torch", "jax", "strict")
def test_js_distance_of_close_float32_rows(backend):
    """SciPy: nan, the root of what rounding made negative (scipy#20083)."""
    p = np.array([0.027501475, 0.055202297], np.float32)
    q = np.array([0.027537677, 0.055334348], np.float32)
    with backend.active():
        value = backend.read(re.js_distance(backend.make(p), backend.make(q)))
    assert_ulp(value, evaluate("js_distance", p.astype(float), q.astype(float)), 2)


@on("numpy", "torch", "strict")
def test_js_distance_of_halves_an_ulp_apart(backend):
    """SciPy: nan (scipy#20779)."""
    x = np.nextafter(0.5, 0)
    p, q = np.array([x, 1 - x]), np.array([1 - x, x])
    with backend.active():
        value = backend.read(re.js_distance(backend.make(p), backend.make(q)))
    assert_ulp(value, evaluate("js_distance", p, q), 4)


def test_js_distance_beside_a_subnormal_share():
    """SciPy: inf (scipy#19436). The square of the distance is below the range."""
    p, q = np.array([0.0, 1.0]), np.array([5e-324, 1.0])
    assert 0 <= re.js_distance(p, q) < 1e-153
    assert 0 <= re.js_divergence(p, q) <= 5e-324


@on("numpy", "torch", "jax", "strict")
def test_js_distance_of_proportional_rows(backend):
    """SciPy: 8.6e-5 in float32 (scipy#24664)."""
    with backend.active():
        p = backend.make(np.array([1, 2, 3], np.float32))
        q = backend.make(np.array([3, 6, 9], np.float32))
        for function in DISTANCES.values():
            assert backend.read(function(p, q)) == 0


@narrow
@pytest.mark.parametrize("name", DISTANCES)
def test_gradient_of_a_distance_between_equal_rows(backend, name, dtype):
    """By its formula: nan, the infinite slope of the root times a zero."""
    row = np.array([0.2, 0.3, 0.5]).astype(numpy_dtype(dtype))
    with backend.active():
        found = backend.pull(backend, DISTANCES[name], [row, row])
    assert all(np.all(one == 0) for one in found)


@on("torch")
@pytest.mark.parametrize("name", DISTANCES)
def test_gradient_of_a_batch_of_distances_of_which_one_is_zero(backend, name):
    """By its formula: nan in a row whose sides agree, which a mean spreads to all weights."""
    p = np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
    q = np.array([[0.2, 0.3, 0.5], [0.3, 0.3, 0.4]])
    with backend.active():
        by_p, by_q = backend.pull(backend, lambda p, q: DISTANCES[name](p, q).mean(), [p, q])
    assert np.all(by_p[0] == 0)
    assert np.all(by_q[0] == 0)
    assert np.all(np.isfinite(by_p[1] + by_q[1]))
    assert np.any(by_q[1])


# --- distillation -------------------------------------------------------------------------


@on("numpy", "torch")
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("weight", [0.1, 0.5])
def test_js_of_16_bit_logits_is_never_negative(backend, dtype, weight):
    """By its formula: negative in 47 of these 50 rows in bfloat16 (ms-swift#10156)."""
    a, b = (x.astype(numpy_dtype(dtype)) for x in close_logits((50, 1000), 0.02, seed=0))
    with backend.active():
        args = backend.make(a), backend.make(b)
        value = backend.read(re.js_divergence(*args, from_logits=True, weight=weight))
    wide = re.js_divergence(
        a.astype(np.float64), b.astype(np.float64), from_logits=True, weight=weight
    )
    assert np.all(value > 0)
    assert_ulp(value, wide, 1)


@on("torch")
def test_js_of_a_float32_student_and_a_bfloat16_teacher(backend):
    """By its formula: negative in all rows, although one side is float32 (ms-swift#10156)."""
    a, b = close_logits((20, 500), 0.01, seed=1)
    a, b = a.astype(numpy_dtype("bfloat16")), b.astype(np.float32)
    with backend.active():
        value = backend.read(
            re.js_divergence(backend.make(a), backend.make(b), from_logits=True)
        )
    assert value.dtype == np.float32
    wide = re.js_divergence(a.astype(np.float64), b.astype(np.float64), from_logits=True)
    assert np.all(value > 0)
    assert_ulp(value, wide, 2)


@narrow
def test_js_where_both_sides_underflow(backend, dtype):
    """By its formula: nan, 0*log(0/0) (Liger-Kernel#1453); its gradient as well."""
    a, b = np.array([[0, 0.5, -1000, -1000], [0.5, 0, -1004, -996]], numpy_dtype(dtype))
    wide = re.js_divergence(a.astype(np.float64), b.astype(np.float64), from_logits=True)
    short = re.js_divergence(a[:2].astype(float), b[:2].astype(float), from_logits=True)
    assert_ulp(wide, short, 4)
    with backend.active():
        value = backend.read(
            re.js_divergence(backend.make(a), backend.make(b), from_logits=True)
        )
        found = backend.pull(
            backend, lambda a, b: re.js_divergence(a, b, from_logits=True), [a, b]
        )
    assert_ulp(value, wide, 2)
    for one in found:
        assert np.all(np.isfinite(one))
        assert np.all(one[:2] != 0)
        assert np.all(one[2:] == 0)


@on("torch")
def test_gradient_of_js_between_close_bfloat16_logits(backend):
    """By its formula: differences of nearly equal shares, 4 to 23 % off (Liger-Kernel#1432)."""
    rows = [x.astype(numpy_dtype("bfloat16")) for x in close_logits((5, 300), 0.02, seed=2)]

    def loss(a, b):
        return re.js_divergence(a, b, from_logits=True)

    with backend.active():
        narrow = backend.pull(backend, loss, rows)
        wide = backend.pull(backend, loss, [x.astype(np.float64) for x in rows])
    for one, other in zip(narrow, wide, strict=True):
        large = np.abs(other) > 1e-3 * np.max(np.abs(other))
        assert_ulp(one[large], other[large], 1)


@pytest.mark.parametrize("weight", [1e-6, 1e-4])
def test_weighted_js_near_its_ends_is_relative_entropy_times_the_weight(weight):
    """A loss that is taken for relative entropy there is far smaller (ms-swift#10078)."""
    p, q = np.random.default_rng(3).random((2, 40))
    of_q = re.js_divergence(p, q, weight=weight) / weight
    of_p = re.js_divergence(p, q, weight=1 - weight) / weight
    np.testing.assert_allclose(of_q, re.kl_divergence(q, p), rtol=20 * weight)
    np.testing.assert_allclose(of_p, re.kl_divergence(p, q), rtol=20 * weight)
    assert re.js_divergence(p, q, weight=0) == re.js_divergence(p, q, weight=1) == 0


@on("numpy", "torch", "jax")
def test_js_of_a_large_vocabulary(backend):
    """By its formula: 200 times too large in float32, at a gap of 1e-4."""
    a, b = (x.astype(np.float32) for x in close_logits(131_072, 1e-4, seed=4))
    wide = re.js_divergence(a.astype(np.float64), b.astype(np.float64), from_logits=True)
    with backend.active():
        value = backend.read(
            re.js_divergence(backend.make(a), backend.make(b), from_logits=True)
        )
    assert 1e-10 < value < 1e-8
    assert_ulp(value, wide, 2)


def test_contributions_of_a_truncated_vocabulary_are_not_negative():
    """By the formula p*log(p/q) the largest entries alone sum to less than 0 (verl#7856)."""
    p, q = np.array([0.3, 0.2, 0.1, 0.4]), np.array([0.4, 0.3, 0.2, 0.1])
    kept = np.array([True, True, True, False])
    assert np.sum((p * np.log(p / q))[kept]) < 0
    parts = re.kl_contributions(p, q, where=kept, normalize=False)
    assert np.all(parts[kept] > 0)
    assert parts[3] == 0
    assert re.kl_divergence(p, q, where=kept, normalize=False) == pytest.approx(parts.sum())


# --- far apart, and excluded outcomes -----------------------------------------------------


@on("numpy", "numpy-formulas", "torch")
def test_weights_whose_shares_agree_beyond_an_ulp(backend):
    """Kernels were 283 ulp off: gaps of 1e-18 had been rounded before they cancelled."""
    p = np.random.default_rng(1).uniform(0.01, 1, (12, 2))
    q = np.nextafter(p, 2)
    truth = [evaluate("kl_divergence", *row) for row in zip(p, q, strict=True)]
    with backend.active():
        sides = backend.make(p), backend.make(q)
        for value in (re.kl_divergence(*sides), re.alpha_divergence(*sides, 1.0)):
            assert_ulp(backend.read(value), truth, 4)


@on("numpy", "torch", "jax", "strict")
def test_bhattacharyya_distance_of_certain_float32_outcomes(backend):
    """By its formula: inf, where all shares but one underflow."""
    with backend.active():
        a = backend.make(np.array([300, 0], np.float32))
        b = backend.make(np.array([-300, 0], np.float32))
        value = backend.read(re.bhattacharyya_distance(a, b, from_logits=True))
        assert backend.read(re.hellinger_distance(a, b, from_logits=True)) == 1
        js = backend.read(re.js_divergence(a, b, from_logits=True))
    assert_ulp(value, 150 - math.log(2), 2)
    assert_ulp(js, math.log(2), 1)


@on("torch")
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("entropy", [re.renyi_entropy, re.tsallis_entropy])
def test_gradient_of_an_entropy_in_an_order_with_an_excluded_outcome(backend, entropy, alpha):
    """By its formula: nan up to order 1, inf times the zero of the softmax."""
    a = np.array([0.3, 1.0, -np.inf])

    def value(a):
        return entropy(a, alpha, from_logits=True)

    with backend.active():
        (found,) = backend.pull(backend, value, [a])
        (short,) = backend.pull(backend, value, [a[:2]])
    assert found[2] == 0
    np.testing.assert_allclose(found[:2], short, rtol=1e-14)


@on("torch")
@pytest.mark.parametrize("name", ["js", "hellinger", "renyi", "alpha"])
def test_gradients_where_both_sides_exclude_an_outcome(backend, name):
    """By its formula: nan, of -inf less -inf."""
    function = {
        **DISTANCES,
        "renyi": lambda a, b, **options: re.renyi_divergence(a, b, 0.7, **options),
        "alpha": lambda a, b, **options: re.alpha_divergence(a, b, 1.5, **options),
    }[name]
    rows = np.array([[0.3, 1.0, -np.inf], [0.1, 2.0, -np.inf]])
    with backend.active():
        found = backend.pull(backend, lambda a, b: function(a, b, from_logits=True), list(rows))
        short = backend.pull(
            backend, lambda a, b: function(a, b, from_logits=True), list(rows[:, :2])
        )
    for one, other in zip(found, short, strict=True):
        assert one[2] == 0
        np.testing.assert_allclose(one[:2], other, rtol=1e-13)


@on("torch", "torch-formulas")
@pytest.mark.parametrize("name", ["skew_kl_divergence", "js_divergence"])
def test_gradients_where_the_student_excludes_what_the_teacher_nearly_does(backend, name):
    """A mass of exp(-800) is half of a mixture of which the other side has none."""
    a, b = np.array([0.3, 1.0, -800.0]), np.array([0.1, 2.0, -np.inf])

    def value(a, b):
        return getattr(re, name)(a, b, weight=0.3, from_logits=True)

    with backend.active():
        found = backend.pull(backend, value, [a, b])
        short = backend.pull(backend, value, [a[:2], b[:2]])
    for one, other in zip(found, short, strict=True):
        assert one[2] == 0
        np.testing.assert_allclose(one[:2], other, rtol=1e-13)


@on("numpy", "torch")
def test_surprisal_of_an_excluded_outcome(backend):
    """Infinite, and no nan in the others."""
    with backend.active():
        a = backend.make(np.array([0, 0, -np.inf], np.float32))
        value = backend.read(re.surprisal(a, from_logits=True))
    assert_ulp(value, [math.log(2), math.log(2), math.inf], 1)
