"""Which divergence is larger, and what makes them fall."""

import math

import numpy as np
import pytest
from hypothesis import given

import relentropy as re

from .families import EVERY, F_DIVERGENCES, ORDERS
from .samples import on
from .strategies import close_logits, counts, few, pairs

EPS = 2.0**-52


def at_most(smaller, larger, ulp=16):
    """Whether it is, but for rounding errors."""
    return np.all((smaller <= larger * (1 + ulp * EPS)) | (larger == np.inf))


def merged(x):
    """Neighbouring outcomes as one."""
    return x[..., ::2] + x[..., 1::2]


def mean(x):
    return np.mean(x, axis=-1, keepdims=True)


# --- what makes them fall -----------------------------------------------------------------


@few
@given(counts())
def test_merging_outcomes(pair):
    p, q = pair
    for name, function in EVERY.items():
        assert at_most(function(merged(p), merged(q)), function(p, q)), name
    information, distance = re.chernoff_information(p, q), re.bhattacharyya_distance(p, q)
    fallen = re.chernoff_information(merged(p), merged(q))
    assert at_most(fallen.information, information.information)
    assert at_most(distance, information.information)


@few
@given(counts())
def test_merging_outcomes_that_are_not_normalised(pair):
    p, q = pair
    for name, function in F_DIVERGENCES.items():
        fallen = function(merged(p), merged(q), normalize=False)
        assert at_most(fallen, function(p, q, normalize=False)), name


@few
@given(counts())
def test_mixing_distributions(pair):
    """Joint convexity, where halves of two rows of one total are exact."""
    mixture = tuple(x.sum(0, keepdims=True) for x in pair)
    for name, function in F_DIVERGENCES.items():
        assert at_most(function(*mixture), mean(function(*pair))), name
    # Rényi's are jointly convex up to order 1, and no larger than the larger one beyond.
    mixed, each = EVERY["renyi"](*mixture), EVERY["renyi"](*pair)
    convex = ORDERS[:, 0] <= 1
    assert at_most(mixed[convex], mean(each[convex]))
    assert at_most(mixed, np.max(each, axis=-1, keepdims=True))


@few
@given(counts())
def test_entropies_fall_with_merging_and_rise_with_mixing(pair):
    for p in pair:
        for entropy in (re.renyi_entropy, re.tsallis_entropy):
            assert at_most(entropy(merged(p), ORDERS), entropy(p, ORDERS))
        mixture = re.tsallis_entropy(p.sum(0, keepdims=True), ORDERS)
        assert at_most(mean(re.tsallis_entropy(p, ORDERS)), mixture)


# --- which is larger ----------------------------------------------------------------------


@few
@given(pairs(), close_logits())
def test_relative_entropy_and_total_variation(weights, logits):
    for pair, from_logits in ((weights, False), (logits, True)):
        kl = re.kl_divergence(*pair, from_logits=from_logits)
        variation = re.total_variation(*pair, from_logits=from_logits)
        assert at_most(2 * variation**2, kl)  # Pinsker
        assert at_most(variation**2, -np.expm1(-kl))  # Bretagnolle and Huber


@few
@given(pairs(), close_logits())
def test_bounds_of_one_divergence_by_another(weights, logits):
    for (p, q), from_logits in ((weights, False), (logits, True)):
        of = {name: f(p, q, from_logits=from_logits) for name, f in EVERY.items()}
        hellinger, variation = of["squared-hellinger"], of["total-variation"]
        assert at_most(hellinger, variation)
        assert at_most(variation, math.sqrt(2) * of["hellinger"])
        assert at_most(of["triangular"] / 4, of["jensen-shannon"])  # Topsøe
        assert at_most(of["jensen-shannon"], of["triangular"] * (math.log(2) / 2))
        assert at_most(of["jensen-shannon"], variation * math.log(2))  # Lin
        assert at_most(of["jensen-shannon"], of["jeffreys"] / 8)
        assert at_most(2 * of["bhattacharyya"], of["kl"])
        assert at_most(of["kl"], np.log1p(of["pearson"]), 32)
        assert at_most(of["skew of a quarter"], of["kl"] / 4)  # convex in the second


@few
@given(pairs(), close_logits())
def test_ranges(weights, logits):
    for (p, q), from_logits in ((weights, False), (logits, True)):
        of = {name: f(p, q, from_logits=from_logits) for name, f in EVERY.items()}
        for name, value in of.items():
            assert np.all(value >= 0), name
        for name, largest in {
            "jensen-shannon": math.log(2), "js distance": math.sqrt(math.log(2)),
            "total-variation": 1, "triangular": 2, "squared-hellinger": 1, "hellinger": 1,
            "skew of a quarter": math.log(4 / 3),
        }.items():  # fmt: skip
            assert at_most(of[name], largest), name


# --- along the orders ---------------------------------------------------------------------


@few
@given(pairs(), close_logits())
def test_renyi_divergences_grow_and_entropies_fall_with_the_order(weights, logits):
    for (p, q), from_logits in ((weights, False), (logits, True)):
        divergences = re.renyi_divergence(p, q, ORDERS, from_logits=from_logits)
        assert at_most(divergences[:-2], divergences[1:-1])
        # A single ratio this close to 1 may be lost, and with it the order of inf.
        assert at_most(divergences[-2], divergences[-1] + 1e-40)
        entropies = re.renyi_entropy(p, ORDERS, from_logits=from_logits)
        assert at_most(entropies[1:], entropies[:-1])


@on("numpy", "torch")
def test_renyi_grows_with_the_order_in_every_library(backend):
    rng = np.random.default_rng(8)
    p = rng.random((20, 50)) * (rng.random((20, 50)) < 0.8)
    q = rng.random((20, 50))
    with backend.active():
        divergences, entropies = (
            backend.read(value)
            for value in (
                re.renyi_divergence(backend.make(p), backend.make(q), backend.make(ORDERS)),
                re.renyi_entropy(backend.make(p), backend.make(ORDERS)),
            )
        )
    assert at_most(divergences[:-1], divergences[1:])
    assert at_most(entropies[1:], entropies[:-1])


@pytest.mark.parametrize("name", ["js distance", "hellinger", "total-variation"])
def test_distances_obey_the_triangle_inequality(name):
    p, q, r = np.random.default_rng(9).exponential(size=(3, 200, 4)) ** 3
    function = EVERY[name]
    assert at_most(function(p, r), function(p, q) + function(q, r))
