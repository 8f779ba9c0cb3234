"""The derivatives against difference quotients of the definitions, and at their limits."""

import math
import subprocess
import sys

import numpy as np
import pytest
from mpmath import mp

from tests.oracle import conditions, derivatives
from tests.oracle.definitions import ELEMENTWISE
from tests.oracle.evaluate import DIGITS
from tests.oracle.exact import FORMATS
from tests.oracle.quotients import (
    assert_operands,
    assert_quotients,
    flat,
    floats,
    logits,
    pairs,
    weights,
)
from tests.tables.draw import Draw

INF, NAN = math.inf, math.nan
PLAIN = {"normalize": False}
LOGITS = {"from_logits": True}


# Difference quotients -------------------------------------------------------------------

POINTS = {
    "xlogy": [(0.3, 2.0), (-1.5, 1e-3), (2.0, 1 + 2.0**-52)],
    "xlog1py": [(0.3, 2.0), (-1.5, 1e-20), (2.0, -1 + 2.0**-53)],
    "entr": [(0.3,), (0.36787944117144233,), (1e5,)],
    "rel_entr": [(0.3, 2.0), (1.0, 1 + 2.0**-52), (1.0, math.e)],
    "kl_div": [(0.3, 2.0), (1.0, 1 + 2.0**-52), (1e-3, 1e3)],
    "log1pmx": [(0.3,), (1e-18,), (-1 + 2.0**-53,), (-1e-5,)],
    "expm1mx": [(0.3,), (1e-18,), (-7.0,), (20.0,)],
    "log1mexp": [(-0.3,), (-1e-18,), (-50.0,)],
    "log1pexp": [(0.3,), (-30.0,), (30.0,)],
    "logaddexp": [(0.3, 2.0), (40.0, 0.0), (-1e3, -1e3)],
    "logsubexp": [(2.0, 0.3), (1.0, 1 - 2.0**-53), (1e3, 960.0)],
    "binary_entropy": [(0.3,), (1e-20,), (1 - 2.0**-53,)],
    "binary_cross_entropy": [(0.3, 0.6), (1e-20, 0.25), (0.3, 0.3 + 2.0**-54)],
    "binary_kl_divergence": [(0.3, 0.6), (1e-20, 0.25), (0.3, 0.3 + 2.0**-54)],
}


@pytest.mark.parametrize(
    ("function", "point"), [(f, point) for f in ELEMENTWISE for point in POINTS[f]]
)
def test_elementwise_derivatives_are_difference_quotients(function, point):
    assert_quotients(function, point, {})
    assert conditions(function, point) == [1] * len(point)


@pytest.mark.parametrize(
    ("point", "options"),
    [
        ((0.3, 0.6, 0.2, 0.7), {"complement": (True, True)}),
        ((0.3, 0.7, 0.3, 0.7 + 2.0**-53), {"complement": (True, True)}),
        ((1.5, -2.0), {"from_logits": True}),
        ((-40.0, -41.0), {"from_logits": True}),
        ((0.3, 0.4, 0.6), {"from_logits": (True, False), "complement": (False, True)}),
        ((0.3, 0.4), {"from_logits": (False, True)}),
    ],
)
@pytest.mark.parametrize("function", ["binary_cross_entropy", "binary_kl_divergence"])
def test_derivatives_of_two_outcomes_are_difference_quotients(function, point, options):
    assert_quotients(function, point, options)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("function", ["kl_divergence", "cross_entropy"])
def test_derivatives_of_two_rows_are_difference_quotients(function, normalize):
    for from_logits, rows in pairs(function):
        assert_quotients(function, rows, {"from_logits": from_logits, "normalize": normalize})


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("from_logits", [True, False])
def test_derivatives_of_entropy_are_difference_quotients(from_logits, normalize):
    draw = Draw("entropy")
    for n in (2, 5):
        row = logits(draw, n) if from_logits else weights(draw, n)
        near = [1 + 1e-14 * g for g in draw.gaussian(n).tolist()]
        for values in (row, near):
            options = {"from_logits": from_logits, "normalize": normalize}
            assert_quotients("entropy", [values], options)


def test_derivatives_of_logsumexp_are_difference_quotients():
    draw = Draw("logsumexp")
    for _ in range(3):
        a, b = logits(draw, 5), draw.gaussian(5).tolist()
        assert_quotients("logsumexp", [a], {})
        assert_quotients("logsumexp", [a, b], {})
    assert_quotients("logsumexp", [[0.0, -1e-9, -36.0], [1.0, -1.0, 2.0]], {})
    assert_quotients("logsumexp", [[0.5, 0.5, 0.5], [1.0, -2.0, 0.5]], {})


@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
def test_products_with_the_jacobian_are_difference_quotients(function):
    draw = Draw(function)
    for _ in range(3):
        a, c = logits(draw, 5), draw.gaussian(5).tolist()
        assert_quotients(function, [a], {}, seeds=c)
        assert_quotients(function, [a], {}, seeds=[1 + 1e-12 * v for v in c])
    assert_quotients(function, [[0.0, -80.0, 3.0]], {}, seeds=[1e9, -1e-9, 0.0])


def test_a_row_of_some_hundred_entries():
    draw = Draw("long")
    p, q = weights(draw, 300), logits(draw, 300)
    by_p, by_q = derivatives("kl_divergence", [p, q], {"from_logits": (False, True)})
    with mp.workdps(80):
        # No scale of the weights matters and no offset of the logits.
        along = [g * mp.mpf(v) for g, v in zip(by_p, p, strict=True)]
        for terms in (along, by_q):
            size = mp.fsum(abs(t) for t in terms)
            assert abs(mp.fsum(terms)) <= size * mp.mpf(10) ** (1 - DIGITS)


# Precision ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "inputs", "options", "seeds"),
    [
        ("kl_divergence", [[0.0, 1e-6], [0.0, 0.0]], LOGITS, None),
        ("kl_divergence", [[1e-6, 0.0, 1.0], [1e-15, 0.0, 1.0]], LOGITS, None),
        ("kl_divergence", [[0.0, 1.0], [5e-324, 1.0]], LOGITS, None),
        ("kl_divergence", [[0.0, -700.0], [0.0, -701.0]], LOGITS, None),
        ("kl_divergence", [[0.0, -700.0], [0.0, -700.0 * (1 + 2.0**-52)]], LOGITS, None),
        ("kl_divergence", [[0.0, -700.0, 1.0], [700.0, 3.0, 1.0]], LOGITS, None),
        ("kl_divergence", [[0.0, -700.0], [1e-15, -701.0]], LOGITS | PLAIN, None),
        ("kl_divergence", [[1e4, 1e4 - 700], [1.0, 1e-304]], {"from_logits": (1, 0)}, None),
        ("kl_divergence", [[1.0, 1e-300], [1.0, 2e-300]], {}, None),
        ("kl_divergence", [[1e300, 5e-324], [1e300, 1e-323]], {}, None),
        ("kl_divergence", [[1.0, 1e-300], [1.0, 1e-300 * (1 + 2.0**-52)]], {}, None),
        ("cross_entropy", [[0.0, -700.0], [0.0, -701.0]], LOGITS, None),
        ("cross_entropy", [[1.0, 1e-300], [1.0, 2e-300]], {}, None),
        ("entropy", [[0.0, -700.0]], LOGITS, None),
        ("entropy", [[0.0, 1e-15, 1e-6]], LOGITS, None),
        ("entropy", [[1.0, 1e-300]], {}, None),
        ("entropy", [[1.0, 1 + 2.0**-52]], {}, None),
        ("logsumexp", [[0.0, 1e-15, -700.0], [1.0, -1.0, 1e-15]], {}, None),
        ("logsumexp", [[0.0, -700.0, 0.0], [1.0, 1.0, -1.0]], {}, None),
        ("softmax", [[0.0, -700.0]], {}, [1.0, 0.5]),
        ("softmax", [[0.0, 1e-15]], {}, [1.0, 1 + 2.0**-52]),
        ("softmax", [[0.0, 1.0, 0.0]], {}, [1e-300, 1.0, 1e300]),
        ("log_softmax", [[0.0, -700.0]], {}, [1.0, 0.0]),
        ("log_softmax", [[0.0, 1e-15]], {}, [0.5, 0.5]),
    ],
)
def test_the_precision_suffices(function, inputs, options, seeds):
    # The step is far below any gap, and its square far below any derivative.
    precision = {"digits": 5000, "step": 2000}
    assert_quotients(function, inputs, options, seeds, right=DIGITS - 2, **precision)


def test_logits_that_are_closer_than_any_precision_would_show_by_chance():
    """Two logits that are d apart beside equal ones: ``q - p = tanh(d / 2) / 2``."""
    for d in (1e-6, 1e-15, 5e-324, 0.3, 700.0):
        by_q = derivatives("kl_divergence", [[0.0, 0.0], [0.0, d]], LOGITS)[1]
        with mp.workprec(6000):
            truth = mp.tanh(mp.mpf(d) / 2) / 2
            assert abs(by_q[1] - truth) <= truth * mp.mpf(10) ** (1 - DIGITS)
            assert abs(by_q[0] + truth) <= truth * mp.mpf(10) ** (1 - DIGITS)


# Zeros ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "q", "from_logits"),
    [
        ([1.0, 2.0, 5.0], [3.0, 6.0, 15.0], False),
        ([0.1, 0.7], [0.1 * 2.0**-40, 0.7 * 2.0**-40], False),
        ([1.0, 2.0, 5e-324], [3.0, 6.0, 1.5e-323], False),
        ([0.25, -3.5], [8.25, 4.5], True),
        ([1e300, 0.0], [1e300, 0.0], True),
        ([1e4, 1e-300], [1e4, 1e-300], True),
        ([3.0, 3.0], [-7.0, -7.0], (False, True)),
        ([0.5, 0.5], [7.0, 7.0], (True, False)),
    ],
)
def test_proportional_rows_have_no_derivative(p, q, from_logits):
    options = {"from_logits": from_logits}
    assert flat(derivatives("kl_divergence", [p, q], options)) == [0] * (2 * len(p))
    assert flat(conditions("kl_divergence", [p, q], options)) == [INF] * (2 * len(p))


def test_nearly_proportional_rows_have_one():
    p = [1.0, 2.0, 0.3]
    q = [3.0, 6.0, 0.3 * 3]  # rounded
    assert all(0 < abs(v) < 1e-16 for v in flat(derivatives("kl_divergence", [p, q])))


@pytest.mark.parametrize(
    ("function", "inputs", "options", "seeds", "zero"),
    [
        ("kl_divergence", [[1.0, 0.0], [1.0, 1.0]], {}, None, [[INF, 1], [1, 1]]),
        ("kl_divergence", [[1.0, 3.0], [1.0, 3.0]], PLAIN, None, [[1, 1], [1, 1]]),
        ("cross_entropy", [[1.0, 3.0], [5.0, 15.0]], {}, None, [None, [INF, INF]]),
        ("cross_entropy", [[1.0, 3.0], [7.0, 7.0]], {}, None, [[INF, INF], None]),
        ("cross_entropy", [[1.0, 0.0], [2.0, 0.0]], {}, None, [[1, 1], [INF, 1]]),
        ("entropy", [[0.3, 0.3, 0.3]], {}, None, [[INF] * 3]),
        ("entropy", [[0.3, -INF, 0.3]], LOGITS, None, [[INF, 1, INF]]),
        ("entropy", [[0.3, -INF]], LOGITS, None, [[1, 1]]),
        ("entropy", [[-1.0, -INF]], LOGITS | PLAIN, None, [[INF, 1]]),
        ("softmax", [[0.3, 1.3, 2.0]], {}, [0.7, 0.7, 0.7], [[INF] * 3]),
        ("softmax", [[0.3, 1.3, 2.0]], {}, [0.0, 0.0, 0.0], [[1, 1, 1]]),
        ("softmax", [[0.3, 1.3, -INF]], {}, [0.7, 0.7, 0.2], [[INF, INF, 1]]),
        ("softmax", [[5.0, 5.0, 5.0]], {}, [0.0, 1.0, -1.0], [[INF, None, None]]),
        ("log_softmax", [[7.0, 7.0, 7.0]], {}, [0.7, 0.7, 0.7], [[INF] * 3]),
        ("log_softmax", [[0.3, -INF]], {}, [0.7, 0.0], [[INF, 1]]),
        ("logsumexp", [[0.3, -INF], [0.7, 0.7]], {}, None, [[None, 1], [None, 1]]),
        ("logsumexp", [[0.3, 0.3], [0.0, 0.7]], {}, None, [[1, None], [None, None]]),
    ],
)
def test_zeros_by_cancellation_and_without(function, inputs, options, seeds, zero):
    """The expected conditions of the components that are zero; None where one is not."""
    value = derivatives(function, inputs, options, seeds)
    condition = conditions(function, inputs, options, seeds)
    for vs, cs, expected in zip(value, condition, zero, strict=True):
        if expected is None:
            assert all(v != 0 for v in vs)
            continue
        for v, c, e in zip(vs, cs, expected, strict=True):
            if e is None:
                assert v != 0
            elif v != 0:
                assert e == c == 1
            else:
                assert c == e


# Conventions ----------------------------------------------------------------------------

LOG2, LOG3 = math.log(2), math.log(3)


@pytest.mark.parametrize(
    ("function", "point", "expected"),
    [
        ("xlogy", (0, 0), (0, 0)),
        ("xlogy", (0, 2), (LOG2, 0)),
        ("xlogy", (2, 0), (-INF, INF)),
        ("xlogy", (-2, 0), (-INF, -INF)),
        ("xlogy", (2, -1), (NAN, NAN)),
        ("xlogy", (0, -1), (NAN, 0)),
        ("xlogy", (2, INF), (INF, 0)),
        ("xlogy", (0, NAN), (NAN, NAN)),
        ("xlog1py", (0, -1), (0, 0)),
        ("xlog1py", (0, 1), (LOG2, 0)),
        ("xlog1py", (2, -1), (-INF, INF)),
        ("xlog1py", (-2, -1), (-INF, -INF)),
        ("xlog1py", (2, -1 - 2**-52), (NAN, NAN)),
        ("xlog1py", (0, -1 - 2**-52), (NAN, 0)),
        ("xlog1py", (NAN, 0), (NAN, NAN)),
        ("entr", (0,), (INF,)),
        ("entr", (-1,), (NAN,)),
        ("entr", (INF,), (-INF,)),
        ("entr", (NAN,), (NAN,)),
        ("rel_entr", (0, 2), (-INF, 0)),
        ("rel_entr", (0, 0), (0, 0)),
        ("rel_entr", (2, 0), (INF, -INF)),
        ("rel_entr", (INF, 0), (INF, -INF)),
        ("rel_entr", (-1, 2), (NAN, NAN)),
        ("rel_entr", (0, -1), (NAN, NAN)),
        ("rel_entr", (INF, 2), (INF, -INF)),
        ("rel_entr", (2, INF), (-INF, 0)),
        ("rel_entr", (0, INF), (-INF, 0)),
        ("rel_entr", (INF, INF), (NAN, NAN)),
        ("rel_entr", (NAN, 0), (NAN, NAN)),
        ("kl_div", (2, 2), (0, 0)),
        ("kl_div", (0, 2), (-INF, 1)),
        ("kl_div", (0, 0), (0, 1)),
        ("kl_div", (2, 0), (INF, -INF)),
        ("kl_div", (INF, 0), (INF, -INF)),
        ("kl_div", (-1, 2), (NAN, NAN)),
        ("kl_div", (2, -1), (NAN, NAN)),
        ("kl_div", (INF, 2), (INF, -INF)),
        ("kl_div", (2, INF), (-INF, 1)),
        ("kl_div", (0, INF), (-INF, 1)),
        ("kl_div", (INF, INF), (NAN, NAN)),
        ("kl_div", (0, NAN), (NAN, NAN)),
        ("log1pmx", (0,), (0,)),
        ("log1pmx", (-1,), (INF,)),
        ("log1pmx", (-2,), (NAN,)),
        ("log1pmx", (INF,), (-1,)),
        ("log1pmx", (NAN,), (NAN,)),
        ("expm1mx", (0,), (0,)),
        ("expm1mx", (INF,), (INF,)),
        ("expm1mx", (-INF,), (-1,)),
        ("expm1mx", (-1e300,), (-1,)),
        ("log1mexp", (0,), (-INF,)),
        ("log1mexp", (1,), (NAN,)),
        ("log1mexp", (-INF,), (0,)),
        ("log1mexp", (-1e300,), (0,)),
        ("log1pexp", (-INF,), (0,)),
        ("log1pexp", (INF,), (1,)),
        ("log1pexp", (NAN,), (NAN,)),
        ("logaddexp", (-INF, -INF), (0, 0)),
        ("logaddexp", (-INF, 2), (0, 1)),
        ("logaddexp", (INF, 2), (NAN, NAN)),
        ("logaddexp", (-INF, INF), (NAN, NAN)),
        ("logaddexp", (1e300, -1e300), (1, 0)),
        ("logaddexp", (NAN, 2), (NAN, NAN)),
        ("logsubexp", (2, -INF), (1, 0)),
        ("logsubexp", (2, 2), (INF, -INF)),
        ("logsubexp", (-INF, -INF), (0, 0)),
        ("logsubexp", (1, 2), (NAN, NAN)),
        ("logsubexp", (INF, 2), (NAN, NAN)),
        ("logsubexp", (INF, INF), (NAN, NAN)),
        ("logsubexp", (2, NAN), (NAN, NAN)),
    ],
)
def test_limits_of_the_elementwise_functions(function, point, expected):
    value = floats(derivatives(function, point))
    np.testing.assert_allclose(value, expected, rtol=1e-15)
    assert conditions(function, point) == [1] * len(point)


@pytest.mark.parametrize(
    ("p", "q", "options", "by_p", "by_q"),
    [
        # A zero on one side, on both; as it stands, of weights and of logits.
        ([1, 0], [1, 1], {}, [0, -INF], [-0.5, 0.5]),
        ([1, 0], [1, 1], PLAIN, [0, -INF], [0, 1]),
        ([0, -INF], [0, 0], LOGITS, [0, 0], [-0.5, 0.5]),
        ([0, -INF], [0, 0], LOGITS | PLAIN, [0, 0], [0, 1]),
        ([1, 3, 0], [2, 2, 0], {}, None, [0.125, -0.125, 0.25]),
        ([1, 1, 0], [2, 2, 0], {}, [0, 0, 0], [0, 0, 0.25]),
        ([1, 1, 0], [1, 3, 0], {}, None, [-0.25, 1 / 12, 0.25]),
        ([1, 2, 0], [1, 1, 0], PLAIN, [0, LOG2, 0], [0, -1, 1]),
        ([0, 0, -INF], [0, 0, -INF], LOGITS, [0, 0, 0], [0, 0, 0]),
        ([0, -INF], [LOG2, -INF], LOGITS | PLAIN, [-LOG2, 0], [1, 0]),
        # An infinite divergence.
        ([1, 1, 0, 0], [2, 0, 2, 0], {}, [-INF, INF, -INF, -INF], [0, -INF, 0.25, 0.25]),
        ([1, 2, 0, 0], [1, 0, 2, 0], PLAIN, [0, INF, -INF, 0], [0, -INF, 1, 1]),
        (
            [0, 0, -INF, -INF],
            [0, -INF, 0, -INF],
            LOGITS,
            [-INF, INF, 0, 0],
            [0, -0.5, 0.5, 0],
        ),
        (
            [0, 0, -INF, -INF],
            [0, -INF, 0, -INF],
            LOGITS | PLAIN,
            [0, INF, 0, 0],
            [0, -1, 1, 0],
        ),
        ([1, 1], [0, -INF], {"from_logits": (False, True)}, [-INF, INF], [0.5, -0.5]),
        ([0, 0], [2, 0], {"from_logits": (True, False)}, [-INF, INF], [0.25, -INF]),
        # No divergence at all.
        ([0, 0], [1, 2], {}, [NAN] * 2, [NAN] * 2),
        ([1, 2], [0, 0], {}, [NAN] * 2, [NAN] * 2),
        ([0, 0], [1, 2], PLAIN, [-INF] * 2, [1, 1]),
        ([1, -1], [1, 1], {}, [NAN] * 2, [NAN] * 2),
        ([1, 1], [1, NAN], PLAIN, [NAN] * 2, [NAN] * 2),
        ([0, INF], [1, 1], LOGITS | PLAIN, [NAN] * 2, [NAN] * 2),
        ([-INF, -INF], [1, 1], LOGITS, [NAN] * 2, [NAN] * 2),
        ([], [], {}, [], []),
    ],
)
def test_limits_of_the_divergence(p, q, options, by_p, by_q):
    assert_operands("kl_divergence", [p, q], options, [by_p, by_q])


@pytest.mark.parametrize(
    ("p", "options", "expected"),
    [
        ([1, 1, 0], {}, [0, 0, INF]),
        ([2, 0], {}, [0, INF]),
        ([1, 3], {}, [0.75 * LOG3 / 4, -0.25 * LOG3 / 4]),
        ([1, 0, 2], PLAIN, [-1, INF, -1 - LOG2]),
        ([0, 0], PLAIN, [INF, INF]),
        ([LOG3, 0, -INF], LOGITS, [-LOG3 * 3 / 16, LOG3 * 3 / 16, 0]),
        ([0, -1, LOG2, -INF], LOGITS | PLAIN, [-1, 0, -2 * (1 + LOG2), 0]),
        ([0, 0], {}, [NAN, NAN]),
        ([-INF], LOGITS, [NAN]),
        ([-INF], LOGITS | PLAIN, [0]),
        ([1, -1], PLAIN, [NAN, NAN]),
        ([INF, 0], LOGITS, [NAN, NAN]),
        ([], {}, []),
    ],
)
def test_limits_of_the_entropy(p, options, expected):
    assert_operands("entropy", [p], options, [expected])


@pytest.mark.parametrize(
    ("p", "q", "options", "by_p", "by_q"),
    [
        # Where p is zero the value is an ordinary one.
        ([1, 0], [1, 3], {}, [0, -LOG3], [-0.75, 0.25]),
        ([1, 0], [1, 3], PLAIN, [0, -LOG3], [-1, 0]),
        ([0, -INF], [0, LOG3], LOGITS, [0, 0], [-0.75, 0.75]),
        ([LOG2, -INF], [LOG3, 1], LOGITS | PLAIN, [-2 * LOG3, 0], [-2, 0]),
        # Where both are, so is the logarithm.
        ([1, 1, 0], [2, 2, 0], {}, [0, 0, -LOG2 / 2], [0, 0, 0.25]),
        ([1, 2, 0], [2, 4, 0], PLAIN, [-LOG2, -2 * LOG2, 0], [-0.5, -0.5, 0]),
        ([0, 0, -INF], [0, 0, -INF], LOGITS, [0, 0, 0], [0, 0, 0]),
        ([0, -INF], [LOG2, -INF], LOGITS | PLAIN, [-LOG2, 0], [-1, 0]),
        # An infinite value.
        ([1, 1, 0, 0], [2, 0, 2, 0], {}, [-INF, INF, -INF, -INF], [0, -INF, 0.25, 0.25]),
        ([1, 2, 0, 0], [1, 0, 2, 0], PLAIN, [0, INF, -LOG2, 0], [-1, -INF, 0, 0]),
        (
            [0, 0, -INF, -INF],
            [0, -INF, 0, -INF],
            LOGITS,
            [-INF, INF, 0, 0],
            [0, -0.5, 0.5, 0],
        ),
        (
            [0, LOG2, -INF, -INF],
            [0, -INF, 0, -INF],
            LOGITS | PLAIN,
            [0, INF, 0, 0],
            [-1, -2, 0, 0],
        ),
        # No value at all.
        ([0, 0], [1, 2], {}, [NAN] * 2, [NAN] * 2),
        ([1, 2], [0, 0], {}, [NAN] * 2, [NAN] * 2),
        ([0, 0], [2, 0], PLAIN, [-LOG2, 0], [0, 0]),
        ([1, -1], [1, 1], PLAIN, [NAN] * 2, [NAN] * 2),
        ([0, 0], [INF, 1], LOGITS, [NAN] * 2, [NAN] * 2),
        ([], [], PLAIN, [], []),
    ],
)
def test_limits_of_the_cross_entropy(p, q, options, by_p, by_q):
    assert_operands("cross_entropy", [p, q], options, [by_p, by_q])


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([[0, 0, -INF]], [[0.5, 0.5, 0]]),
        ([[-INF, -INF]], [[0, 0]]),
        ([[0, INF, -INF]], [[NAN] * 3]),
        ([[0, NAN]], [[NAN] * 2]),
        ([[]], [[]]),
        ([[], []], [[], []]),
        ([[0, 0, 1], [3, -1, 0]], [[1.5, -0.5, 0], [0.5, 0.5, math.e / 2]]),
        ([[0, 0], [1, -3]], [[-0.5, 1.5], [-0.5, -0.5]]),
        ([[0, -INF], [2, 3]], [[1, 0], [0.5, 0]]),
        ([[-INF, -INF], [2, 3]], [[0, 0], [0, 0]]),
        # A sum of zero: of opposite terms, of no terms.
        ([[1, 1, 2, -INF], [1, -1, 0, 5]], [[INF, -INF, 0, 0], [INF, INF, INF, 0]]),
        ([[1, 2], [0, 0]], [[0, 0], [INF, INF]]),
        ([[0.1] * 3, [0.75, -0.5, -0.25]], [[INF, -INF, -INF], [INF] * 3]),
        # A weight of zero removes an infinite exponent, but is worth infinitely much.
        ([[0, INF], [1, 0]], [[1, 0], [1, INF]]),
        ([[0, INF], [-1, 0]], [[1, 0], [-1, -INF]]),
        ([[0, INF], [1, 1]], [[NAN] * 2, [NAN] * 2]),
        ([[0, 0], [1, NAN]], [[NAN] * 2, [NAN] * 2]),
    ],
)
def test_limits_of_logsumexp(inputs, expected):
    assert_operands("logsumexp", inputs, {}, expected)


@pytest.mark.parametrize(
    ("function", "a", "seeds", "expected"),
    [
        ("softmax", [0, 0, -INF], [1, 3, 7], [-0.5, 0.5, 0]),
        ("log_softmax", [0, 0, -INF], [1, 3, 7], [-4.5, -2.5, 7]),
        ("softmax", [-INF, -INF], [1, 3], [NAN, NAN]),
        ("log_softmax", [-INF, -INF], [1, 3], [NAN, NAN]),
        ("softmax", [0, INF], [1, 3], [NAN, NAN]),
        ("log_softmax", [0, NAN], [1, 3], [NAN, NAN]),
        ("softmax", [], [], []),
        ("log_softmax", [], [], []),
    ],
)
def test_limits_of_the_shares(function, a, seeds, expected):
    assert_operands(function, [a], {}, [expected], seeds)


def test_one_row_of_nan_makes_the_other_nan():
    value = derivatives("kl_divergence", [[NAN, 1.0], [1.0, 2.0]])
    assert all(map(mp.isnan, flat(value)))


# Conditions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "inputs", "options", "seeds", "expected"),
    [
        # (1/2, 1/2) and (1/4, 3/4): d = (-LOG2, LOG3 - LOG2) and KL = LOG2 - LOG3 / 2. Where
        # d has the sign of KL, the sum d + KL does not cancel, otherwise d does not.
        (
            "kl_divergence",
            [[1, 1], [1, 3]],
            {},
            None,
            [[(4 * LOG2 - LOG3) / LOG3, 1], [1, LOG2 / (LOG3 - LOG2)]],
        ),
        ("kl_divergence", [[1, 1], [1, 3]], PLAIN, None, [[1, 1], [1, 1]]),
        # Infinite: what q - p cancels, (1/4 + 1/2) / (1/2 - 1/4), on the half of p left.
        ("kl_divergence", [[2, 2, 0], [1, 0, 3]], {}, None, [[1, 1, 1], [6, 1, 1]]),
        # s = (2 * LOG2, 2 * LOG2 - LOG3) and H = 2 * LOG2 - 0.75 * LOG3.
        (
            "entropy",
            [[1, 3]],
            {},
            None,
            [[(16 * LOG2 - 3 * LOG3) / (3 * LOG3), (16 * LOG2 - 7 * LOG3) / LOG3]],
        ),
        ("entropy", [[2, 1]], PLAIN, None, [[1, 1]]),
        ("entropy", [[0.25]], PLAIN, None, [[(2 * LOG2 + 1) / (2 * LOG2 - 1)]]),
        ("entropy", [[-3]], LOGITS | PLAIN, None, [[2]]),
        # The same s, and H = 2 * LOG2 - LOG3 / 2 or that of the first entry.
        (
            "cross_entropy",
            [[1, 1], [1, 3]],
            {},
            None,
            [[8 * LOG2 / LOG3 - 1, 8 * LOG2 / LOG3 - 3], [3, 5]],
        ),
        (
            "cross_entropy",
            [[1, 0], [1, 3]],
            {},
            None,
            [[INF, 4 * LOG2 / LOG3 - 1], [5 / 3, 1]],
        ),
        ("cross_entropy", [[1, 1], [1, 3]], PLAIN, None, [[1, 1], [1, 1]]),
        ("logsumexp", [[0, 1]], {}, None, [[1, 1]]),
        ("logsumexp", [[0, 0], [3, -1]], {}, None, [[2, 2], [2, 2]]),
        ("logsumexp", [[0, 0], [3, 1]], {}, None, [[1, 1], [1, 1]]),
        ("logsumexp", [[0, 0, 5], [3, -1, 0]], {}, None, [[2, 2, 1], [2, 2, 2]]),
        # s = (1/2, 1/2): (abs(c) + mean of abs(c)) / abs(c - mean of c).
        ("softmax", [[0, 0]], {}, [1, 2], [[(1 + 1.5) / 0.5, (2 + 1.5) / 0.5]]),
        ("softmax", [[0, 0]], {}, [1, -2], [[(1 + 1.5) / 1.5, (2 + 1.5) / 1.5]]),
        ("log_softmax", [[0, 0]], {}, [1, 2], [[(1 + 1.5) / 0.5, (2 + 1.5) / 0.5]]),
        ("log_softmax", [[0, -INF]], {}, [1, 2], [[4 / 2, 1]]),
    ],
)
def test_conditions_checked_by_hand(function, inputs, options, seeds, expected):
    value = conditions(function, inputs, options, seeds)
    for vs, es in zip(value, expected, strict=True):
        np.testing.assert_allclose([float(v) for v in vs], es, rtol=1e-14)


def test_conditions_of_close_rows():
    """Of rows a small d apart, q - p cancels no more than their log-ratios do."""
    rows = [0.0, 1.0, 2.0], [1e-9, 1.0, 2.0]
    condition = conditions("kl_divergence", rows, LOGITS)
    assert all(1 <= c < 1 + 1e-6 for c in flat(condition))
    assert all(c > 1e8 for c in conditions("cross_entropy", rows, LOGITS)[1])


# The interface --------------------------------------------------------------------------


def test_any_sequence_of_any_format_will_do():
    expected = floats(derivatives("kl_divergence", [[0.25, 0.75], [0.5, 0.5]]))
    for fmt in FORMATS.values():
        rows = [np.asarray(row, fmt.dtype) for row in ([0.25, 0.75], [0.5, 0.5])]
        assert floats(derivatives("kl_divergence", rows)) == expected
        assert floats(derivatives("kl_divergence", (tuple(rows[0]), rows[1]))) == expected
        assert derivatives("entr", [fmt.dtype.type(1)]) == [-1]


def test_seeds_are_for_rows_of_results():
    with pytest.raises(TypeError, match="seeds"):
        derivatives("softmax", [[0.0, 1.0]])
    with pytest.raises(TypeError, match="seeds"):
        conditions("logsumexp", [[0.0, 1.0]], seeds=[1.0, 1.0])


def test_the_oracle_does_not_know_the_library():
    code = "import sys, tests.oracle; sys.exit('relentropy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
