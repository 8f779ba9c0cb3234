"""The oracle's joint tables against what is known without it, and against differences."""

import math

import numpy as np
import pytest
from mpmath import mp

from . import condition, derivatives, evaluate, slopes
from .joint import AVERAGES, DEFINITIONS

FAIR = [1.0, 0.0, 0.0, 1.0]
TABLE = [0.5, 2.0, 0.25, 1.5, 0.75, 3.0, 1.25, 0.125]
LOGITS = [0.5, -2.0, 0.25, 1.5, -0.75, 3.0, -1.25, 0.125]


def two(name, row, **options):
    return evaluate(name, row, shape=(2, len(row) // 2), **options)


def entropy(masses):
    total = mp.fsum(masses)
    return -mp.fsum(m / total * mp.log(m / total) for m in masses)


def test_two_fair_coins_that_fall_alike():
    log2 = mp.log(2)
    assert mp.almosteq(two("mutual_information", FAIR), log2)
    assert mp.almosteq(two("joint_entropy", FAIR), log2)
    assert two("conditional_entropy", FAIR) == 0
    assert two("variation_of_information", FAIR) == 0
    assert mp.almosteq(evaluate("total_correlation", FAIR, shape=(2, 2)), log2)
    for average in AVERAGES:
        assert mp.almosteq(two("normalized_mutual_information", FAIR, average=average), 1)


def test_information_by_entropies():
    with mp.workdps(50):
        x = [sum(TABLE[:4]), sum(TABLE[4:])]
        y = [TABLE[i] + TABLE[4 + i] for i in range(4)]
        h_x, h_y, h_xy = entropy(x), entropy(y), entropy(TABLE)
        expected = {
            "mutual_information": h_x + h_y - h_xy,
            "joint_entropy": h_xy,
            "conditional_entropy": h_xy - h_y,
            "variation_of_information": 2 * h_xy - h_x - h_y,
            "total_correlation": h_x + h_y - h_xy,
            "normalized_mutual_information": 2 * (h_x + h_y - h_xy) / (h_x + h_y),
        }
        for name, value in expected.items():
            assert mp.almosteq(two(name, TABLE), value, 1e-40)


def test_exclusive_or_is_told_by_both_together():
    row = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    value = evaluate("conditional_mutual_information", row, shape=(2, 2, 2))
    assert mp.almosteq(value, mp.log(2))
    assert mp.almosteq(evaluate("total_correlation", row, shape=(2, 2, 2)), mp.log(2))


def test_independent_tables_have_none():
    row = [3.0, 6.0, 9.0, 1.0, 2.0, 3.0]
    assert two("mutual_information", row) == 0
    assert all(value == 0 for value in two("pointwise_mutual_information", row))
    assert derivatives("mutual_information", [row], {"shape": (2, 3)}) == [[0] * 6]


def test_limits():
    for name in DEFINITIONS:
        shape = (2, 2, 2) if name.startswith("conditional_m") else (2, 4)
        for entry in (math.nan, math.inf, -1.0):
            value = evaluate(name, [entry, *TABLE[1:]], shape=shape)
            assert all(mp.isnan(v) for v in (value if isinstance(value, list) else [value]))
    values = two("pointwise_mutual_information", [1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    assert [float(v) for v in values[1:3]] == [-math.inf, 0.0]
    assert two("normalized_mutual_information", [1.0, 0.0, 0.0, 0.0]) == 1
    assert two("normalized_mutual_information", [1.0, 0.0, 1.0, 0.0]) == 0


CASES = [
    (name, options | ({"average": average} if average else {}))
    for name in DEFINITIONS
    for options in ({"from_logits": False}, {"from_logits": True})
    for average in (AVERAGES if name.startswith("normalized") else (None,))
]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_derivatives_are_limits_of_differences(name, options):
    row = LOGITS if options["from_logits"] else TABLE
    shape = (2, 2, 2) if name.startswith(("conditional_m", "total")) else (2, 4)
    options = options | {"shape": shape}
    seeds = [1.0, -0.5, 0.25, 2.0, -1.0, 0.5, 3.0, 0.75] if name.startswith("poi") else None
    (found,) = derivatives(name, [row], options, seeds)
    step = mp.ldexp(1, -100)
    for i, slope in enumerate(found):
        with mp.workprec(400):
            sides = []
            for sign in (1, -1):
                moved = [mp.mpf(v) for v in row]
                moved[i] += sign * step
                value = DEFINITIONS[name](moved, **options)
                pairs = zip(seeds or [1], value if seeds else [value], strict=True)
                sides.append(mp.fsum(c * v for c, v in pairs))
            difference = (sides[0] - sides[1]) / (2 * step)
            assert abs(difference - slope) <= mp.mpf(10) ** -50


def test_derivatives_where_an_entry_is_zero():
    row, options = [0.0, 0.0, 0.0, 1.0], {"shape": (2, 2)}
    (found,) = derivatives("mutual_information", [row], options)
    assert found[0] == mp.inf
    row = [0.0, 0.0, 1.0, 3.0]
    (found,) = derivatives("mutual_information", [row], options)
    assert mp.almosteq(found[0], mp.log(4) / 4)
    (found,) = derivatives("mutual_information", [[0.0, 1.0, 1.0, 1.0]], options)
    assert found[0] == -mp.inf
    (found,) = derivatives("conditional_entropy", [[0.0, 1.0, 1.0, 1.0]], options)
    assert found[0] == mp.inf


def test_condition_numbers():
    row = [1.0, 0.5, 0.5, 2.0]
    assert condition("mutual_information", [row], {"shape": (2, 2)}) == 1
    of_logits = {"shape": (2, 2), "from_logits": True}
    found = condition("pointwise_mutual_information", [row], of_logits)
    assert len(found) == 4
    assert all(c >= 1 for c in found)
    (pairs,) = slopes("mutual_information", [row], {"shape": (2, 2)})
    assert all(np.isfinite(float(c)) and c >= 1 for _, c in pairs)
