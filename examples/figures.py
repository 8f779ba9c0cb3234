"""Two figures: the effect of the direction of relative entropy, and the spread of estimates.

The numbers are computed by functions of their own; those that draw need matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from relentropy import kl_divergence, special
from relentropy.estimators import kl_estimate

__all__ = [
    "GaussianFit",
    "Spread",
    "estimator_spread",
    "fit_gaussian",
    "plot_fits",
    "plot_spread",
]

Numbers = NDArray[np.float64]

# Okabe and Ito's, which the colour-blind can tell apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

# A fit's steps, and the squares of how many of its deviations the last one is at most long,
# and those that are not checked.
_MOST_STEPS = 200
_LAST_STEP = 1e-20
_NEAR = 1e-10
# Curvatures below it, in units of Fisher's information, are taken for it.
_FLAT = 1e-6
# Deviations have at least so many spacings of the grid (fits are then good to 1e-7 or better:
# sums of smooth densities converge fast, but a mixture's logarithm bends between its modes);
# it reaches so many from a start, and a fit keeps so many of its own inside.
_SPACINGS = 4
_REACH = 8
_INSIDE = 6
# Numbers of mixtures, whose squares are in the range.
_LARGEST = 1e150
# The estimators whose value is a function of one sample.
_OF_ONE_SAMPLE = ("k1", "k2", "k3", "abs")
# Relative biases below it are drawn on a linear scale, which has a zero.
_SMALL_BIAS = 1e-4


class GaussianFit(NamedTuple):
    """A Gaussian fitted to a mixture.

    Examples
    --------
    >>> from examples.figures import fit_gaussian
    >>> fit = fit_gaussian("reverse")
    >>> fit.direction, fit.points.shape == fit.density.shape == fit.target.shape
    ('reverse', True)
    """

    direction: str
    """Direction that was minimized, "forward" or "reverse"."""
    mean: float
    """Mean of the fit."""
    deviation: float
    """Standard deviation of the fit."""
    divergence: float
    """Divergence of the fit, in nats, in the direction that was minimized."""
    points: Numbers
    """Points of the densities."""
    target: Numbers
    """The mixture's density at the points."""
    density: Numbers
    """The fitted density at the points."""


class Spread(NamedTuple):
    """Errors of single samples' estimates, relative to the true divergence.

    Examples
    --------
    >>> from examples.figures import estimator_spread
    >>> spread = estimator_spread([0.1, 1.0], estimators=("k1", "k3"))
    >>> spread.bias.shape == (len(spread.estimators), len(spread.kls))
    True
    """

    estimators: tuple[str, ...]
    """Names of the estimators."""
    kls: Numbers
    """The true divergences."""
    bias: Numbers
    """A row for each estimator, a column for each divergence."""
    deviation: Numbers
    """Standard deviations, with the same rows and columns."""


def fit_gaussian(
    direction: Literal["forward", "reverse"] = "forward",
    *,
    means: Sequence[float] = (-2.5, 2.5),
    deviations: Sequence[float] = (0.8, 0.6),
    weights: Sequence[float] = (0.6, 0.4),
    start: tuple[float, float] = (0.0, 1.0),
    points: int = 2001,
) -> GaussianFit:
    r"""Fit one Gaussian to a mixture by relative entropy in one direction.

    Parameters
    ----------
    direction : {"forward", "reverse"}, default forward
        The divergence of the mixture p and the Gaussian q to minimize: D(p‖q), which has q
        cover all of p, or D(q‖p), which keeps q away from where p has nothing: at a mode.
    means, deviations, weights : sequences of floats
        Of the mixture's components; the weights are divided by their sum. By default two modes
        at -2.5 and 2.5, the left one heavier and wider.
    start : pair of floats, default (0, 1)
        Mean and deviation to begin with. It decides at which mode a reverse fit ends.
    points : int, default 2001
        Size of the grid that densities are summed on. It reaches 8 deviations around every
        component, all of them together, and the start.

    Returns
    -------
    GaussianFit
        Mean, deviation, divergence, and both densities on the grid.

    Raises
    ------
    TypeError
        For what are no numbers, and points that are no integer.
    ValueError
        For an unknown direction, numbers of components that differ, numbers that are not finite
        (or beyond 1e150), deviations and weights that are not positive, fewer than 100 points,
        and a component or a start with a deviation below four spacings of the grid.
    RuntimeError
        For a reverse fit that does not converge to a minimum.

    Notes
    -----
    The forward fit has the mixture's mean and variance, wherever it starts. The reverse one is
    found by a deterministic iteration: Newton's steps in mean and deviation, in which the
    divergence of a log-concave mixture is convex (Challis and Barber 2013), with the absolute
    values of curvatures in units of Fisher's information where it is not; halved until
    `kl_divergence` falls, the last of them shorter than 1e-10 deviations. The divergence has
    several local minima; where modes are close, one of them is wide and lies between them.

    References
    ----------
    E. Challis and D. Barber, "Gaussian Kullback-Leibler approximate inference", Journal of
    Machine Learning Research 14 (2013).
    C. M. Bishop, "Pattern Recognition and Machine Learning" (2006), figure 10.3.

    Examples
    --------
    >>> from examples.figures import fit_gaussian
    >>> forward, reverse = fit_gaussian("forward"), fit_gaussian("reverse")
    >>> print(f"{forward.mean:.2f} +- {forward.deviation:.2f}")
    -0.50 +- 2.55
    >>> print(f"{reverse.mean:.2f} +- {reverse.deviation:.2f}")
    -2.50 +- 0.80
    """
    forward = _chosen("direction", direction, ("forward", "reverse")) == "forward"
    m, s, logs = _mixture(means, deviations, weights)
    mean, deviation = _start(start)
    points = _integer("points", points, 100)
    # In units of the mixture's own deviation, and relative to its mean.
    w = special.softmax(logs)
    centre = float(m[0] + w @ (m - m[0]))
    spread = math.sqrt(float(w @ (s**2 + (m - centre) ** 2)))
    m, s = (m - centre) / spread, s / spread
    mean, deviation = (mean - centre) / spread, deviation / spread
    x = _grid(m, s, mean, deviation, points, spread)
    target = special.logsumexp(-0.5 * ((x[:, None] - m) / s) ** 2 + logs - np.log(s), axis=-1)
    mean, deviation = (0.0, 1.0) if forward else _descend(mean, deviation, x, target)
    fitted = -0.5 * ((x - mean) / deviation) ** 2
    p, q = (target, fitted) if forward else (fitted, target)
    divergence = float(kl_divergence(p, q, from_logits=True))
    step = spread * (x[1] - x[0])
    return GaussianFit(
        "forward" if forward else "reverse",
        centre + spread * mean,
        spread * deviation,
        divergence,
        centre + spread * x,
        special.softmax(target) / step,
        special.softmax(fitted) / step,
    )


def estimator_spread(
    kls: Sequence[float] | Numbers, *, estimators: Sequence[str] = ("k1", "k2", "k3")
) -> Spread:
    r"""Return bias and standard deviation of estimators of relative entropy, as it grows.

    The experiment is Schulman's: samples of a normal distribution, whose divergence from one
    with another mean is estimated from the log-probabilities of one sample.

    Parameters
    ----------
    kls : sequence of floats
        True divergences in nats, from 1e-8 to 50.
    estimators : sequence of str, default ("k1", "k2", "k3")
        Some of those and "abs", as `relentropy.estimators.kl_estimate` knows them.

    Returns
    -------
    Spread
        Bias and standard deviation of one sample's estimate, both divided by the divergence; a
        row for each estimator. The mean of n independent samples has the same bias, and that
        deviation divided by sqrt(n).

    Raises
    ------
    TypeError
        For kls that are no numbers, and estimators that are no sequence of names.
    ValueError
        For divergences outside of the bounds, and any other estimator: a control variate, which
        is fitted to all samples, has no error of one sample.

    Notes
    -----
    Expectations are sums over equidistant points, which for smooth integrands on the whole line
    converge faster than any power of the step (Trefethen and Weideman 2014): nothing is drawn.
    The points reach as far as the second moment of k3, which lies at twice the other mean.

    References
    ----------
    J. Schulman, "Approximating KL divergence" (2020), http://joschu.net/blog/kl-approx.html.
    L. N. Trefethen and J. A. C. Weideman, "The exponentially convergent trapezoidal rule", SIAM
    Review 56 (2014).

    Examples
    --------
    >>> from examples.figures import estimator_spread
    >>> spread = estimator_spread([0.005, 0.5])
    >>> for name, deviation in zip(spread.estimators, spread.deviation, strict=True):
    ...     print(name, deviation.round(2))
    k1 [20.  2.]
    k2 [1.42 1.73]
    k3 [1.42 1.7 ]
    """
    true = _numbers("kls", kls)
    if not np.all((true >= 1e-8) & (true <= 50)):
        raise ValueError(f"kls must be numbers from 1e-8 to 50, not {kls!r}")
    names = _estimators(estimators)
    mu = np.sqrt(2 * true)[:, None]
    step = (24 + 2 * mu) / 2000
    x = -12 + step * np.arange(2001)
    weights = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi) * step
    # What is estimated depends on the logarithm of the ratio alone.
    ratio = mu * x - 0.5 * mu**2
    bias, deviation = [], []
    for name in names:
        estimates = kl_estimate(np.zeros_like(ratio), ratio, estimator=name)
        mean = np.sum(weights * estimates, axis=-1)
        variance = np.sum(weights * (estimates - mean[:, None]) ** 2, axis=-1)
        bias.append((mean - true) / true)
        deviation.append(np.sqrt(variance) / true)
    shape = (len(names), len(true))
    return Spread(names, true, np.reshape(bias, shape), np.reshape(deviation, shape))


def plot_fits(fits: GaussianFit | Sequence[GaussianFit]) -> Any:
    """Draw fitted Gaussians over their mixtures, a panel each.

    Parameters
    ----------
    fits : GaussianFit or sequence of them
        What `fit_gaussian` returns.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown; ``figure.savefig(path)`` writes it.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``relentropy[plots]`` installs.
    TypeError
        For what is no fit.
    ValueError
        Without any fit.

    Examples
    --------
    >>> from examples.figures import fit_gaussian, plot_fits
    >>> figure = plot_fits([fit_gaussian("forward")])  # doctest: +SKIP
    >>> figure.savefig("forward.png")  # doctest: +SKIP
    """
    fits = _several(fits)
    figure = _figure(max(3.4 * len(fits), 4.4), 3.2)
    panels = figure.subplots(1, len(fits), sharex=True, sharey=True, squeeze=False)[0]
    names = {"forward": r"$D(p\,\Vert\,q)$", "reverse": r"$D(q\,\Vert\,p)$"}
    colours = {"forward": _COLOURS[0], "reverse": _COLOURS[1]}
    for panel, fit in zip(panels, fits, strict=True):
        panel.fill_between(fit.points, fit.target, color="0.8", lw=0, label="p, the mixture")
        panel.plot(
            fit.points, fit.density, color=colours[fit.direction], lw=2, label="q, a Gaussian"
        )
        panel.set_title(f"{fit.direction.capitalize()}", fontsize=11)
        panel.text(
            0.5, 0.97, f"{names[fit.direction]} = {fit.divergence:.3f} nats",
            transform=panel.transAxes, ha="center", va="top", fontsize=9,
        )  # fmt: skip
        panel.set_xlabel("x")
        _bare(panel)
    visible = [_support(one.points, one.target) for one in fits]
    panels[0].set_xlim(min(low for low, _ in visible), max(high for _, high in visible))
    panels[0].set_ylim(0, 1.2 * max(np.max([fit.target, fit.density]) for fit in fits))
    panels[0].set_ylabel("density")
    panels[0].legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 0.92), fontsize=9)
    return figure


def plot_spread(spread: Spread, *, marked: float | Sequence[float] = ()) -> Any:
    """Draw bias and standard deviation of estimators against the true divergence.

    Parameters
    ----------
    spread : Spread
        What `estimator_spread` returns.
    marked : float or sequence of floats, default ()
        Divergences to mark by vertical lines.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown; ``figure.savefig(path)`` writes it.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``relentropy[plots]`` installs.
    TypeError
        For what is no spread, and marks that are no numbers.
    ValueError
        For a spread of no estimator or no divergence, and marks that are not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from examples.figures import estimator_spread, plot_spread
    >>> figure = plot_spread(estimator_spread(np.geomspace(1e-3, 5, 50)))  # doctest: +SKIP
    >>> figure.savefig("spread.png")  # doctest: +SKIP
    """
    if not isinstance(spread, Spread):
        raise TypeError(f"spread must be what estimator_spread returns, not {spread!r}")
    if spread.bias.size == 0:
        raise ValueError("spread must have an estimator and a divergence to draw")
    marks = _numbers("marked", [marked] if isinstance(marked, int | float) else marked)
    if not np.all((marks > 0) & (marks < math.inf)):
        raise ValueError(f"marked must be positive numbers, not {marked!r}")
    figure = _figure(8.8, 3.6)
    panels = figure.subplots(1, 2)
    styles = ("-", "--", "-.", ":")
    for i, name in enumerate(spread.estimators):
        style = {"color": _COLOURS[i % len(_COLOURS)], "ls": styles[i % len(styles)], "lw": 2}
        panels[0].plot(spread.kls, spread.bias[i], label=name, **style)
        panels[1].plot(spread.kls, spread.deviation[i], label=name, **style)
    panels[0].set_title("Bias", fontsize=11, pad=12)
    panels[0].set_ylabel("bias / true KL")
    panels[0].set_yscale("symlog", linthresh=_SMALL_BIAS)
    panels[0].set_ylim(min(-_SMALL_BIAS, 2 * float(np.min(spread.bias))))
    panels[1].set_title("Spread of one sample", fontsize=11, pad=12)
    panels[1].set_ylabel("standard deviation / true KL")
    panels[1].set_yscale("log")
    for panel in panels:
        for kl in marks:
            panel.axvline(kl, color="0.6", lw=1, zorder=0)
            panel.text(
                kl, 1, f"{kl:g}", transform=panel.get_xaxis_transform(), ha="center",
                va="bottom", color="0.4", fontsize=8,
            )  # fmt: skip
        panel.set_xscale("log")
        panel.set_xlabel("true KL (nats)")
        panel.legend(frameon=False, fontsize=9)
        panel.grid(color="0.9", lw=0.7)
        _bare(panel)
    return figure


def _chosen(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return one of a few names."""
    if value not in allowed:
        names = ", ".join(repr(one) for one in allowed)
        raise ValueError(f"{name} must be one of {names}, not {value!r}")
    return str(value)


def _integer(name: str, value: Any, least: int) -> int:
    """Return an integer of at least so much."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value.__index__() < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}")
    return int(value.__index__())


def _several(fits: Any) -> Sequence[GaussianFit]:
    given: Any = [fits] if isinstance(fits, GaussianFit) else fits
    several = isinstance(given, list | tuple)
    if not several or not all(isinstance(one, GaussianFit) for one in given):
        raise TypeError(f"fits must be what fit_gaussian returns, one or several, not {fits!r}")
    if not given:
        raise ValueError("fits must be at least one")
    return list(given)


def _numbers(name: str, given: Any) -> Numbers:
    """A sequence of numbers, of which bools are none."""
    try:
        found = np.asarray(given)
    except (TypeError, ValueError, RuntimeError):  # of unequal lengths, or not on this machine
        found = np.asarray(None)
    flags = isinstance(given, list | tuple) and any(
        isinstance(one, bool | np.bool_) for one in given
    )
    if found.dtype.kind not in "iuf" or flags:
        raise TypeError(f"{name} must be a sequence of numbers, not {given!r}")
    if found.ndim != 1:
        raise ValueError(f"{name} must be a sequence of numbers, not of shape {found.shape}")
    return found.astype(np.float64)


def _finite(name: str, given: Any, *, positive: bool = False) -> Numbers:
    found = _numbers(name, given)
    if positive and not np.all(found > 0):
        raise ValueError(f"{name} must be positive, not {given!r}")
    if not np.all(np.abs(found) <= _LARGEST):
        raise ValueError(f"{name} must be finite, at most {_LARGEST:g}, not {given!r}")
    return found


def _mixture(means: Any, deviations: Any, weights: Any) -> tuple[Numbers, Numbers, Numbers]:
    """Means, deviations and the logarithms of weights."""
    m = _finite("means", means)
    s = _finite("deviations", deviations, positive=True)
    if np.any(s < 1 / _LARGEST):
        raise ValueError(f"deviations must be at least {1 / _LARGEST:g}, not {deviations!r}")
    w = _numbers("weights", weights)
    if not np.all((w > 0) & (w < math.inf)):
        raise ValueError(f"weights must be positive and finite, not {weights!r}")
    if not m.shape == s.shape == w.shape or m.size == 0:
        raise ValueError(
            "means, deviations and weights must be as many numbers, not "
            f"{m.size}, {s.size} and {w.size}"
        )
    return m, s, np.log(w)


def _start(start: Any) -> tuple[float, float]:
    wanted = f"start must be a mean and a positive deviation, not {start!r}"
    try:
        found = _finite("start", start)
    except TypeError:
        raise TypeError(wanted) from None
    except ValueError:
        raise ValueError(wanted) from None
    if found.size != 2 or not found[1] > 0:
        raise ValueError(wanted)
    return float(found[0]), float(found[1])


def _estimators(given: Any) -> tuple[str, ...]:
    """Names of estimators that have an error of one sample."""
    wanted = f"estimators must be a sequence of names, such as ['k1', 'k3'], not {given!r}"
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray):
        raise TypeError(wanted)
    if not all(isinstance(one, str) for one in given):
        raise TypeError(wanted)
    return tuple(_chosen("estimators", one, _OF_ONE_SAMPLE) for one in given)


def _grid(
    m: Numbers, s: Numbers, mean: float, deviation: float, points: int, unit: float
) -> Numbers:
    """Points that resolve all components and the start, and reach as far as they do."""
    # On its way, a fit may become as wide as all modes together.
    middle, wide = (np.max(m) + np.min(m)) / 2, (np.max(m) - np.min(m)) / 2 + np.max(s)
    centres = np.array([*m, middle, mean])
    widths = np.array([*s, wide, deviation])
    low, high = np.min(centres - _REACH * widths), np.max(centres + _REACH * widths)
    least = min(float(np.min(s)), deviation)
    span = float(high - low)
    if least * (1 + 1e-9) < _SPACINGS * span / (points - 1):
        name = "start" if deviation <= least else "deviations"
        needed = _SPACINGS * span / least + 1
        remedy = f"points={math.ceil(needed)} would do, or " if needed < 1e7 else ""
        raise ValueError(
            f"{name}: {least * unit:.3g} is less than {_SPACINGS} spacings of the grid, "
            f"{points} points over {span * unit:.3g}, which reaches {_REACH} deviations around "
            f"every component and the start; {remedy}a deviation of at least "
            f"{_SPACINGS * span / (points - 1) * unit:.3g}, or components and a start that are "
            "nearer to one another and more alike"
        )
    return np.linspace(low, high, points)


def _descend(mean: float, deviation: float, x: Numbers, target: Numbers) -> tuple[float, float]:
    """Mean and deviation of a Gaussian at the least reverse divergence."""
    least = _SPACINGS * (x[1] - x[0]) * (1 - 1e-9)

    def divergence(mean: float, deviation: float) -> float:
        reach = _INSIDE * deviation
        if not (deviation >= least and x[0] <= mean - reach and mean + reach <= x[-1]):
            return math.inf  # what the grid does not show
        fitted = -0.5 * ((x - mean) / deviation) ** 2
        return float(kl_divergence(fitted, target, from_logits=True))

    value = divergence(mean, deviation)
    for _ in range(_MOST_STEPS):
        z = (x - mean) / deviation
        fitted = -0.5 * z**2
        q = special.softmax(fitted)
        # Derivatives by mean and deviation, in units of Fisher's information: moments of the
        # log-ratio under q. Newton's step, or one downhill where curvatures are negative.
        ratio = fitted - target
        ratio = q * (ratio - ratio @ q)
        slope = np.array([z @ ratio, (z**2 - 1) @ ratio / math.sqrt(2)])
        mixed = (z**3 - 3 * z) @ ratio / math.sqrt(2)
        curved = np.array(
            [
                [1 + (z**2 - 1) @ ratio, mixed],
                [mixed, 1 + (z**4 - 5 * z**2 + 2) @ ratio / 2],
            ]
        )
        curvatures, directions = np.linalg.eigh(curved)
        convex = curvatures[0] > _FLAT
        sizes = curvatures if convex else np.maximum(np.abs(curvatures), 0.1)
        step = -(directions / sizes) @ (directions.T @ slope)
        promised = float(slope @ step)
        if -promised < _LAST_STEP:
            if convex:
                return mean, deviation
            break
        # Halved until a fair part of what the slope promises is there; but not next to a
        # minimum, where Newton's steps need no check and rounding would fail them.
        share, near = 1.0, convex and -promised < _NEAR
        while share > 1e-15:
            change = share * deviation * step
            found = float(mean + change[0]), float(deviation + change[1] / math.sqrt(2))
            after = divergence(*found)
            if near or after <= value + 0.3 * share * promised:
                break
            share = share / 2
        else:
            break
        (mean, deviation), value = found, after
    raise RuntimeError(
        "the fit did not converge to a minimum; a start nearer to a mode, or about as wide as "
        "the mixture, may do"
    )


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("drawing needs matplotlib; install relentropy[plots]") from None
    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def _bare(panel: Any) -> None:
    panel.spines[["top", "right"]].set_visible(False)


def _support(x: Numbers, density: Numbers) -> tuple[float, float]:
    """Where a density is large enough to be seen."""
    seen = x[density > 1e-4 * np.max(density)]
    return float(seen[0]), float(seen[-1])
