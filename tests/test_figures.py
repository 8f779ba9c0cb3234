"""The figures' numbers, against closed forms, Schulman's table and a simulation."""

import doctest
import math
import re

import numpy as np
import pytest
from examples import figures
from examples.figures import estimator_spread, fit_gaussian, plot_fits, plot_spread

from relentropy.estimators import confidence_interval, kl_estimate

# http://joschu.net/blog/kl-approx.html: true KL, then bias and deviation relative to it.
SCHULMAN = {
    0.005: {"k1": ("0", "20"), "k2": ("0.002", "1.42"), "k3": ("0", "1.42")},
    0.5: {"k1": ("0", "2"), "k2": ("0.25", "1.73"), "k3": ("0", "1.7")},
}


def agrees(value, printed):
    """Whether a number may be printed so, 0.0025 as 0.002 too."""
    unit = 10.0 ** -len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 * unit * (1 + 1e-6)


@pytest.mark.parametrize("kl", SCHULMAN)
def test_schulmans_table(kl):
    spread = estimator_spread([kl])
    assert spread.estimators == ("k1", "k2", "k3")
    for i, name in enumerate(spread.estimators):
        bias, deviation = SCHULMAN[kl][name]
        if bias == "0":
            assert abs(spread.bias[i, 0]) < 1e-12
        else:
            assert agrees(spread.bias[i, 0], bias)
        assert agrees(spread.deviation[i, 0], deviation)


def test_spreads_are_those_of_normal_moments():
    """The log-ratio is normal with mean KL and variance 2 KL, the ratio is log-normal."""
    kl = np.array([1e-8, 1e-4, 0.005, 0.5, 5.0, 50.0])
    spread = estimator_spread(kl)
    m = 2 * kl
    np.testing.assert_allclose(spread.bias, [0 * m, m / 4, 0 * m], rtol=1e-9, atol=1e-12)
    tail = np.where(m < 1e-2, m**2 / 2 * (1 + m / 3 + m**2 / 12), np.expm1(m) - m)
    expected = np.sqrt([m, m**2 / 2 + m**3 / 4, tail]) / kl
    np.testing.assert_allclose(spread.deviation, expected, rtol=1e-9)


@pytest.mark.parametrize("kl", [0.005, 0.5])
def test_a_simulation_agrees(kl):
    samples = 200_000
    rng = np.random.default_rng(0)
    mu = math.sqrt(2 * kl)
    x = rng.normal(size=samples)
    spread = estimator_spread([kl], estimators=("k1", "k2", "k3", "abs"))
    for i, name in enumerate(spread.estimators):
        # Log-probabilities of samples of a normal distribution under it and a shifted one.
        estimates = kl_estimate(-0.5 * x**2, -0.5 * (x - mu) ** 2, estimator=name)
        _, low, high = confidence_interval(estimates, axis=(), level=0.999)
        assert low < kl * (1 + spread.bias[i, 0]) < high
        assert np.isclose(np.std(estimates), kl * spread.deviation[i, 0], rtol=0.05)
        if name in {"k1", "k3"}:
            assert low < kl < high
        elif kl == 0.5:  # a bias of a quarter, which so many samples tell from none
            assert low > kl
        assert high - low < 10 * kl * spread.deviation[i, 0] / math.sqrt(samples)


def test_the_forward_fit_has_the_moments():
    fit = fit_gaussian("forward")
    assert math.isclose(fit.mean, -0.5, rel_tol=1e-9)
    assert math.isclose(fit.deviation**2, 0.6 * 0.64 + 0.4 * 0.36 + 6.0, rel_tol=1e-9)
    other = fit_gaussian("forward", start=(9.0, 0.3))
    assert np.allclose(fit[1:4], other[1:4], rtol=1e-6)


def test_the_reverse_fit_takes_the_mode_it_starts_at():
    left, right = (fit_gaussian("reverse", start=(at, 1.0)) for at in (-3.0, 3.0))
    assert math.isclose(left.mean, -2.5, rel_tol=1e-2)
    assert math.isclose(left.deviation, 0.8, rel_tol=1e-2)
    assert math.isclose(right.mean, 2.5, rel_tol=1e-2)
    assert math.isclose(right.deviation, 0.6, rel_tol=1e-2)
    # All its mass at a mode that has a share of w costs -log(w).
    assert math.isclose(left.divergence, -math.log(0.6), rel_tol=1e-2)
    assert math.isclose(right.divergence, -math.log(0.4), rel_tol=1e-2)


def simpson(y, h):
    return h / 3 * (y[0] + y[-1] + 4 * y[1:-1:2].sum() + 2 * y[2:-1:2].sum())


def integrated(direction, mean, deviation, modes=(-2.5, 2.5)):
    """The divergence of densities, by Simpson's rule instead of sums of a softmax."""
    x, h = np.linspace(-30, 30, 20_001, retstep=True)

    def log_normal(m, s):
        return -0.5 * ((x - m) / s) ** 2 - math.log(s * math.sqrt(2 * math.pi))

    log_p = np.logaddexp(
        math.log(0.6) + log_normal(modes[0], 0.8), math.log(0.4) + log_normal(modes[1], 0.6)
    )
    log_q = log_normal(mean, deviation)
    if direction == "reverse":
        log_p, log_q = log_q, log_p
    return simpson(np.exp(log_p) * (log_p - log_q), h)


@pytest.mark.parametrize(
    ("direction", "start", "modes"),
    [
        ("forward", (0.0, 1.0), (-2.5, 2.5)),
        ("reverse", (-1.0, 1.0), (-2.5, 2.5)),
        ("reverse", (3.0, 1.0), (-2.5, 2.5)),
        ("reverse", (0.0, 1.0), (-2.0, 2.0)),  # ends between the modes
        ("reverse", (20.0, 1.0), (-3.0, 3.0)),
        ("forward", (50.0, 1.0), (-2.5, 2.5)),
        ("reverse", (50.0, 1.0), (-2.5, 2.5)),
        ("reverse", (0.0, 15.0), (-2.5, 2.5)),
        ("reverse", (0.0, 0.12), (-2.5, 2.5)),
    ],
)
def test_fits_are_minima(direction, start, modes):
    fit = fit_gaussian(direction, start=start, means=modes)
    least = integrated(direction, fit.mean, fit.deviation, modes)
    assert math.isclose(fit.divergence, least, rel_tol=1e-6)
    for step in (-1e-3, 1e-3):
        assert integrated(direction, fit.mean + step, fit.deviation, modes) > least
        assert integrated(direction, fit.mean, fit.deviation * (1 + step), modes) > least
    h = fit.points[1] - fit.points[0]
    for density in (fit.target, fit.density):
        assert math.isclose(simpson(density, h), 1.0, rel_tol=1e-9)


def test_one_component_is_fitted_exactly():
    for direction in ("forward", "reverse"):
        fit = fit_gaussian(direction, means=[1.0], deviations=[2.0], weights=[3.0])
        assert math.isclose(fit.mean, 1, rel_tol=1e-9)
        assert math.isclose(fit.deviation, 2, rel_tol=1e-9)
        assert 0 <= fit.divergence < 1e-18


@pytest.mark.parametrize("apart", [0.2, 1.5, 3.0, 4.0])
def test_reverse_fits_converge_from_everywhere(apart):
    """At a minimum the mean slope of log p is 0 and the mean curvature -1/variance."""
    for weight in (0.5, 0.05):
        for start in ((0.0, 1.0), (0.3, 0.5), (-5.0, 1.0), (10.0, 2.0)):
            fit = fit_gaussian(
                "reverse", means=[-apart, apart], deviations=[1.0, 0.5],
                weights=[weight, 1 - weight], start=start, points=1001,
            )  # fmt: skip
            x, q = fit.points, fit.density / fit.density.sum()
            one = weight * np.exp(-0.5 * (x + apart) ** 2)
            two = (1 - weight) * 2 * np.exp(-0.5 * (2 * (x - apart)) ** 2)
            with np.errstate(invalid="ignore"):  # where both are 0, far from q
                share = np.nan_to_num(one / (one + two))
            left, right = -(x + apart), -4 * (x - apart)
            score = share * left + (1 - share) * right
            curvature = share * (1 - share) * (left - right) ** 2 - share - 4 * (1 - share)
            assert abs(score @ q) < 1e-7
            assert math.isclose(-(curvature @ q), fit.deviation**-2, rel_tol=1e-6)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize(("unit", "origin"), [(1e-140, 0.0), (1e140, 0.0), (1.0, 2.0**40)])
def test_units_and_origins_matter_to_nothing(direction, unit, origin):
    def fit(unit, origin):
        return fit_gaussian(
            direction, means=[origin - 2.5 * unit, origin + 2.5 * unit],
            deviations=[0.75 * unit, 0.5 * unit], start=(origin - unit, unit),
        )  # fmt: skip

    usual, found = fit(1.0, 0.0), fit(unit, origin)
    assert math.isclose(found.mean, origin + unit * usual.mean, rel_tol=1e-12)
    assert math.isclose(found.deviation, unit * usual.deviation, rel_tol=1e-12)
    assert math.isclose(found.divergence, usual.divergence, rel_tol=1e-12)
    np.testing.assert_allclose(unit * found.density, usual.density, rtol=1e-6, atol=1e-15)


def test_only_shares_of_weights_matter():
    usual = fit_gaussian(weights=[1.0, 3.0])
    for unit in (1e-300, 5e307):
        assert np.allclose(fit_gaussian(weights=[unit, 3 * unit])[1:4], usual[1:4], rtol=1e-12)
    assert math.isclose(fit_gaussian(weights=[5e-324, 1e308]).mean, 2.5)


def test_coarse_grids_are_refused_with_what_would_do():
    for options in (
        {"start": (0.0, 1000.0)},
        {"start": (0.0, 1e-4)},
        {"means": [0, 1], "deviations": [1e-3, 1]},
    ):
        with pytest.raises(ValueError, match="spacings of the grid") as refusal:
            fit_gaussian("reverse", **options)
        needed = int(re.search(r"points=(\d+) would do", str(refusal.value))[1])
        with pytest.raises(ValueError, match=f"points={needed} would do"):
            fit_gaussian("reverse", **options, points=needed - 1)
        if needed < 1e5:
            assert fit_gaussian("reverse", **options, points=needed).deviation > 0
    with pytest.raises(ValueError, match=r"deviations: 1e-20 is less .* start; a deviation"):
        fit_gaussian(means=[0, 1], deviations=[1e-20, 1])


def test_the_coarsest_grid_has_the_digits():
    """Four spacings in a deviation: sums of smooth densities converge fast."""
    fine = fit_gaussian("reverse", start=(3.0, 1.0), points=8001)
    with pytest.raises(ValueError, match="spacings") as refusal:
        fit_gaussian("reverse", start=(3.0, 1.0), points=100)
    needed = int(re.search(r"points=(\d+)", str(refusal.value))[1])
    coarse = fit_gaussian("reverse", start=(3.0, 1.0), points=needed)
    np.testing.assert_allclose(coarse[1:4], fine[1:4], rtol=1e-7)


def test_fits_that_do_not_converge_say_so(monkeypatch):
    monkeypatch.setattr("examples.figures._MOST_STEPS", 2)
    with pytest.raises(RuntimeError, match="did not converge"):
        fit_gaussian("reverse", start=(10.0, 1.0))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"direction": "sideways"}, ValueError, "direction must be one of"),
        ({"means": [1.0]}, ValueError, "as many numbers"),
        ({"means": [], "deviations": [], "weights": []}, ValueError, "as many numbers"),
        ({"means": "ab"}, TypeError, "means must be a sequence of numbers"),
        ({"means": 1.0}, ValueError, "means must be a sequence of numbers"),
        ({"means": [1.0, math.nan]}, ValueError, "means must be finite"),
        ({"means": [1e308, -1e308]}, ValueError, "means must be finite"),
        ({"means": [10**400, 1]}, TypeError, "means must be a sequence of numbers"),
        ({"deviations": [1.0, 0.0]}, ValueError, "deviations must be positive"),
        ({"deviations": [1.0, math.inf]}, ValueError, "deviations must be finite"),
        ({"deviations": [1e-200, 1e-200]}, ValueError, "deviations must be at least"),
        ({"deviations": [1.0, True]}, TypeError, "deviations must be a sequence of numbers"),
        ({"weights": [1.0, -1.0]}, ValueError, "weights must be positive"),
        ({"weights": [1.0, math.inf]}, ValueError, "weights must be positive and finite"),
        ({"weights": [1.0, math.nan]}, ValueError, "weights must be positive and finite"),
        ({"weights": [[1.0], [1.0, 2.0]]}, TypeError, "weights must be a sequence of numbers"),
        ({"start": (0.0, 0.0)}, ValueError, "start must be a mean and"),
        ({"start": (0.0,)}, ValueError, "start must be a mean and"),
        ({"start": (0.0, 1.0, 2.0)}, ValueError, "start must be a mean and"),
        ({"start": (math.nan, 1.0)}, ValueError, "start must be a mean and"),
        ({"start": (math.inf, 1.0)}, ValueError, "start must be a mean and"),
        ({"start": 1}, ValueError, "start must be a mean and"),
        ({"start": "ab"}, TypeError, "start must be a mean and"),
        ({"start": None}, TypeError, "start must be a mean and"),
        ({"points": 3}, ValueError, "points must be at least"),
        ({"points": 100.5}, TypeError, "points must be an integer"),
        ({"points": "a"}, TypeError, "points must be an integer"),
        ({"points": True}, TypeError, "points must be an integer"),
    ],
)
def test_refusals_of_fits(options, error, match):
    with pytest.raises(error, match=match):
        fit_gaussian(**options)


@pytest.mark.parametrize("kls", [[0.0], [60.0], [math.nan], [[0.1]], 0.1, np.float64(0.1)])
def test_refusals_of_spreads(kls):
    with pytest.raises(ValueError, match="kls must be"):
        estimator_spread(kls)


@pytest.mark.parametrize("kls", ["0.1", None, True, [True], [0.1, True], ["a"], [0.1, None]])
def test_divergences_are_numbers(kls):
    with pytest.raises(TypeError, match="kls must be a sequence of numbers"):
        estimator_spread(kls)


@pytest.mark.parametrize("name", ["control_variate", "cv", "k4", "k3+", ""])
def test_other_estimators_have_no_error_of_one_sample(name):
    with pytest.raises(ValueError, match="estimators must be one of 'k1', 'k2', 'k3', 'abs'"):
        estimator_spread([0.1], estimators=["k1", name])


@pytest.mark.parametrize("estimators", ["k1", None, 1, [1], [None], {"k1"}])
def test_estimators_are_a_sequence_of_names(estimators):
    with pytest.raises(TypeError, match="estimators must be a sequence of names"):
        estimator_spread([0.1], estimators=estimators)


def test_the_absolute_value_has_the_folded_normal_moments():
    """Of a log-ratio with mean KL and variance 2 KL (Leone, Nelson and Nottingham 1961)."""
    kl = np.array([1e-6, 0.005, 0.5, 10.0])
    spread = estimator_spread(kl, estimators=["abs"])
    for i, mean in enumerate(kl):
        deviation = math.sqrt(2 * mean)
        folded = deviation * math.sqrt(2 / math.pi) * math.exp(-mean / 4)
        folded += mean * math.erf(math.sqrt(mean) / 2)
        assert math.isclose(spread.bias[0, i], folded / mean - 1, rel_tol=1e-4)
        squares = mean**2 + deviation**2 - folded**2
        assert math.isclose(spread.deviation[0, i], math.sqrt(squares) / mean, rel_tol=1e-4)


def test_single_fits_and_marks_are_drawn():
    pytest.importorskip("matplotlib")
    fit = fit_gaussian(points=400)
    (panel,) = plot_fits(fit).axes
    assert np.array_equal(panel.lines[0].get_ydata(), fit.density)
    spread = estimator_spread([0.01, 1.0])
    for marked in (0.1, [0.1], np.array([0.1]), np.float64(0.1)):
        bias, _ = plot_spread(spread, marked=marked).axes
        assert list(bias.lines[-1].get_xdata()) == [0.1, 0.1]


@pytest.mark.parametrize(
    ("fits", "error", "match"),
    [
        ([], ValueError, "fits must be at least one"),
        (None, TypeError, "fits must be what fit_gaussian returns"),
        ([1.0], TypeError, "fits must be what fit_gaussian returns"),
    ],
)
def test_what_is_no_fit_is_not_drawn(fits, error, match):
    with pytest.raises(error, match=match):
        plot_fits(fits)


def test_what_is_no_spread_is_not_drawn():
    for empty in (estimator_spread([]), estimator_spread([0.1], estimators=[])):
        assert empty.bias.shape == (len(empty.estimators), len(empty.kls))
        with pytest.raises(ValueError, match="spread must have an estimator and a divergence"):
            plot_spread(empty)
    with pytest.raises(TypeError, match="spread must be what"):
        plot_spread(0.1)
    for marked in (0.0, [-1.0], [math.nan]):
        with pytest.raises(ValueError, match="marked must be positive"):
            plot_spread(estimator_spread([0.1]), marked=marked)
    for marked in ("a", None, True):
        with pytest.raises(TypeError, match="marked must be a sequence of numbers"):
            plot_spread(estimator_spread([0.1]), marked=marked)


def test_drawings_show_the_numbers():
    pytest.importorskip("matplotlib")
    fits = [fit_gaussian(direction, points=400) for direction in ("forward", "reverse")]
    panels = plot_fits(fits).axes
    assert len(panels) == 2
    for panel, fit in zip(panels, fits, strict=True):
        assert np.array_equal(panel.lines[0].get_ydata(), fit.density)
        assert f"{fit.divergence:.3f} nats" in panel.texts[0].get_text()
    spread = estimator_spread([0.01, 0.1, 1.0])
    bias, deviation = plot_spread(spread, marked=[0.1]).axes
    for i in range(3):
        assert np.array_equal(bias.lines[i].get_ydata(), spread.bias[i])
        assert np.array_equal(deviation.lines[i].get_ydata(), spread.deviation[i])
    assert "nats" in deviation.get_xlabel()
    assert [text.get_text() for text in bias.get_legend().get_texts()] == ["k1", "k2", "k3"]


def test_without_matplotlib_drawing_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"relentropy\[plots\]"):
        plot_spread(estimator_spread([0.1]))


def test_the_examples_in_docstrings():
    failed, tried = doctest.testmod(figures)
    assert tried >= 10
    assert failed == 0
