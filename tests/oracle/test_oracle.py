"""The oracle is checked too: against identities, closed forms, peers and itself."""

import importlib
import itertools
import math

import numpy as np
import pytest
import scipy.special
from mpmath import mp

from tests.oracle import DEFINITIONS, condition, evaluate
from tests.oracle.definitions import ELEMENTWISE, REDUCTIONS
from tests.oracle.entries import ENTRIES
from tests.oracle.evaluate import DIGITS
from tests.oracle.exact import FORMATS, from_text, to_text
from tests.tables import load, plan, regenerate
from tests.tables.draw import Draw
from tests.tables.load import stored_cases

INF, NAN = math.inf, math.nan


def close(value, truth, digits=50):
    with mp.workprec(4000):
        return abs(value - truth) <= abs(truth) * mp.mpf(10) ** -digits


def rows(count, n, seed="rows"):
    draw = Draw(seed)
    return zip(
        (draw.uniform((count, n)) + 2.0**-9).tolist(),
        (draw.uniform((count, n)) + 2.0**-9).tolist(),
        strict=True,
    )


# Identities and closed forms ------------------------------------------------------------


def test_divergence_is_cross_entropy_less_entropy():
    for p, q in rows(10, 5):
        for options in ({}, {"from_logits": True}, {"from_logits": (True, False)}):
            kl = evaluate("kl_divergence", p, q, **options)
            with mp.workdps(80):
                other = evaluate("cross_entropy", p, q, **options)
                other -= evaluate("entropy", p, **options)
            assert kl > 0
            assert close(kl, other)


def test_generalised_divergence_is_the_sum_of_elementwise_terms():
    for p, q in rows(10, 5):
        with mp.workdps(80):
            total = mp.fsum(evaluate("kl_div", x, y) for x, y in zip(p, q, strict=True))
            entropy = mp.fsum(evaluate("entr", x) for x in p)
        assert close(evaluate("kl_divergence", p, q, normalize=False), total)
        assert close(evaluate("entropy", p, normalize=False), entropy)


def test_logits_and_weights_agree():
    # exp(log 3 + c) is no float, but powers of two times log 2 are compared in mpmath.
    with mp.workprec(4000):
        weights = [mp.mpf(v) for v in (1, 2, 5)]
        logits = [mp.log(v) + 7 for v in weights]
        others = [mp.log(v) - 3 for v in (3, 1, 1)]
        logs = DEFINITIONS["kl_divergence"](logits, others, from_logits=True)
        mixed = DEFINITIONS["kl_divergence"](weights, others, from_logits=(False, True))
    linear = evaluate("kl_divergence", [1.0, 2.0, 5.0], [3.0, 1.0, 1.0])
    assert close(logs, linear)
    assert close(mixed, linear)


@pytest.mark.parametrize("d", [1e-300, 1e-8, 0.3, 40.0, 1200.0])
def test_two_point_rows_of_logits(d):
    """KL of (1/2, 1/2) from softmax(0, d) is log(cosh(d/2))."""
    with mp.workprec(6000):
        truth = mp.log(mp.cosh(mp.mpf(d) / 2))
    assert close(evaluate("kl_divergence", [0.0, 0.0], [0.0, d], from_logits=True), truth)


@pytest.mark.parametrize("gap", [2.0**-50, 2.0**-20, 0.25])
def test_two_point_rows_of_weights(gap):
    """KL of (1/2, 1/2) from ((1+g)/2, (1-g)/2) is -log(1 - g**2)/2."""
    with mp.workprec(2000):
        truth = -mp.log(1 - mp.mpf(gap) ** 2) / 2
    assert close(evaluate("kl_divergence", [1.0, 1.0], [1 + gap, 1 - gap]), truth)


def test_two_outcomes_are_rows_of_two():
    for (p, _), (q, _) in rows(10, 2):
        p, q = p / 2, q / 2
        for one, two in (
            ("entropy", (p,)),
            ("cross_entropy", (p, q)),
            ("kl_divergence", (p, q)),
        ):
            value = evaluate(f"binary_{one}", *two)
            logits = [[v, 0.0] for v in two]
            with mp.workprec(2000):
                pairs = [[mp.mpf(v), 1 - mp.mpf(v)] for v in two]
                assert close(value, DEFINITIONS[one](*pairs))
            assert close(
                evaluate(f"binary_{one}", *two, from_logits=True),
                evaluate(one, *logits, from_logits=True),
            )
            complements = [v for pair in two for v in (pair, 0.3)]
            flags = {"complement": True if one == "entropy" else (True, True)}
            assert close(
                evaluate(f"binary_{one}", *complements, **flags),
                evaluate(one, *([v, 0.3] for v in two)),
            )


def test_limits_of_two_outcomes():
    logits = {"from_logits": True}
    assert evaluate("binary_entropy", INF, **logits) == 0
    assert evaluate("binary_entropy", 1.0) == 0
    assert mp.isnan(evaluate("binary_entropy", 1.5))
    assert mp.isnan(evaluate("binary_entropy", 0.0, 0.0, complement=True))
    assert evaluate("binary_kl_divergence", INF, INF, **logits) == 0
    assert evaluate("binary_kl_divergence", INF, -INF, **logits) == INF
    assert evaluate("binary_kl_divergence", 0.5, 0.0) == INF
    assert evaluate("binary_cross_entropy", 0.0, 0.0) == 0
    assert mp.isnan(evaluate("binary_cross_entropy", 0.5, NAN))


def test_leading_terms_far_below_the_first_digit():
    assert close(evaluate("log1pmx", 1e-300) / mp.mpf(1e-300) ** 2, -0.5, 290)
    assert close(evaluate("expm1mx", 5e-324) / mp.mpf(5e-324) ** 2, 0.5, 290)
    assert close(evaluate("log1pexp", -745.0), mp.exp(-745), 14)
    # A weight of 1e-300 beside 1 is all there is to this divergence.
    kl = evaluate("kl_divergence", [1.0, 1e-300], [1.0, 2e-300])
    assert close(kl / mp.mpf(1e-300), 1 - math.log(2), 15)


def test_exponentials_agree_with_each_other():
    for x, y in ((0.3, -2.0), (1e4, 9999.5), (-800.0, -801.0), (2.0**-600, -1.0)):
        with mp.workprec(8000):
            total = evaluate("logaddexp", x, y)
            assert close(total, evaluate("logsumexp", [x, y])[0])
            assert close(total, x + evaluate("log1pexp", y - x), 14)
            difference = evaluate("logsubexp", x, y)
            assert close(difference, evaluate("logsumexp", [x, y], [1.0, -1.0])[0])
            assert close(difference, x + evaluate("log1mexp", y - x), 14)


def test_softmax_sums_to_one_and_is_the_exponential_of_its_logarithm():
    a = [0.3, -700.0, 12.5, 1.0]
    with mp.workdps(80):
        shares, logs = evaluate("softmax", a), evaluate("log_softmax", a)
        assert close(mp.fsum(shares), mp.mpf(1))
        assert all(close(s, mp.exp(v), 55) for s, v in zip(shares, logs, strict=True))


def test_a_common_factor_or_offset_changes_nothing():
    p, q = [1.0, 2.0, 3.0], [3.0, 1.0, 1.0]
    assert evaluate("kl_divergence", p, [3 * v for v in p]) == 0
    assert evaluate("kl_divergence", p, [v + 1e4 for v in p], from_logits=True) == 0
    assert close(
        evaluate("kl_divergence", p, q), evaluate("kl_divergence", [7 * v for v in p], q)
    )


# Peers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "inputs", "options", "truth", "tolerance"),
    [
        ("kl_div", (1e-300, 1e300), {}, 1e300, 1e-15),
        ("kl_div", (0.3, 0.3 * (1 + 1e-8)), {}, 1.5e-17, 1e-7),
        ("rel_entr", (NAN, 1.0), {}, NAN, 0),
        ("kl_divergence", ([0, 1, -INF], [0.5, 1, -INF]), {"from_logits": True}, 0.02634, 1e-3),
        ("kl_divergence", ([90, 0], [-90, 0]), {"from_logits": True}, 90.0, 1e-15),
        ("kl_divergence", ([40, 0], [41, 0]), {"from_logits": True}, 1.56e-18, 1e-2),
        ("kl_divergence", ([0.5, 0.5, 0], [0.4, 0.35, 0.25]), {}, 0.28991, 1e-5),
        ("expm1mx", (1e-4,), {}, 5e-9, 1e-4),
        ("expm1mx", (1e-2,), {}, 5e-5, 1e-2),
    ],
)
def test_what_peers_get_wrong(function, inputs, options, truth, tolerance):
    value = float(evaluate(function, *inputs, **options))
    np.testing.assert_allclose(value, truth, rtol=tolerance)


def test_log_softmax_keeps_the_largest_entry():
    assert float(evaluate("log_softmax", [10.0, 0.0])[0]) == pytest.approx(-4.54e-5, rel=1e-3)


SPECIAL = [0.0, 0.5, 1.0, 2.0, -1.0, -2.0, INF, -INF, NAN]


@pytest.mark.parametrize("function", ["xlogy", "xlog1py", "entr", "rel_entr", "kl_div"])
def test_limits_are_scipys(function):
    peer = getattr(scipy.special, function)
    count = 1 if function == "entr" else 2
    for point in itertools.product(SPECIAL, repeat=count):
        with np.errstate(all="ignore"):
            expected = peer(*point)
        if function == "kl_div" and point.count(INF) == 1 and all(v > 0 for v in point):
            expected = INF  # the limit, where SciPy has inf - inf
        np.testing.assert_allclose(
            float(evaluate(function, *point)), expected, rtol=4e-15, err_msg=str(point)
        )


def test_logsumexp_is_scipys():
    draw = Draw("logsumexp")
    for _ in range(20):
        a, b = (5 * draw.gaussian(6) for _ in range(2))
        value, sign = evaluate("logsumexp", a, b)
        expected = scipy.special.logsumexp(a, b=b, return_sign=True)
        np.testing.assert_allclose((float(value), float(sign)), expected, rtol=1e-13)
        shares = [float(v) for v in evaluate("softmax", a)]
        np.testing.assert_allclose(shares, scipy.special.softmax(a), rtol=1e-13)


# Conventions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "q", "normalised", "plain"),
    [
        ([], [], 0, 0),
        ([1, 0], [1, 0], 0, 0),
        ([0, 1], [0.5, 0.5], math.log(2), math.log(2)),
        ([1, 1], [1, 0], INF, INF),
        ([0, 0], [1, 2], NAN, 3),
        ([1, 2], [0, 0], NAN, INF),
        ([0, 0], [0, 0], NAN, 0),
        ([1, -1], [1, 1], NAN, NAN),
        ([1, 1], [1, -1], NAN, NAN),
        ([0, NAN], [1, 0], NAN, NAN),
        ([1, 0], [0, NAN], NAN, NAN),
        ([1, INF], [1, 1], NAN, NAN),
        ([1, 1], [INF, 0], NAN, NAN),
    ],
)
def test_conventions_for_weights(p, q, normalised, plain):
    options = (True, normalised), (False, plain)
    for normalize, expected in options:
        value = float(evaluate("kl_divergence", p, q, normalize=normalize))
        np.testing.assert_allclose(value, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, -INF], [0, -INF], 0),
        ([0, -INF], [0, 0], math.log(2)),
        ([0, 0], [0, -INF], INF),
        ([-INF, -INF], [0, 0], NAN),
        ([0, 0], [-INF, -INF], NAN),
        ([0, INF], [0, 0], NAN),
        ([0, -INF], [0, INF], NAN),
        ([0, -INF], [-INF, NAN], NAN),
    ],
)
def test_conventions_for_logits(a, b, expected):
    for function in ("kl_divergence", "cross_entropy"):
        value = float(evaluate(function, a, b, from_logits=True))
        np.testing.assert_allclose(value, expected, rtol=1e-15)


def test_conventions_for_one_row():
    assert evaluate("entropy", [1.0, 0.0]) == 0
    assert evaluate("entropy", []) == 0
    assert mp.isnan(evaluate("entropy", [0.0, 0.0]))
    assert evaluate("entropy", [0.0, 0.0], normalize=False) == 0
    assert mp.isnan(evaluate("entropy", [1.0, -1.0], normalize=False))
    assert evaluate("logsumexp", [-INF, -INF]) == (-INF, 0)
    assert evaluate("logsumexp", [INF, -INF]) == (INF, 1)
    assert evaluate("logsumexp", [0.0, 0.0], [1.0, -1.0]) == (-INF, 0)
    assert all(map(mp.isnan, evaluate("softmax", [-INF, -INF])))
    assert all(map(mp.isnan, evaluate("log_softmax", [INF, 0.0])))
    assert mp.isnan(evaluate("log1mexp", 0.5))
    assert evaluate("log1mexp", 0.0) == -INF
    assert evaluate("logsubexp", -INF, -INF) == -INF
    assert mp.isnan(evaluate("logsubexp", 0.0, 1.0))


# Precision ------------------------------------------------------------------------------


def test_the_precision_suffices():
    """What `evaluate` returns is what five times its precision returns."""
    points = [
        ("kl_div", (1.0, 1 + 2.0**-52), {}),
        ("kl_divergence", ([1.0, 1e-300], [1.0, 1e-300 * (1 + 2.0**-52)]), {}),
        ("kl_divergence", ([0.0, -1200.0], [0.0, -1199.0]), {"from_logits": True}),
        ("kl_divergence", ([1e4, 1e4], [1e4, 1e4 + 2.0**-39]), {"from_logits": True}),
        ("log1mexp", (-5e-324,), {}),
        ("logaddexp", (-0.5, -0.9327521295671886), {}),
        ("logsubexp", (1e4, 1e4 - 2.0**-39), {}),
        ("entropy", ([0.0, -900.0],), {"from_logits": True}),
    ]
    for function, inputs, options in points:
        value = evaluate(function, *inputs, **options)
        with mp.workprec(20000):
            args = [
                [mp.mpf(v) for v in x] if isinstance(x, list) else mp.mpf(x) for x in inputs
            ]
            truth = DEFINITIONS[function](*args, **options)
            assert truth != 0
            assert abs(value - truth) <= abs(truth) * mp.mpf(10) ** (1 - DIGITS), function


@pytest.mark.parametrize(
    ("function", "inputs", "options"),
    [
        ("logsumexp", [[0.3, -1.2, 0.1]], {}),
        ("logsumexp", [[0.3, -1.2, 0.1], [2.0, -1.0, 0.5]], {}),
        ("logaddexp", [-0.5, -1.0], {}),
        ("logsubexp", [0.5, -1.0], {}),
        ("entropy", [[0.5, 1.75, 0.0]], {"normalize": False}),
        ("entropy", [[0.5, -0.75]], {"normalize": False, "from_logits": True}),
        ("cross_entropy", [[0.5, 1.75], [0.3, 2.0]], {"normalize": False}),
        (
            "cross_entropy",
            [[0.5, -1.5], [-0.3, 2.0]],
            {"normalize": False, "from_logits": (True, True)},
        ),
        (
            "cross_entropy",
            [[0.5, -1.5], [0.3, 2.0]],
            {"normalize": False, "from_logits": (True, False)},
        ),
    ],
)
def test_condition_is_the_sum_of_difference_quotients(function, inputs, options):
    def value(args):
        result = DEFINITIONS[function](*args, **options)
        return result[0] if function == "logsumexp" else result

    with mp.workdps(60):
        step = mp.mpf(10) ** -25
        args = [[mp.mpf(v) for v in x] if isinstance(x, list) else mp.mpf(x) for x in inputs]
        flat = [v for x in args for v in (x if isinstance(x, list) else [x])]
        shape = [len(x) if isinstance(x, list) else None for x in args]
        total = mp.mpf(0)
        for i, v in enumerate(flat):
            up, down = (
                value(_shaped([*flat[:i], v * (1 + s), *flat[i + 1 :]], shape))
                for s in (step, -step)
            )
            total += abs(up - down) / (2 * step)
        expected = max(mp.mpf(1), total / abs(value(args)))
        assert close(condition(function, inputs, options), expected, 15)


def _shaped(flat, shape):
    values = iter(flat)
    return [next(values) if n is None else list(itertools.islice(values, n)) for n in shape]


def test_condition_elsewhere():
    assert condition("kl_divergence", [[1.0, 2.0], [1.0, 2.0]], {}) == 1
    assert condition("logaddexp", [-INF, 0.0], {}) == INF
    assert condition("logsumexp", [[INF, 0.0]], {}) == 1


# Tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FORMATS)
def test_text_holds_numbers_exactly(dtype):
    fmt = FORMATS[dtype]
    values = fmt.round([0.0, -0.0, fmt.tiny, -fmt.largest, 1 / 3, INF, -INF, NAN])
    again = from_text(to_text(values), fmt.dtype)
    assert again.dtype == values.dtype
    assert again.tobytes() == values.tobytes()
    assert float(fmt.step(fmt.round([1.0]), 1)[0]) == 1 + 2.0 ** (1 - fmt.precision)
    assert float(fmt.step(fmt.round([-1.0]), 1)[0]) == -1 - 2.0 ** (1 - fmt.precision)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("function", DEFINITIONS)
def test_tables_have_the_promised_form(function, dtype):
    assert load(function, dtype)
    for case in load(function, dtype):
        assert all(v.dtype == FORMATS[dtype].dtype for v in case.inputs)
        assert {v.shape for v in case.inputs} == {case.inputs[0].shape}
        assert case.inputs[0].ndim == (1 if function in ELEMENTWISE else 2)
        entries = function in ENTRIES or "softmax" in function or "pointwise" in function
        full = function in ELEMENTWISE or entries
        shape = case.inputs[0].shape if full else case.inputs[0].shape[:1]
        assert case.truth_hi.shape == case.truth_lo.shape == shape
        assert case.condition.shape in {shape, shape[:1]}
        assert np.all(case.condition >= 1)
        finite = np.isfinite(case.truth_hi)
        assert np.all(case.truth_lo[~finite | (case.truth_hi == 0)] == 0)
        with np.errstate(over="ignore"):  # above the largest number is inf
            ulp = np.spacing(abs(case.truth_hi[finite]))
        assert np.all(2 * abs(case.truth_lo[finite]) <= ulp)
        assert (case.sign is not None) == case.options.get("return_sign", False)


@pytest.mark.parametrize("function", REDUCTIONS)
def test_rows_are_drawn_as_they_were(function):
    for dtype in FORMATS:
        assert list(stored_cases(function, dtype))  # compares checksums


@pytest.mark.parametrize("function", DEFINITIONS)
def test_stored_truths_are_reproduced(function):
    for dtype in FORMATS:
        for point in regenerate.sample(function, dtype, every=97, longest=10):
            assert regenerate.mismatch(function, dtype, *point) is None


@pytest.mark.parametrize(
    ("changed", "value", "message"),
    [
        ("case_inputs", lambda case, *_: (-case["inputs"][0],), "other operands are drawn"),
        ("cases", lambda *name: list(plan.cases(*name))[1:], "the table does not have"),
        ("cases", lambda *name: list(plan.cases(*name))[:-1], "other operands are drawn"),
    ],
    ids=["operands", "cases", "fewer cases"],
)
def test_tables_of_another_plan_are_refused(monkeypatch, changed, value, message):
    monkeypatch.setattr(importlib.import_module("tests.tables.load"), changed, value)
    with pytest.raises(ValueError, match=message):
        list(stored_cases("log1pmx", "float32"))
