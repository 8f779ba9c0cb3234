"""The derivatives of the families of divergences, as those of the others are tested."""

import math

import numpy as np
import pytest
from mpmath import mp

from tests.oracle import conditions, derivatives
from tests.oracle.entries import ENTRIES
from tests.oracle.evaluate import DIGITS
from tests.oracle.f_divergences import SUMS
from tests.oracle.quotients import (
    assert_operands,
    assert_quotients,
    flat,
    floats,
    pairs,
    weights,
)
from tests.tables.draw import Draw
from tests.tables.families import NORMALISED, OF_ONE_ROW, PARAMETERS

INF, NAN = math.inf, math.nan
PLAIN = {"normalize": False}
LOGITS = {"from_logits": True}
LOG2, LOG3 = math.log(2), math.log(3)

CALLS = [(name, options) for name, each in PARAMETERS.items() for options in each]
# Of order zero is what no mass moves, and a quotient of that is rounding.
SMOOTH = [(name, options) for name, options in CALLS if options.get("alpha") != 0]


def operands(function, pair):
    """As many rows as a function takes, and their ``from_logits``, or None where mixed."""
    from_logits, rows = pair
    if function in OF_ONE_ROW:
        return from_logits[0], rows[:1]
    if function == "generalized_js_divergence":
        if from_logits[0] != from_logits[1]:
            return None
        return from_logits[0], [*rows, rows[0][:2] + rows[1][2:]]
    return from_logits, rows


def _nearly_a_limit(options):
    """Whether an order is so close to 0 or 1 that 1e-300 to a power of it is not small."""
    alpha = options.get("alpha", 2)
    return 0 < alpha < 1e-6 or 0 < abs(alpha - 1) < 1e-6


def cotangents(function, n):
    return Draw(function).gaussian(n).tolist() if function in ENTRIES else None


# Difference quotients -------------------------------------------------------------------


@pytest.mark.parametrize(("function", "options"), SMOOTH)
def test_derivatives_are_difference_quotients(function, options):
    # The slopes of the 1000th power are as small as a power of 1e-500.
    small = function == "tsallis_entropy" and options["alpha"] == 1000
    precision = {"digits": 3000, "step": 1000} if small else {}
    for pair in pairs(function, n=4):
        if (found := operands(function, pair)) is None:
            continue
        from_logits, rows = found
        for normalize in (True,) if function in NORMALISED else (True, False):
            more = {} if normalize else PLAIN
            keywords = options | more | {"from_logits": from_logits}
            assert_quotients(function, rows, keywords, cotangents(function, 4), **precision)


@pytest.mark.parametrize(
    ("function", "options"),
    [(f, o) for f, o in SMOOTH if "entropy" not in f and f != "surprisal"],
)
def test_the_precision_suffices(function, options):
    for rows, keywords in (
        ([[1.0, 1e-300], [1.0, 2e-300]], {}),
        ([[0.0, -300.0, 1e-6], [0.0, -301.0, 1e-15]], LOGITS),
    ):
        if function == "generalized_js_divergence":
            rows = [*rows, rows[0]]
        seeds = cotangents(function, len(rows[0]))
        precision = {"digits": 4000, "step": 1500, "right": DIGITS - 2}
        assert_quotients(function, rows, options | keywords, seeds, **precision)


@pytest.mark.parametrize(
    ("function", "options"), [v for v in CALLS if not _nearly_a_limit(v[1])]
)
def test_the_limit_at_zero_is_the_limit(function, options):
    """Beside components where one mass is 1e-300; logarithms of that count as infinite."""
    steepness = SUMS[function](**options).steepness if function in SUMS else 50
    rows = [[0.5, 0.25, 0.125, 0.75], [0.125, 0.5, 0.25, 0.375]]
    _, rows = operands(function, ((False, False), rows))
    for side in range(len(rows)):
        if (function == "chernoff_information" or options.get("alpha") == 0) and side == 0:
            continue  # the limit jumps, or its exponent creeps to zero
        for normalize in (True,) if function in NORMALISED else (True, False):
            at_zero, nearby = (
                [[*row[:1], v, *row[2:]] if k == side else row for k, row in enumerate(rows)]
                for v in (0.0, 1e-300)
            )
            keywords = options | ({} if normalize else PLAIN)
            limit, value = (
                flat(floats(derivatives(function, v, keywords, cotangents(function, 4))))
                for v in (at_zero, nearby)
            )
            for a, v in zip(limit, value, strict=True):
                if math.isinf(a):
                    assert abs(v) > steepness
                    assert a * v > 0
                else:
                    assert v == pytest.approx(a, rel=1e-12, abs=1e-250)


# Conventions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "options", "inputs", "expected"),
    [
        # Both zero: as where both are equal, by weights; nothing by logits.
        ("jeffreys_divergence", {}, [[1, 3, 0], [1, 1, 0]], [None, None]),
        ("chi2_divergence", {}, [[1, 3, 0], [2, 2, 0]], [[-0.375, 0.125, -0.125], None]),
        ("chi2_divergence", PLAIN, [[1, 3, 0], [2, 2, 0]], [[-1, 1, 0], [0.75, -1.25, 0]]),
        ("total_variation", {}, [[1, 0, 0], [1, 1, 0]], [[0, -1, -0.5], [-0.25, 0.25, 0]]),
        ("total_variation", PLAIN, [[1, 0, 2], [1, 1, 1]], [[0, -0.5, 0.5], [0, 0.5, -0.5]]),
        ("js_divergence", LOGITS, [[0, -INF], [0, -INF]], [[0, 0], [0, 0]]),
        ("js_divergence", {"weight": 0.0}, [[1, 2], [0, 3]], [[0, 0], [0, 0]]),
        ("js_divergence", {"weight": 1.0}, [[1, 2], [0, 3]], [[0, 0], [0, 0]]),
        ("skew_kl_divergence", {"weight": 0.0}, [[1, 2], [0, 3]], [[0, 0], [0, 0]]),
        # A square root has no derivative at 0, which counts as 0.
        ("js_distance", {}, [[1, 3, 0], [1, 3, 0]], [[0, 0, 0], [0, 0, 0]]),
        ("hellinger_distance", PLAIN, [[1, 3], [1, 3]], [[0, 0], [0, 0]]),
        # Infinite values.
        ("chi2_divergence", {}, [[1, 1], [1, 0]], [[-INF, INF], [INF, -INF]]),
        ("chi2_divergence", {"kind": "neyman"}, [[1, 0], [1, 1]], [[INF, -INF], [-INF, INF]]),
        ("jeffreys_divergence", PLAIN, [[1, 1], [1, 0]], [[0, INF], [0, -INF]]),
        ("skew_kl_divergence", {"weight": 1.0}, [[1, 1], [1, 0]], [[-INF, INF], [0.5, -INF]]),
        ("renyi_divergence", {"alpha": 2.0}, [[1, 1], [1, 0]], [[-1, 1], [1, -INF]]),
        ("renyi_divergence", {"alpha": 2.0}, [[1, 1], [0, 0]], [[NAN] * 2, [NAN] * 2]),
        ("renyi_divergence", {"alpha": 0.5}, [[1, 0], [0, 1]], [[NAN] * 2, [NAN] * 2]),
        # The largest ratio alone; nan where there are two.
        (
            "renyi_divergence",
            {"alpha": INF},
            [[2, 1, 1], [1, 1, 2]],
            [[0.25, -0.25, -0.25], [-0.75, 0.25, 0.25]],
        ),
        ("renyi_divergence", {"alpha": INF}, [[1, 1], [1, 1]], [[NAN] * 2, [NAN] * 2]),
        ("renyi_divergence", {"alpha": 0.0}, [[2, 0], [1, 3]], [[0, 0], [-0.75, 0.25]]),
        ("renyi_entropy", {"alpha": INF}, [[2, 1, 1]], [[-0.25, 0.25, 0.25]]),
        ("renyi_entropy", {"alpha": INF}, [[1, 1]], [[NAN, NAN]]),
        ("renyi_entropy", {"alpha": 0.0}, [[2, 0]], [[0, 0]]),
        ("renyi_entropy", {"alpha": 2.0}, [[2, 0]], [[0, 1]]),
        ("renyi_entropy", {"alpha": 0.5}, [[2, 0]], [[0, INF]]),
        ("tsallis_entropy", {"alpha": INF}, [[2, 1]], [[0, 0]]),
        ("tsallis_entropy", {"alpha": 2.0}, [[1, 3]], [[0.75 / 4, -0.25 / 4]]),
        ("tsallis_divergence", {"alpha": 0.0}, [[1, 0], [1, 3]], [[0, 0], [-3 / 16, 1 / 16]]),
        ("bhattacharyya_distance", {}, [[1, 0], [0, 1]], [[NAN] * 2, [NAN] * 2]),
        (
            "bhattacharyya_coefficient",
            {},
            [[1, 0, 0], [0, 1, 0]],
            [[0, INF, 0.5], [INF, 0, 0.5]],
        ),
        ("bhattacharyya_coefficient", {}, [[1, 1, 0], [1, 1, 1]], [None, None]),
        ("chernoff_information", {}, [[1, 3], [2, 6]], [[0, 0], [0, 0]]),
        ("generalized_js_divergence", {}, [[1, 2], [1, 2], [2, 4]], [[0, 0]] * 3),
        (
            "generalized_js_divergence",
            {"weights": [1.0, 0.0, 1.0]},
            [[1, 0], [1, 1], [1, 0]],
            [[0, 0]] * 3,
        ),
        # No measure.
        ("js_divergence", {}, [[0, 0], [1, 1]], [[NAN] * 2, [NAN] * 2]),
        ("alpha_divergence", {"alpha": 3.0}, [[1, NAN], [1, 1]], [[NAN] * 2, [NAN] * 2]),
        ("tsallis_entropy", {"alpha": 3.0}, [[0, 0]], [[NAN] * 2]),
        ("chernoff_information", {}, [[], []], [[], []]),
        ("generalized_js_divergence", {}, [[], [], []], [[], [], []]),
    ],
)
def test_limits_of_the_families(function, options, inputs, expected):
    assert_operands(function, inputs, options, expected)


@pytest.mark.parametrize(
    ("function", "inputs", "options", "seeds", "expected"),
    [
        ("kl_contributions", [[1, 0], [1, 1]], {}, [3, 5], [[0, -INF], [-2, 2]]),
        ("kl_contributions", [[1, 0], [1, 1]], {}, [3, 0], [[0, -3 * LOG2], [-0.75, 0.75]]),
        ("kl_contributions", [[1, 1], [1, 0]], PLAIN, [3, 5], [[0, INF], [0, -INF]]),
        ("surprisal", [[1, 3]], {}, [1, 2], [[(3 - 4) / 4, (3 - 8 / 3) / 4]]),
        ("surprisal", [[1, 0]], {}, [1, 2], [[2, -INF]]),
        ("surprisal", [[0, -INF]], LOGITS, [1, 2], [[2, -2]]),
        ("surprisal", [[0, -INF]], LOGITS | PLAIN, [1, 2], [[-1, -2]]),
        ("surprisal", [[2, 4]], PLAIN, [1, 2], [[-0.5, -0.5]]),
        ("surprisal", [[0, 0]], {}, [1, 2], [[NAN, NAN]]),
        ("surprisal", [[]], {}, [], [[]]),
    ],
)
def test_limits_of_entries(function, inputs, options, seeds, expected):
    assert_operands(function, inputs, options, expected, seeds)


# Conditions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (f, o)
        for f, o in CALLS
        # Of order inf every ratio is the largest.
        if f not in OF_ONE_ROW | ENTRIES.keys() and o.get("alpha") != INF
    ],
)
def test_proportional_rows_have_no_derivative(function, options):
    rows = [[1.0, 2.0, 0.3], [2.0, 4.0, 0.6], [4.0, 8.0, 1.2]]
    rows = rows[: 3 if function.startswith("generalized") else 2]
    assert flat(derivatives(function, rows, options)) == [0] * (3 * len(rows))
    assert flat(conditions(function, rows, options)) == [INF] * (3 * len(rows))


@pytest.mark.parametrize(
    ("function", "options", "inputs", "expected"),
    [
        # (1/4, 3/4) and (1/2, 1/2): phi = 2 * (r - 1) with r = (1/2, 3/2), so -1, 1 and a
        # mean of 1/2 among sizes of 1; psi = 1 - r**2 = 3/4, -5/4, mean -1/4, size 1.
        (
            "chi2_divergence",
            {},
            [[1, 3], [1, 1]],
            # An error of d = (-LOG2, log(3/2)) counts twice, where that is more than 1.
            [
                [(2.5 * LOG2 + 0.75) / 1.5, (1.75 + 0.5 * LOG2) / 0.5],
                [2.25 * LOG2 + 0.625, 1.875 + 0.75 * LOG2],
            ],
        ),
        ("chi2_divergence", PLAIN, [[1, 3], [1, 1]], [[1, 2 * LOG3], [1, 2 * LOG3]]),
        # s = (2 * LOG2, 2 * LOG2 - LOG3), H = log(8/5), z = H - s.
        (
            "renyi_entropy",
            {"alpha": 2.0},
            [[1, 3]],
            [
                [
                    (2 * LOG2 + math.log(1.6)) / (2 * LOG2 - math.log(1.6)),
                    (2 * LOG2 - LOG3 + math.log(1.6)) / (math.log(1.6) - 2 * LOG2 + LOG3),
                ]
            ],
        ),
        ("renyi_entropy", {"alpha": 2.0}, [[1, 1]], [[INF, INF]]),
    ],
)
def test_conditions_checked_by_hand(function, options, inputs, expected):
    value = conditions(function, inputs, options)
    for vs, es in zip(value, expected, strict=True):
        np.testing.assert_allclose([float(v) for v in vs], es, rtol=1e-14)


def test_an_exponent_multiplies_its_error():
    """Of order 1000 the derivative is a power of which the exponent is large."""
    rows = [[1.0, 3.0], [1.0, 1.0]]
    condition = conditions("renyi_divergence", rows, {"alpha": 1000.0})
    assert 100 < condition[0][0] < 1e4
    assert all(c < 10 for c in flat(conditions("renyi_divergence", rows, {"alpha": 2.0})))


def test_a_row_of_some_hundred_entries():
    draw = Draw("long family")
    p, q = weights(draw, 200), weights(draw, 200)
    for function, options in (("js_divergence", {}), ("renyi_divergence", {"alpha": 7.5})):
        for row, slopes in zip((p, q), derivatives(function, [p, q], options), strict=True):
            with mp.workdps(80):
                along = [g * mp.mpf(v) for g, v in zip(slopes, row, strict=True)]
                size = mp.fsum(abs(t) for t in along)
                assert abs(mp.fsum(along)) <= size * mp.mpf(10) ** (1 - DIGITS)
