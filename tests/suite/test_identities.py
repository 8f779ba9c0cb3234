"""What divergences and entropies are of each other, to rounding."""

import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import relentropy as re
from relentropy._formulas.generators import NAMES
from relentropy.special import expm1mx
from relentropy.testing import assert_ulp

from .families import (
    COLUMNS,
    EVERY,
    ORDERS,
    SYMMETRIC,
    SYMMETRIC_OF_DISTRIBUTIONS,
    two_bounds,
)
from .samples import on, same_bits
from .strategies import (
    LOGITS,
    TOTAL,
    WEIGHTS,
    close_logits,
    counts,
    few,
    modest,
    pairs,
    rows,
)

# Both sides of an identity may be off by a function's bound of 4 ulp.
TWO = 8
SHARES = st.integers(1, 63).map(lambda k: k / 64)  # one less such a number is exact
MODEST_RATIOS = st.floats(0.25, 4.0)


def powers(p, q, alpha):
    """A bound of the condition number where powers outside of 0 to 1 are taken."""
    with np.errstate(divide="ignore"):
        gap = np.log(p / p.sum(-1, keepdims=True)) - np.log(q / q.sum(-1, keepdims=True))
    return np.maximum(1, np.max(np.abs(gap), axis=-1) * max(alpha, 1 - alpha, 1) / 2)


# --- symmetry -----------------------------------------------------------------------------


def both_ways(function, p, q, **options):
    return function(p, q, **options), function(q, p, **options)


@few
@given(pairs(), close_logits())
def test_symmetric_divergences(weights, logits):
    for name, function in (SYMMETRIC | SYMMETRIC_OF_DISTRIBUTIONS).items():
        assert_ulp(*both_ways(function, *weights), TWO, err_msg=name)
        assert_ulp(*both_ways(function, *logits, from_logits=True), TWO, err_msg=name)
    for name, function in SYMMETRIC.items():
        assert_ulp(*both_ways(function, *weights, normalize=False), TWO, err_msg=name)


@few
@given(pairs(), close_logits(), SHARES)
def test_divergences_whose_sides_change_places_with_an_option(weights, logits, w):
    for (p, q), from_logits in ((weights, False), (logits, True)):
        log = {"from_logits": from_logits}
        neyman = re.chi2_divergence(q, p, kind="neyman", **log)
        assert same_bits(re.chi2_divergence(p, q, **log), neyman)
        js = re.js_divergence(q, p, weight=1 - w, **log)
        assert_ulp(re.js_divergence(p, q, weight=w, **log), js, 12)


@few
@given(pairs(), st.integers(-64, 128).map(lambda k: k / 64))
def test_alpha_and_one_less_alpha(pair, alpha):
    p, q = pair
    one, other = re.alpha_divergence(p, q, alpha), re.alpha_divergence(q, p, 1 - alpha)
    assert_ulp(one, other, TWO, condition=powers(p, q, alpha))


@few
@given(pairs(), close_logits(), SHARES)
def test_renyi_divergences_are_skew_symmetric(weights, logits, alpha):
    for (p, q), from_logits in ((weights, False), (logits, True)):
        one = re.renyi_divergence(p, q, alpha, from_logits=from_logits)
        other = re.renyi_divergence(q, p, 1 - alpha, from_logits=from_logits)
        assert_ulp((1 - alpha) * one, alpha * other, TWO + 2)


@on("numpy", "torch")
def test_chernoff_information_is_symmetric(backend):
    rng = np.random.default_rng(3)
    p, q = rng.random((2, 50, 6))
    with backend.active():
        p, q = backend.make(p), backend.make(q)
        one, other = re.chernoff_information(p, q), re.chernoff_information(q, p)
    assert_ulp(backend.read(one.information), backend.read(other.information), TWO)
    both = backend.read(one.exponent) + backend.read(other.exponent)
    np.testing.assert_allclose(both, 1, rtol=1e-7)


@on("numpy", "torch")
@pytest.mark.parametrize("from_logits", [False, True])
def test_symmetric_divergences_of_other_libraries(backend, from_logits):
    rng = np.random.default_rng(4)
    p = rng.random((8, 100))
    q = p + rng.standard_normal(p.shape) * p * np.logspace(-15, -1, 8)[:, None]
    with backend.active():
        p, q = backend.make(p), backend.make(q)
        for name, function in (SYMMETRIC | SYMMETRIC_OF_DISTRIBUTIONS).items():
            one, other = both_ways(function, p, q, from_logits=from_logits)
            assert_ulp(backend.read(one), backend.read(other), TWO, err_msg=name)


# --- what changes nothing -----------------------------------------------------------------


@few
@given(pairs(), close_logits(), st.randoms(use_true_random=False))
def test_the_order_of_the_outcomes(weights, logits, random):
    for (p, q), from_logits in ((weights, False), (logits, True)):
        order = list(range(p.shape[-1]))
        random.shuffle(order)
        for name, function in EVERY.items():
            value = function(p, q, from_logits=from_logits)
            moved = function(p[:, order], q[:, order], from_logits=from_logits)
            assert_ulp(moved, value, two_bounds(name), err_msg=name)


@few
@given(pairs(), st.integers(-300, 300), st.integers(-300, 300))
def test_weights_scaled_by_powers_of_two(pair, i, j):
    p, q = pair
    scaled = p * 2.0**i, q * 2.0**j
    for name, function in EVERY.items():
        assert same_bits(function(*scaled), function(p, q)), name
    for function in (re.renyi_entropy, re.tsallis_entropy):
        assert same_bits(function(scaled[0], ORDERS), function(p, ORDERS))
    assert same_bits(re.surprisal(scaled[0]), re.surprisal(p))
    assert same_bits(re.kl_contributions(*scaled), re.kl_contributions(p, q))


@few
@given(counts(least=1), st.integers(2, 2**20), st.integers(2, 2**20))
def test_weights_scaled_by_other_factors(pair, i, j):
    p, q = pair
    for name, function in EVERY.items():
        assert_ulp(function(p * i, q * j), function(p, q), two_bounds(name), err_msg=name)
    for function in (re.renyi_entropy, re.tsallis_entropy):
        assert_ulp(function(p * i, 0.7), function(p, 0.7), TWO)


@few
@given(close_logits(), LOGITS, LOGITS)
def test_logits_shifted_without_rounding(pair, i, j):
    a, b = pair
    for name, function in EVERY.items():
        moved = function(a + i, b + j, from_logits=True)
        assert_ulp(moved, function(a, b, from_logits=True), two_bounds(name), err_msg=name)
    for function in (re.renyi_entropy, re.tsallis_entropy):
        moved = function(a + i, 0.7, from_logits=True)
        assert_ulp(moved, function(a, 0.7, from_logits=True), TWO)


@few
@given(counts(least=1))
def test_outcomes_split_into_equal_parts(pair):
    p, q = pair
    for name, function in EVERY.items():
        split = function(np.repeat(p, 2, axis=-1), np.repeat(q, 2, axis=-1))
        assert_ulp(split, function(p, q), two_bounds(name), err_msg=name)


@few
@given(pairs())
def test_outcomes_without_mass(pair):
    zeros = np.zeros((pair[0].shape[0], 2))
    p, q = (np.concatenate([zeros, x], axis=-1) for x in pair)
    for name, function in EVERY.items():
        assert_ulp(function(p, q), function(*pair), two_bounds(name), err_msg=name)


# --- the chain rule -----------------------------------------------------------------------


def chained(function, p, q):
    """A divergence between joint distributions, and what the chain rule says it is."""
    shares = p.sum(-1) / p.sum()
    conditional = np.sum(shares * function(p, q, axis=-1))
    return function(p, q, axis=None), function(p.sum(-1), q.sum(-1)) + conditional


@few
@given(st.lists(st.integers(1, 2**20), min_size=24, max_size=24))
def test_relative_entropy_has_a_chain_rule(numbers):
    p, q = np.reshape(np.array(numbers, dtype=np.float64), (2, 3, 4))
    joint, chain = chained(re.kl_divergence, p, q)
    assert_ulp(chain, joint, 16)


OTHERS = {
    name: function
    for name, function in EVERY.items()
    if name not in {"kl", "reverse-kl", *COLUMNS}
}
for _order in (0.3, 0.5, 2.0):
    OTHERS |= {
        f"alpha {_order}": partial(re.alpha_divergence, alpha=_order),
        f"tsallis {_order}": partial(re.tsallis_divergence, alpha=_order),
        f"renyi {_order}": partial(re.renyi_divergence, alpha=_order),
    }


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_has_the_chain_rule(name):
    p = np.array([[5.0, 1.0], [3.0, 7.0]])
    q = np.array([[2.0, 6.0], [4.0, 4.0]])
    joint, chain = chained(OTHERS[name], p, q)
    assert abs(chain / joint - 1) > 1e-3


@on("numpy", "torch")
def test_divergences_of_independent_parts_add_up(backend):
    """Relative entropies, Rényi's of any order, and Bhattacharyya's distance."""
    rng = np.random.default_rng(5)
    p, q, r, s = (rng.integers(1, 1000, n).astype(float) for n in (5, 5, 7, 7))
    additive = [partial(re.renyi_divergence, alpha=order) for order in ORDERS.ravel().tolist()]
    with backend.active():
        joint = [backend.make(np.multiply.outer(x, y)) for x, y in ((p, r), (q, s))]
        parts = [[backend.make(x) for x in pair] for pair in ((p, q), (r, s))]
        for function in (re.kl_divergence, re.bhattacharyya_distance, *additive):
            one, other = (float(function(*pair)) for pair in parts)
            assert_ulp(float(function(*joint, axis=None)), one + other, 16)


# --- entropies ----------------------------------------------------------------------------


@few
@given(close_logits())
def test_cross_entropy_of_logits_is_entropy_and_divergence(pair):
    p, q = pair
    together = re.entropy(p, from_logits=True) + re.kl_divergence(p, q, from_logits=True)
    found = re.cross_entropy(p, q, from_logits=True)
    np.testing.assert_allclose(found, together, rtol=1e-14)


@few
@given(counts(least=0))
def test_entropy_is_the_mean_surprisal(pair):
    for p in pair:
        surprisal = re.surprisal(p)
        assert np.all(surprisal >= 0)
        assert np.array_equal(surprisal == np.inf, p == 0)
        mean = np.sum(p * np.where(p > 0, surprisal, 0), axis=-1) / TOTAL
        np.testing.assert_allclose(re.entropy(p), mean, rtol=1e-14)


@modest
@given(pairs())
def test_contributions_add_up_to_the_divergence(pair):
    for normalize in (True, False):
        parts = re.kl_contributions(*pair, normalize=normalize)
        assert np.all(parts >= 0)
        value = re.kl_divergence(*pair, normalize=normalize)
        assert_ulp(np.sum(parts, axis=-1), value, 16)


@few
@given(counts(least=0))
def test_tsallis_entropy_of_order_two_is_that_two_draws_differ(pair):
    for p in pair:
        truth = [1 - sum(Fraction(int(x)) ** 2 for x in row) / int(TOTAL) ** 2 for row in p]
        assert_ulp(re.tsallis_entropy(p, 2), truth, 4)


@few
@given(rows(WEIGHTS))
def test_entropies_of_equal_parts(row):
    (p,) = row
    n = len(p)
    even = np.full(n, p[0])
    for alpha in (0.0, 0.3, 1.0, 2.0, math.inf):
        assert_ulp(re.renyi_entropy(even, alpha), math.log(n), 4)


# --- names for the same thing -------------------------------------------------------------

OF_OTHERS = {
    "reverse-kl": lambda p, q, **options: re.kl_divergence(q, p, **options),
    "topsoe": lambda p, q, **options: 2 * re.js_divergence(p, q, **options),
    "neyman": partial(re.chi2_divergence, kind="neyman"),
    "le-cam": lambda p, q, **options: re.triangular_discrimination(p, q, **options) / 2,
}
NAMED = {
    name: OF_OTHERS.get(name) or getattr(re, named.function)
    for name, named in NAMES.items()
    if name != "squared-hellinger"  # a root, squared, is not that to the bit
}


@pytest.mark.parametrize("name", NAMED)
@few
@given(pairs(), close_logits())
def test_a_name_is_that_of_the_function_on_whose_page_it_stands(name, weights, logits):
    for pair, from_logits in ((weights, False), (logits, True)):
        value = re.f_divergence(*pair, name, from_logits=from_logits)
        assert same_bits(value, NAMED[name](*pair, from_logits=from_logits))
    value = re.f_divergence(*weights, name, normalize=False)
    assert same_bits(value, NAMED[name](*weights, normalize=False))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_on_the_page_of_its_function(name):
    assert f'"{name}"' in re.f_divergence.__doc__
    assert f'"{name}"' in getattr(re, NAMES[name].function).__doc__


GENERATORS = {
    "kl": (expm1mx, np.expm1, 1.0, math.inf),
    "reverse-kl": (lambda d: np.exp(d) * expm1mx(-d), lambda d: d * np.exp(d), math.inf, 1.0),
    "jeffreys": (
        lambda d: d * np.expm1(d), lambda d: np.expm1(d) + d * np.exp(d), math.inf, math.inf,
    ),
    "squared-hellinger": (
        lambda d: np.expm1(d / 2) ** 2 / 2, lambda d: np.expm1(d / 2) * np.exp(d / 2) / 2,
        0.5, 0.5,
    ),
    "total-variation": (
        lambda d: np.abs(np.expm1(d)) / 2, lambda d: np.sign(d) * np.exp(d) / 2, 0.5, 0.5,
    ),
    "pearson": (
        lambda d: 4 * np.sinh(d / 2) ** 2, lambda d: 2 * np.sinh(d), 1.0, math.inf,
    ),
    "neyman": (
        lambda d: np.expm1(d) ** 2, lambda d: 2 * np.expm1(d) * np.exp(d), math.inf, 1.0,
    ),
    "triangular": (
        lambda d: np.expm1(d) * np.tanh(d / 2),
        lambda d: np.exp(d) * np.tanh(d / 2) + np.expm1(d) / (1 + np.cosh(d)), 1.0, 1.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GENERATORS)
@few
@given(pairs(MODEST_RATIOS))
def test_a_generator_of_ones_own_is_the_named_row(name, pair):
    own = re.Generator(*GENERATORS[name])
    assert_ulp(re.f_divergence(*pair, own), re.f_divergence(*pair, name), 24)


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("case", [([1.0, 1, 0], [1.0, 2, 3]), ([1.0, 2, 3], [1.0, 1, 0])])
def test_a_generator_of_ones_own_where_there_is_no_mass(name, case):
    p, q = map(np.array, case)
    own = re.Generator(*GENERATORS[name])
    assert_ulp(re.f_divergence(p, q, own), re.f_divergence(p, q, name), 24)


@few
@given(pairs(), close_logits(), SHARES)
def test_jensen_shannon_of_a_list_of_two(weights, logits, w):
    for pair, from_logits in ((weights, False), (logits, True)):
        for weight in (0.5, w):
            one = re.generalized_js_divergence(
                list(pair), weights=(1 - weight, weight), from_logits=from_logits
            )
            other = re.js_divergence(*pair, weight=weight, from_logits=from_logits)
            assert_ulp(one, other, 12)


@few
@given(pairs(), close_logits())
def test_bhattacharyya_is_half_of_renyi_and_a_logarithm_of_hellinger(weights, logits):
    for pair, from_logits in ((weights, False), (logits, True)):
        distance = re.bhattacharyya_distance(*pair, from_logits=from_logits)
        renyi = re.renyi_divergence(*pair, 0.5, from_logits=from_logits)
        assert_ulp(renyi, 2 * distance, 1)
        hellinger = re.hellinger_distance(*pair, from_logits=from_logits)
        np.testing.assert_allclose(hellinger**2, -np.expm1(-distance), rtol=3e-15)
        coefficient = re.bhattacharyya_coefficient(*pair, from_logits=from_logits)
        # An error of the distance is one of the coefficient as many times as it is large.
        error = 3e-15 * (1 + distance) * coefficient
        assert np.all(np.abs(coefficient - np.exp(-distance)) <= error)


@few
@given(pairs())
def test_members_of_the_alpha_family(pair):
    p, q = pair
    squared = re.f_divergence(p, q, "squared-hellinger")
    for alpha, value in (
        (-1.0, re.chi2_divergence(p, q, kind="neyman") / 2),
        (0.0, re.kl_divergence(q, p)),
        (0.5, 4 * squared),
        (1.0, re.kl_divergence(p, q)),
        (2.0, re.chi2_divergence(p, q) / 2),
    ):
        condition = powers(p, q, alpha)
        assert_ulp(re.alpha_divergence(p, q, alpha), value, TWO, condition=condition)
        if alpha >= 0:
            tsallis = re.tsallis_divergence(p, q, alpha)
            assert_ulp(tsallis, alpha * value, TWO, condition=condition)


@few
@given(pairs(MODEST_RATIOS))
def test_renyi_divergence_of_order_two_is_a_logarithm_of_chi2(pair):
    truth = np.log1p(re.chi2_divergence(*pair))
    assert_ulp(re.renyi_divergence(*pair, 2), truth, 12)


def test_chernoff_information_is_renyi_at_its_exponent():
    rng = np.random.default_rng(6)
    p = rng.random((40, 6))
    q = np.where(np.arange(40)[:, None] < 20, rng.random(p.shape), p * (1 + 1e-6 * p))
    information, s = re.chernoff_information(p, q)
    assert np.all((s > 0) & (s < 1))
    renyi = re.renyi_divergence(p, q, s)
    assert_ulp((1 - s) * renyi, information, TWO + 2)
    for near in (s - 0.01, s + 0.01):
        assert np.all((1 - near) * re.renyi_divergence(p, q, near) < information)


def test_jensen_shannon_is_a_mean_of_skewed_divergences():
    rng = np.random.default_rng(7)
    p, q = rng.random((2, 20, 6))
    for w in (0.25, 0.5, 0.75):
        one = re.skew_kl_divergence(p, q, weight=w)
        other = re.skew_kl_divergence(q, p, weight=1 - w)
        found = re.js_divergence(p, q, weight=w)
        assert_ulp(found, (1 - w) * one + w * other, 16)


def test_bases_divide_and_for_a_distance_under_the_root():
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])
    for function in (
        re.jeffreys_divergence, re.js_divergence, re.skew_kl_divergence, re.surprisal,
        re.bhattacharyya_distance, re.kl_contributions,
    ):  # fmt: skip
        rest = (p,) if function is re.surprisal else (p, q)
        assert_ulp(function(*rest, base=2), function(*rest) / math.log(2), 8)
    halves = re.js_divergence(p, q, base=2)
    assert_ulp(re.js_distance(p, q, base=2), math.sqrt(halves), 4)
    for alpha in (0.0, 0.5, 1.0, 2.0, math.inf):
        nats = re.renyi_divergence(p, q, alpha)
        assert_ulp(re.renyi_divergence(p, q, alpha, base=2), nats / math.log(2), 8)
        nats = re.renyi_entropy(p, alpha)
        assert_ulp(re.renyi_entropy(p, alpha, base=2), nats / math.log(2), 8)
    information = re.chernoff_information(p, q, base=2)
    plain = re.chernoff_information(p, q)
    assert_ulp(information.information, plain.information / math.log(2), 8)
    assert information.exponent == plain.exponent
