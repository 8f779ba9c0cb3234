"""The figures' numbers, against closed forms, Schulman's table and a simulation."""

import math

import numpy as np
import pytest

from relentropy.estimators import confidence_interval, kl_estimate
from relentropy.figures import estimator_spread, fit_gaussian, plot_fits, plot_spread

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


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"direction": "sideways"}, "direction must be one of"),
        ({"means": [1.0]}, "as many numbers"),
        ({"deviations": [1.0, 0.0]}, "must be positive"),
        ({"weights": [1.0, -1.0]}, "must be positive"),
        ({"start": (0.0, 0.0)}, "start must be"),
        ({"points": 3}, "points must be at least"),
    ],
)
def test_refusals_of_fits(options, match):
    with pytest.raises(ValueError, match=match):
        fit_gaussian(**options)


@pytest.mark.parametrize("kls", [[0.0], [60.0], [math.nan], [[0.1]]])
def test_refusals_of_spreads(kls):
    with pytest.raises(ValueError, match="kls must be"):
        estimator_spread(kls)


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
