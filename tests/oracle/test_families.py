"""The families of divergences against identities, closed forms and peers."""

import itertools
import math

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats
from mpmath import mp

from tests.oracle import DEFINITIONS, condition, evaluate
from tests.oracle.evaluate import DIGITS
from tests.tables.draw import Draw
from tests.tables.families import NORMALISED, OF_ONE_ROW, PARAMETERS

INF, NAN = math.inf, math.nan
PLAIN = {"normalize": False}
LOGITS = {"from_logits": True}
MIXED = {"from_logits": (False, True)}
WAYS = ({}, PLAIN, LOGITS, LOGITS | PLAIN, MIXED)
ALPHAS = (-1.0, 0.0, 1e-12, 0.3, 0.5, 1 - 1e-8, 1.0, 1 + 1e-9, 2.0, 3.5, 10.0)


def close(value, truth, digits=50):
    with mp.workprec(4000):
        return abs(value - truth) <= abs(truth) * mp.mpf(10) ** -digits


def pairs(count=4, n=5):
    draw = Draw("families")
    for _ in range(count):
        p, q = (draw.uniform(n) + 2.0**-9 for _ in range(2))
        yield p.tolist(), q.tolist()
        yield p.tolist(), (p * (1 + 1e-9 * draw.gaussian(n))).tolist()


def normalised(row):
    total = mp.fsum(mp.mpf(v) for v in row)
    return [mp.mpf(v) / total for v in row]


# Identities -----------------------------------------------------------------------------


@pytest.mark.parametrize("options", WAYS)
def test_sums_of_divergences_in_both_directions(options):
    back = options | {"from_logits": tuple(reversed(_flags(options)))}
    for p, q in pairs():
        with mp.workdps(80):
            both = evaluate("kl_divergence", p, q, **options)
            both += evaluate("kl_divergence", q, p, **back)
            assert close(evaluate("jeffreys_divergence", p, q, **options), both)
            for w in (0.1, 0.5, 0.9):
                mixed = (1 - mp.mpf(w)) * evaluate(
                    "skew_kl_divergence", p, q, weight=w, **options
                ) + mp.mpf(w) * evaluate("skew_kl_divergence", q, p, weight=1 - w, **back)
                # One less a float is rounded, hence the digits.
                assert close(evaluate("js_divergence", p, q, weight=w, **options), mixed, 12)
        neyman = evaluate("chi2_divergence", p, q, kind="neyman", **options)
        assert close(neyman, evaluate("chi2_divergence", q, p, **back))


def _flags(options):
    flag = options.get("from_logits", False)
    return flag if isinstance(flag, tuple) else (flag, flag)


@pytest.mark.parametrize("options", WAYS)
def test_members_of_the_alpha_family(options):
    back = options | {"from_logits": tuple(reversed(_flags(options)))}
    for p, q in pairs():
        for alpha, name, factor in (
            (1.0, "kl_divergence", 1),
            (2.0, "chi2_divergence", 0.5),
            (0.5, "hellinger_distance", 4),
        ):
            value = evaluate("alpha_divergence", p, q, alpha=alpha, **options)
            with mp.workdps(80):
                other = evaluate(name, p, q, **options)
                assert close(value, factor * (other**2 if alpha == 0.5 else other))
        value = evaluate("alpha_divergence", p, q, alpha=-1.0, **options)
        with mp.workdps(80):
            assert close(2 * value, evaluate("chi2_divergence", p, q, kind="neyman", **options))
        value = evaluate("alpha_divergence", p, q, alpha=0.0, **options)
        assert close(value, evaluate("kl_divergence", q, p, **back))
        for alpha in (0.0, 0.25, 0.5, 2.0):  # one less these is exact
            value = evaluate("alpha_divergence", p, q, alpha=alpha, **options)
            mirrored = evaluate("alpha_divergence", q, p, alpha=1 - alpha, **back)
            assert close(value, mirrored)


@pytest.mark.parametrize("alpha", [v for v in ALPHAS if v >= 0])
def test_tsallis_is_alpha_times_alpha(alpha):
    for (p, q), options in itertools.product(pairs(), WAYS):
        value = evaluate("tsallis_divergence", p, q, alpha=alpha, **options)
        with mp.workdps(80):
            other = evaluate("alpha_divergence", p, q, alpha=alpha, **options)
            assert close(value, mp.mpf(alpha) * other)


@pytest.mark.parametrize("alpha", [1e-12, 0.3, 0.5, 1 - 1e-8, 1 + 1e-12, 2.0, 7.5, 1000.0])
def test_renyi_is_a_logarithm_of_tsallis(alpha):
    """``log(1 + (a - 1) * T) / (a - 1)`` of the divergences; of entropies with 1 - a."""
    for (p, q), options in itertools.product(pairs(), ({}, LOGITS, MIXED)):
        with mp.workdps(400):
            a = mp.mpf(alpha)
            value = evaluate("tsallis_divergence", p, q, alpha=alpha, **options)
            other = mp.log1p((a - 1) * value) / (a - 1)
            assert close(evaluate("renyi_divergence", p, q, alpha=alpha, **options), other)
            if options != MIXED:
                value = evaluate("tsallis_entropy", p, alpha=alpha, **options)
                entropy = evaluate("renyi_entropy", p, alpha=alpha, **options)
                powers = mp.exp((1 - a) * entropy)
                assert close(value, (1 - powers) / (a - 1), 40)


def test_js_is_a_difference_of_entropies():
    for p, q in pairs():
        with mp.workdps(120):
            rows = normalised(p), normalised(q)
            mixed = [(x + y) / 2 for x, y in zip(*rows, strict=True)]
            entropies = [-mp.fsum(v * mp.log(v) for v in row) for row in (mixed, *rows)]
            truth = entropies[0] - (entropies[1] + entropies[2]) / 2
            assert close(evaluate("js_divergence", p, q), truth)
            assert close(evaluate("js_distance", p, q), mp.sqrt(truth))
            assert close(evaluate("generalized_js_divergence", p, q), truth)
            doubled = evaluate("generalized_js_divergence", p, q, p, weights=[1.0, 2.0, 1.0])
            assert close(doubled, truth)


def test_triangular_discrimination_is_chi2_from_the_mean():
    for p, q in pairs():
        with mp.workdps(120):
            rows = normalised(p), normalised(q)
            truth = mp.fsum((x - y) ** 2 / (x + y) for x, y in zip(*rows, strict=True))
            assert close(evaluate("triangular_discrimination", p, q), truth)


def test_chernoff_is_the_largest_of_the_exponents():
    for p, q in [*pairs(), ([1.0, 3.0, 0.0], [2.0, 1.0, 4.0]), ([0.0, 3.0], [2.0, 1.0])]:
        value, s = evaluate("chernoff_information", p, q)
        assert value >= evaluate("bhattacharyya_distance", p, q)
        with mp.workdps(200):
            rows = list(zip(normalised(p), normalised(q), strict=True))

            def distance(exponent, rows=rows):
                return -mp.log(
                    mp.fsum(x**exponent * y ** (1 - exponent) for x, y in rows if x and y)
                )

            assert close(value, distance(s))
            step = mp.mpf(10) ** -20
            for other in (s - step, s + step):
                if 0 <= other <= 1:
                    assert distance(other) < value
    value, s = evaluate("chernoff_information", [1.0, 3.0], [3.0, 1.0])
    assert close(s, 0.5)
    assert close(value, evaluate("bhattacharyya_distance", [1.0, 3.0], [3.0, 1.0]))
    half = evaluate("chernoff_information", [1.0, 3.0], [2.0, 6.0])
    assert half == (0, 0.5)
    assert evaluate("chernoff_information", [0.5, 0.5], [0.0, 0.0], **LOGITS)[1] == 0.5


def test_entries_add_up():
    for (p, q), options in itertools.product(pairs(), WAYS):
        entries = evaluate("kl_contributions", p, q, **options)
        assert all(v >= 0 for v in entries)
        with mp.workdps(80):
            assert close(mp.fsum(entries), evaluate("kl_divergence", p, q, **options))
    for p, _ in pairs():
        with mp.workdps(80):
            for options in ({}, LOGITS):
                shares = [mp.exp(-v) for v in evaluate("surprisal", p, **options)]
                assert close(mp.fsum(shares), 1)


# Closed forms, order and peers ----------------------------------------------------------


@pytest.mark.parametrize("gap", [2.0**-50, 2.0**-20, 0.25])
def test_two_point_rows(gap):
    """(1/2, 1/2) and ((1 + g)/2, (1 - g)/2)."""
    rows = [1.0, 1.0], [1 + gap, 1 - gap]
    with mp.workprec(2000):
        g = mp.mpf(gap)
        root = mp.sqrt(1 - g**2)
        truths = {
            "total_variation": g / 2,
            "chi2_divergence": g**2 / (1 - g**2),
            "jeffreys_divergence": g * mp.atanh(g),
            "bhattacharyya_coefficient": (mp.sqrt(1 + g) + mp.sqrt(1 - g)) / 2,
            "bhattacharyya_distance": -mp.log((mp.sqrt(1 + g) + mp.sqrt(1 - g)) / 2),
            "hellinger_distance": mp.sqrt(1 - mp.sqrt((1 + root) / 2)),
        }
        for name, truth in truths.items():
            assert close(evaluate(name, *rows), truth), name
        assert close(evaluate("renyi_divergence", *rows, alpha=INF), -mp.log(1 - g))
        assert close(evaluate("renyi_divergence", *rows, alpha=2.0), -mp.log(1 - g**2))
        assert close(evaluate("renyi_entropy", rows[1], alpha=2.0), mp.log(2 / (1 + g**2)))
        assert close(evaluate("tsallis_entropy", rows[1], alpha=2.0), (1 - g**2) / 2)


def test_orders_are_monotone_and_meet_their_limits():
    p, q = [0.5, 0.25, 1.0, 0.125], [0.25, 0.25, 0.5, 1.0]
    orders = [0.0, 1e-12, 0.3, 0.5, 1 - 1e-8, 1.0, 1 + 1e-12, 2.0, 7.5, 1000.0, INF]
    divergences = [evaluate("renyi_divergence", p, q, alpha=a) for a in orders]
    entropies = [evaluate("renyi_entropy", p, alpha=a) for a in orders]
    for values in (divergences, entropies[::-1]):
        assert all(one < other for one, other in itertools.pairwise(values))
    assert divergences[0] == 0
    assert close(divergences[5], evaluate("kl_divergence", p, q))
    assert close(entropies[5], evaluate("entropy", p))
    assert close(entropies[0], mp.log(4), 15)
    for value, near in ((5, 4), (5, 6)):
        assert close(divergences[value], divergences[near], 7)
        assert close(entropies[value], entropies[near], 7)
    for alpha in (1 - 1e-12, 1 + 1e-12):
        near = evaluate("alpha_divergence", p, q, alpha=alpha)
        assert close(divergences[5], near, 11)
        assert close(entropies[5], evaluate("tsallis_entropy", p, alpha=alpha), 11)


def test_peers():
    for p, q in itertools.islice(pairs(), 0, None, 2):  # of close rows they keep no digits
        shares = [np.array(v) / np.sum(v) for v in (p, q)]
        for name, peer in (
            ("js_distance", scipy.spatial.distance.jensenshannon(*shares)),
            ("total_variation", scipy.spatial.distance.cityblock(*shares) / 2),
            ("chi2_divergence", scipy.stats.chisquare(*shares).statistic),
            ("kl_contributions", scipy.special.kl_div(*shares)),
        ):
            value = evaluate(name, p, q)
            value = [float(v) for v in (value if isinstance(value, list) else [value])]
            np.testing.assert_allclose(value, np.atleast_1d(peer), rtol=1e-12)


# Conventions ----------------------------------------------------------------------------


def at_zeros(function, options):
    """The value where p alone is zero, where q alone is zero, and of disjoint rows."""
    zero_p, zero_q = ([0.0, 1.0], [0.5, 0.5]), ([0.5, 0.5], [0.0, 1.0])
    rows = zero_p, zero_q, ([1.0, 0.0], [0.0, 1.0])
    values = [evaluate(function, *pair, **options) for pair in rows]
    return [float(v[0] if isinstance(v, tuple) else v) for v in values]


LOG2 = math.log(2)


@pytest.mark.parametrize(
    ("function", "options", "expected"),
    [
        ("jeffreys_divergence", {}, [INF, INF, INF]),
        ("js_divergence", {}, [LOG2 - 0.75 * math.log(1.5) - LOG2 / 4] * 2 + [LOG2]),
        ("js_divergence", {"weight": 0.0}, [0, 0, 0]),
        ("js_divergence", {"weight": 1.0}, [0, 0, 0]),
        ("total_variation", {}, [0.5, 0.5, 1]),
        ("hellinger_distance", {}, [math.sqrt(1 - math.sqrt(0.5))] * 2 + [1]),
        ("chi2_divergence", {}, [1, INF, INF]),
        ("chi2_divergence", {"kind": "neyman"}, [INF, 1, INF]),
        ("triangular_discrimination", {}, [2 / 3, 2 / 3, 2]),
        ("alpha_divergence", {"alpha": -1.0}, [INF, 0.5, INF]),
        ("alpha_divergence", {"alpha": 0.0}, [INF, LOG2, INF]),
        ("alpha_divergence", {"alpha": 0.5}, [4 * (1 - math.sqrt(0.5))] * 2 + [4]),
        ("alpha_divergence", {"alpha": 1.0}, [LOG2, INF, INF]),
        ("alpha_divergence", {"alpha": 2.0}, [0.5, INF, INF]),
        ("tsallis_divergence", {"alpha": 0.0}, [0.5, 0, 1]),
        ("tsallis_divergence", {"alpha": 0.5}, [2 * (1 - math.sqrt(0.5))] * 2 + [2]),
        ("tsallis_divergence", {"alpha": 2.0}, [1, INF, INF]),
        ("skew_kl_divergence", {"weight": 0.0}, [0, 0, 0]),
        ("skew_kl_divergence", {"weight": 1.0}, [LOG2, INF, INF]),
        ("skew_kl_divergence", {}, [math.log(4 / 3), LOG2 / 2 + math.log(2 / 3) / 2, LOG2]),
        ("renyi_divergence", {"alpha": 0.0}, [LOG2, 0, INF]),
        ("renyi_divergence", {"alpha": 0.5}, [LOG2, LOG2, INF]),
        ("renyi_divergence", {"alpha": 1.0}, [LOG2, INF, INF]),
        ("renyi_divergence", {"alpha": 2.0}, [LOG2, INF, INF]),
        ("renyi_divergence", {"alpha": INF}, [LOG2, INF, INF]),
        ("bhattacharyya_coefficient", {}, [math.sqrt(0.5), math.sqrt(0.5), 0]),
        ("bhattacharyya_distance", {}, [LOG2 / 2, LOG2 / 2, INF]),
        ("chernoff_information", {}, [LOG2, LOG2, INF]),
    ],
)
def test_conventions_where_a_mass_is_zero(function, options, expected):
    np.testing.assert_allclose(at_zeros(function, options), expected, rtol=1e-15)
    if options.get("weight") in (0.0, 1.0) or function == "chernoff_information":
        return
    for normalize in (True,) if function in NORMALISED else (True, False):
        more = options | ({} if normalize else PLAIN)
        again = evaluate(function, [0.0, 0.0, 1.0], [0.0, 0.5, 0.5], **more)
        assert float(again) == pytest.approx(expected[0])


@pytest.mark.parametrize(
    ("function", "options"), [(f, o) for f, each in PARAMETERS.items() for o in each]
)
def test_conventions_of_every_family(function, options):
    def value(*rows, **more):
        if function in OF_ONE_ROW:
            rows = rows[:1]
        elif function == "generalized_js_divergence":
            rows = *rows, rows[1]
        result = evaluate(function, *rows, **options, **more)
        result = result[0] if isinstance(result, tuple) else result
        return result if isinstance(result, list) else [result]

    row = [1.0, 2.0]
    for nothing in ([0.0, 0.0], [1.0, NAN], [1.0, -1.0], [1.0, INF]):
        assert all(map(mp.isnan, value(nothing, row)))
    for nothing in ([-INF, -INF], [0.0, NAN], [0.0, INF]):
        assert all(map(mp.isnan, value(nothing, row, **LOGITS)))
    assert value([], []) in ([0], [])
    if function == "bhattacharyya_coefficient":
        assert all(close(*value(row, other), 1) for other in (row, [3.0, 6.0]))
    elif function not in OF_ONE_ROW:
        assert all(v == 0 for v in value(row, row))
        assert all(v == 0 for v in value(row, [3.0, 6.0]))
        assert all(v == 0 for v in value(row, [5.0, 6.0], **LOGITS))


# Precision and conditions ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("alpha_divergence", {"alpha": 1 + 1e-9}),
        ("tsallis_divergence", {"alpha": 1e-9}),
        ("renyi_divergence", {"alpha": 1e-12}),
        ("renyi_divergence", {"alpha": 1 + 2.0**-52}),
        ("renyi_divergence", {"alpha": 1000.0}),
        ("chernoff_information", {}),
        ("js_distance", {}),
    ],
)
def test_the_precision_suffices(function, options):
    """What `evaluate` returns is what five times its precision returns."""
    for rows, more in (
        (([1.0, 1e-300], [1.0, 1e-300 * (1 + 2.0**-52)]), {}),
        (([0.0, -1200.0], [0.0, -1199.0]), LOGITS),
        (([1e4, 1e4], [1e4, 1e4 + 2.0**-39]), LOGITS),
    ):
        value = evaluate(function, *rows, **options, **more)
        truth = _at(20000, function, rows, options | more)
        values, truths = (v if isinstance(v, tuple) else (v,) for v in (value, truth))
        with mp.workprec(20000):
            for v, t in zip(values, truths, strict=True):
                assert t != 0
                assert abs(v - t) <= abs(t) * mp.mpf(10) ** (1 - DIGITS)


def _at(bits, function, rows, options):
    with mp.workprec(bits):
        return DEFINITIONS[function](*([mp.mpf(v) for v in r] for r in rows), **options)


def test_conditions_of_orders():
    """(1/4, 3/4) and (1/2, 1/2) at alpha = 2: y * psi = 1/2 * (1 - r**2) / 2."""
    p, q = [1.0, 3.0], [1.0, 1.0]
    half = (LOG2 * 0.75 + math.log(1.5) * 1.25) / 4 / 2
    value = 0.125  # half of chi2
    expected = half / value
    assert expected > 1
    for name in ("alpha_divergence", "tsallis_divergence"):
        assert float(condition(name, [p, q], {"alpha": 2.0})) == pytest.approx(expected)
        assert condition(name, [p, p], {"alpha": 2.0}) == 1
        assert condition(name, [p, [0.0, 1.0]], {"alpha": 2.0}) == 1
    assert condition("js_divergence", [p, q], {}) == 1
