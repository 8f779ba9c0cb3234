"""What the mathematics says of all inputs, and the inputs that peers are known to fail on."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relentropy import cross_entropy, entropy, kl_divergence, special
from relentropy.testing import assert_ulp, ulp_error

from ..oracle import evaluate
from .samples import numpy_dtype, on, same_bits
from .strategies import LOGITS, WEIGHTS, modest, rows

# --- properties --------------------------------------------------------------------------


@modest
@given(rows(WEIGHTS | st.just(0.0), WEIGHTS | st.just(0.0)))
def test_divergences_of_weights_are_numbers_that_are_not_negative(pair):
    p, q = (np.append(x, 1.0) for x in pair)  # some mass on either side
    value = kl_divergence(p, q)
    assert value >= 0
    assert np.isinf(value) == bool(np.any((p > 0) & (q == 0)))
    assert kl_divergence(p, q, normalize=False) >= 0


@modest
@given(rows(LOGITS | st.just(-math.inf), LOGITS | st.just(-math.inf)))
def test_divergences_of_logits_are_numbers_that_are_not_negative(pair):
    a, b = (np.append(x, 1.0) for x in pair)
    value = kl_divergence(a, b, from_logits=True)
    assert value >= 0
    assert np.isinf(value) == bool(np.any((a > -np.inf) & (b == -np.inf)))


@modest
@given(rows(WEIGHTS, WEIGHTS), st.integers(-300, 300), st.integers(-300, 300))
def test_weights_scaled_by_powers_of_two_give_the_same_bits(pair, i, j):
    p, q = pair
    assert same_bits(kl_divergence(p * 2.0**i, q * 2.0**j), kl_divergence(p, q))
    assert same_bits(entropy(p * 2.0**i), entropy(p))
    assert same_bits(cross_entropy(p * 2.0**i, q * 2.0**j), cross_entropy(p, q))


@modest
@given(rows(LOGITS, LOGITS), LOGITS, LOGITS)
def test_logits_shifted_without_rounding_give_the_same_numbers(pair, i, j):
    a, b = pair
    for function in (kl_divergence, cross_entropy):
        shifted, value = (function(x, y, from_logits=True) for x, y in ((a + i, b + j), (a, b)))
        assert_ulp(shifted, value, 8)
    assert same_bits(special.softmax(a + i), special.softmax(a))
    assert same_bits(entropy(a + i, from_logits=True), entropy(a, from_logits=True))


@modest
@given(rows(WEIGHTS, WEIGHTS), rows(LOGITS, LOGITS), st.randoms(use_true_random=False))
def test_the_order_of_the_outcomes_does_not_matter(weights, logits, random):
    for pair, from_logits in ((weights, False), (logits, True)):
        order = list(range(len(pair[0])))
        random.shuffle(order)
        moved = [x[order] for x in pair]
        for function in (kl_divergence, cross_entropy):
            value = function(*pair, from_logits=from_logits)
            assert_ulp(function(*moved, from_logits=from_logits), value, 8)
        value = entropy(pair[0], from_logits=from_logits)
        assert_ulp(entropy(moved[0], from_logits=from_logits), value, 8)


@modest
@given(rows(WEIGHTS))
def test_entropies_lie_between_certainty_and_the_even_distribution(row):
    (p,) = row
    value = entropy(p)
    assert value >= 0
    assert value <= math.log(len(p)) * (1 + 4 * 2.0**-52)


@modest
@given(rows(WEIGHTS, WEIGHTS))
def test_cross_entropy_is_entropy_and_divergence(pair):
    p, q = pair
    together = entropy(p) + kl_divergence(p, q)
    np.testing.assert_allclose(cross_entropy(p, q), together, rtol=1e-14)


@modest
@given(rows(LOGITS))
def test_softmax_sums_to_one_and_is_the_exponential_of_log_softmax(row):
    (a,) = row
    p, log_p = special.softmax(a), special.log_softmax(a)
    np.testing.assert_allclose(math.fsum(p), 1, rtol=1e-14)
    assert np.all(log_p <= 0)
    assert np.all(p[p < 1e-300] < 1e-299)
    np.testing.assert_allclose(p, np.exp(log_p), rtol=1e-12)
    assert special.logsumexp(a) >= np.max(a)


@modest
@given(rows(WEIGHTS, WEIGHTS), rows(LOGITS, LOGITS))
def test_any_row_has_its_digits(weights, logits):
    for pair, from_logits in ((weights, False), (logits, True)):
        truth = evaluate("kl_divergence", *pair, from_logits=from_logits)
        assert ulp_error(kl_divergence(*pair, from_logits=from_logits), truth) <= 4


@modest
@given(st.floats(0, 1e300), st.floats(0, 1e300))
def test_terms_are_not_negative_and_zero_only_between_equals(x, y):
    value = special.kl_div(x, y)
    assert value >= 0
    if x != y and max(x, y) > 1e-100 and min(x, y) > 0:
        assert value > 0


# --- what peers get wrong ----------------------------------------------------------------


def test_scipy_kl_div_of_far_apart_numbers_is_minus_infinity():
    assert special.kl_div(1e-300, 1e300) == 1e300


def test_scipy_kl_div_of_close_numbers_is_zero():
    x, y = 0.3, 0.3 * (1 + 1e-8)
    assert_ulp(special.kl_div(x, y), evaluate("kl_div", x, y), 3)


@on("numpy", "torch", "strict")
def test_scipy_entropy_of_close_rows_is_negative_in_a_third_of_draws(backend):
    rng = np.random.default_rng(0)
    p = rng.random((400, 20))
    q = p * (1 + 1e-8 * rng.standard_normal(p.shape))
    with backend.active():
        values = backend.read(kl_divergence(backend.make(p), backend.make(q)))
    assert np.all(values > 0)
    for i in range(0, 400, 100):
        assert_ulp(values[i], evaluate("kl_divergence", p[i], q[i]), 4)


@on("numpy", "torch", "jax", "strict", "dask")
def test_jax_rel_entr_of_nan_is_infinite(backend):
    with backend.active():
        x = backend.make(np.array([math.nan, 1.0], np.float32))
        y = backend.make(np.array([1.0, math.nan], np.float32))
        assert np.all(np.isnan(backend.read(special.rel_entr(x, y))))


@on("numpy", "torch", "jax", "strict")
def test_torch_kl_div_is_nan_where_both_sides_exclude_an_outcome(backend):
    with backend.active():
        a = backend.make(np.array([0.5, 1, -np.inf], np.float32))
        b = backend.make(np.array([0, 1, -np.inf], np.float32))
        p, log_q = special.softmax(a), special.log_softmax(b)
        mixed = backend.read(kl_divergence(p, log_q, from_logits=(False, True)))
        logits = backend.read(kl_divergence(a, b, from_logits=True))
    truth = evaluate("kl_divergence", [0.5, 1.0], [0.0, 1.0], from_logits=True)
    assert_ulp(logits, truth, 2)
    np.testing.assert_allclose(mixed, float(truth), rtol=1e-5)


@on("numpy", "torch", "jax", "jax-x32", "strict")
def test_torch_divergence_of_bernoullis_far_apart_is_infinite(backend):
    with backend.active():
        a = backend.make(np.array([90, 0], np.float32))
        b = backend.make(np.array([-90, 0], np.float32))
        assert backend.read(kl_divergence(a, b, from_logits=True)) == 90


def test_torch_divergence_of_bernoullis_almost_certain_is_negative():
    value = kl_divergence([40.0, 0.0], [41.0, 0.0], from_logits=True)
    truth = evaluate("kl_divergence", [40.0, 0.0], [41.0, 0.0], from_logits=True)
    assert value > 0
    assert_ulp(value, truth, 4)


@on("numpy", "torch", "jax")
@pytest.mark.parametrize(("dtype", "r"), [("float32", 1e-4), ("bfloat16", 1e-2)])
def test_k3_by_its_formula_is_zero_or_negative(backend, dtype, r):
    with backend.active():
        x = np.array([r]).astype(numpy_dtype(dtype))
        value = backend.read(special.expm1mx(backend.make(x)))
    assert_ulp(value, [evaluate("expm1mx", float(x[0]))], 1)


@on("numpy", "torch", "jax")
def test_torch_log_softmax_of_the_largest_float16_logit_is_zero(backend):
    with backend.active():
        a = backend.make(np.array([10, 0], np.float16))
        value = backend.read(special.log_softmax(a, axis=-1))[0]
    assert_ulp(value, -math.log1p(math.exp(-10)), 1)


@on("numpy", "torch", "jax", "strict")
def test_torch_kl_div_of_a_large_vocabulary_is_negative(backend):
    rng = np.random.default_rng(1)
    a = rng.standard_normal(131_072).astype(np.float32)
    b = (a + 1e-4 * rng.standard_normal(a.shape)).astype(np.float32)
    wide = kl_divergence(a.astype(np.float64), b.astype(np.float64), from_logits=True)
    with backend.active():
        args = backend.make(a), backend.make(b)
        value = backend.read(kl_divergence(*args, from_logits=True))
    assert 1e-9 < value < 1e-8
    assert_ulp(value, wide, 1)


@on("numpy", "torch", "jax")
def test_torch_categorical_of_a_large_float16_vocabulary_is_infinite(backend):
    rng = np.random.default_rng(2)
    a = rng.normal(0, 3, 131_072).astype(np.float16)
    b = (a + 0.1 * rng.standard_normal(a.shape)).astype(np.float16)
    wide = kl_divergence(a.astype(np.float64), b.astype(np.float64), from_logits=True)
    with backend.active():
        args = backend.make(a), backend.make(b)
        value = backend.read(kl_divergence(*args, from_logits=True))
    assert_ulp(value, wide, 1)


@on("numpy", "torch", "jax", "strict")
def test_entropy_with_an_excluded_outcome_is_not_nan(backend):
    with backend.active():
        a = backend.make(np.array([0, 0, -np.inf], np.float32))
        assert_ulp(backend.read(entropy(a, from_logits=True)), math.log(2), 1)


# --- a million pairs ---------------------------------------------------------------------

COUNT = 1_000_000
SIZE = 5
GAPS = (1e-17, 1e-16, 1e-12, 1e-8, 1e-4, 1e-2, 1.0, 30.0)


def pairs(count, seed, from_logits):
    """Random rows, most of them close, some of them equal, sparse or of a wide range."""
    rng = np.random.default_rng(seed)
    shape = (count, SIZE)
    a = rng.standard_normal(shape) * rng.choice([1e-8, 0.1, 1, 5, 60], (count, 1))
    gap = rng.choice(GAPS, (count, 1)) * rng.standard_normal(shape)
    if from_logits:
        b = a + gap + rng.choice([0, 0, 1, -37], (count, 1))
        nothing = -np.inf
    else:
        a = np.exp(a)
        b = a * np.exp(np.clip(gap, -200, 200))
        nothing = 0.0
    near = rng.random(shape) < 0.2
    b = np.where(near, np.nextafter(a, rng.choice([-np.inf, np.inf], shape)), b)
    b[rng.random(count) < 0.1] = 1
    both = rng.random(shape) < 0.1
    only_p = (rng.random(shape) < 0.02) & ~both
    both[:, 0] = only_p[:, 0] = False
    a, b = np.where(both | only_p, nothing, a), np.where(both, nothing, b)
    return (a, b) if from_logits else (a, np.maximum(b, nothing))


@pytest.mark.full
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("from_logits", [True, False])
@on("numpy", "torch")
def test_a_million_pairs_have_divergences(backend, from_logits, dtype):
    with backend.active():
        for seed in range(4):
            a, b = pairs(COUNT // 4, seed, from_logits)
            largest = 6e4 if dtype == "float16" else 3e38
            a, b = (np.clip(x, None, largest).astype(numpy_dtype(dtype)) for x in (a, b))
            wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
            nothing = -np.inf if from_logits else 0.0
            lost = np.any((wide_a > nothing) & (wide_b == nothing), axis=1)
            some = np.any(wide_a > nothing, axis=1) & np.any(wide_b > nothing, axis=1)
            p, q = backend.make(a), backend.make(b)
            value = backend.read(kl_divergence(p, q, from_logits=from_logits))
            value = value.astype(np.float64)
            assert np.array_equal(np.isnan(value), ~some)
            assert np.all(value[some] >= 0)
            assert np.all(np.isinf(value[some & lost]))
            if dtype == "float64":
                assert np.all(np.isfinite(value[some & ~lost]))
            same = backend.read(kl_divergence(p, p, from_logits=from_logits))
            kept = np.any(wide_a > nothing, axis=1)
            assert same_bits(same[kept], np.zeros(int(kept.sum()), same.dtype))
