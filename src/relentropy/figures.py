"""Two figures: what the direction of relative entropy decides, and what its estimates scatter.

The numbers are computed by functions of their own; those that draw need matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _arguments, special
from .divergences import kl_divergence
from .estimators import kl_estimate

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


_MOST_STEPS = 200
# Relative biases below it are drawn on a linear scale, which has a zero.
_SMALL_BIAS = 1e-4


class GaussianFit(NamedTuple):
    """A Gaussian fitted to a mixture."""

    direction: str
    mean: float
    deviation: float
    divergence: float
    """Of the fit, in nats, in the direction that was minimised."""
    points: Numbers
    target: Numbers
    """The mixture's density at the points."""
    density: Numbers
    """The fitted density at the points."""


class Spread(NamedTuple):
    """Errors of single samples' estimates, relative to the true divergence."""

    estimators: tuple[str, ...]
    kls: Numbers
    bias: Numbers
    """A row for each estimator, a column for each divergence."""
    deviation: Numbers


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
        Which divergence of the mixture p and the Gaussian q is minimised: D(p‖q), which has q
        cover all of p, or D(q‖p), which keeps q away from where p has nothing: at a mode.
    means, deviations, weights : sequences of floats
        Of the mixture's components; the weights are divided by their sum. By default two modes
        at -2.5 and 2.5, the left one heavier and wider.
    start : pair of floats, default (0, 1)
        Mean and deviation to begin with. It decides at which mode a reverse fit ends.
    points : int, default 2001
        Size of the grid that densities are summed on.

    Returns
    -------
    GaussianFit
        Mean, deviation, divergence, and both densities on the grid.

    Raises
    ------
    ValueError
        For an unknown direction, numbers of components that differ, deviations that are not
        positive, and fewer than 100 points.

    Notes
    -----
    The iteration is deterministic: Newton's steps in natural parameters, or those of the
    natural gradient (Amari 1998) where the divergence is not convex, halved until
    `kl_divergence` falls. The forward fit has the mixture's mean and variance. The reverse
    divergence has several local minima; where modes are close, one of them is wide and lies
    between the modes.

    References
    ----------
    S. Amari, "Natural gradient works efficiently in learning", Neural Computation 10 (1998).
    C. M. Bishop, "Pattern Recognition and Machine Learning" (2006), figure 10.3.

    Examples
    --------
    >>> from relentropy.figures import fit_gaussian
    >>> forward, reverse = fit_gaussian("forward"), fit_gaussian("reverse")
    >>> print(f"{forward.mean:.2f} +- {forward.deviation:.2f}")
    -0.50 +- 2.55
    >>> print(f"{reverse.mean:.2f} +- {reverse.deviation:.2f}")
    -2.50 +- 0.80
    """
    forward = _arguments.chosen("direction", direction, ("forward", "reverse")) == "forward"
    m, s, w = _mixture(means, deviations, weights)
    if points < 100:
        raise ValueError(f"points must be at least 100, not {points!r}")
    if not 0 < start[1] < math.inf:
        raise ValueError(f"start must be a mean and a positive deviation, not {start!r}")
    centre = float(w @ m)
    spread = math.sqrt(float(w @ (s**2 + (m - centre) ** 2)))
    centres = np.array([*m, centre, start[0]])
    reaches = 8 * np.array([*s, spread, start[1]])
    x = np.linspace(np.min(centres - reaches), np.max(centres + reaches), points)
    exponents = -0.5 * ((x[:, None] - m) / s) ** 2 + np.log(w / s)
    target = special.logsumexp(exponents, axis=-1)
    # In units of the mixture's own deviation, which the powers of x are well scaled in.
    powers = np.stack([(x - centre) / spread, ((x - centre) / spread) ** 2])
    mean, deviation = (start[0] - centre) / spread, start[1] / spread
    parameters = np.array([mean, -0.5]) / deviation**2
    parameters, divergence = _descend(parameters, powers, target, forward)
    deviation = spread * math.sqrt(-0.5 / parameters[1])
    mean = float(centre - spread * parameters[0] / (2 * parameters[1]))
    step = x[1] - x[0]
    target, density = (special.softmax(one) / step for one in (target, parameters @ powers))
    return GaussianFit(
        "forward" if forward else "reverse", mean, deviation, divergence, x, target, density
    )


def estimator_spread(
    kls: Sequence[float] | Numbers, *, estimators: Sequence[str] = ("k1", "k2", "k3")
) -> Spread:
    r"""Bias and standard deviation of estimators of relative entropy, as it grows.

    The experiment is Schulman's: samples of a normal distribution, whose divergence from one
    with another mean is estimated from the log-probabilities of one sample.

    Parameters
    ----------
    kls : sequence of floats
        True divergences in nats, from 1e-8 to 50.
    estimators : sequence of str, default ("k1", "k2", "k3")
        As `relentropy.estimators.kl_estimate` knows them.

    Returns
    -------
    Spread
        Bias and standard deviation of one sample's estimate, both divided by the divergence; a
        row for each estimator. The mean of n independent samples has the same bias, and that
        deviation divided by sqrt(n).

    Raises
    ------
    ValueError
        For divergences outside of the bounds, and an estimator that is not known.

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
    >>> from relentropy.figures import estimator_spread
    >>> spread = estimator_spread([0.005, 0.5])
    >>> for name, deviation in zip(spread.estimators, spread.deviation, strict=True):
    ...     print(name, deviation.round(2))
    k1 [20.  2.]
    k2 [1.42 1.73]
    k3 [1.42 1.7 ]
    """
    true = np.asarray(kls, dtype=np.float64)
    if true.ndim != 1 or not np.all((true >= 1e-8) & (true <= 50)):
        raise ValueError(f"kls must be numbers from 1e-8 to 50, not {kls!r}")
    mu = np.sqrt(2 * true)[:, None]
    step = (24 + 2 * mu) / 2000
    x = -12 + step * np.arange(2001)
    weights = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi) * step
    # What is estimated depends on the logarithm of the ratio alone.
    ratio = mu * x - 0.5 * mu**2
    bias, deviation = [], []
    for name in estimators:
        estimates = kl_estimate(np.zeros_like(ratio), ratio, estimator=name)
        mean = np.sum(weights * estimates, axis=-1)
        variance = np.sum(weights * (estimates - mean[:, None]) ** 2, axis=-1)
        bias.append((mean - true) / true)
        deviation.append(np.sqrt(variance) / true)
    return Spread(tuple(estimators), true, np.array(bias), np.array(deviation))


def plot_fits(fits: Sequence[GaussianFit]) -> Any:
    """Draw fitted Gaussians over their mixtures, a panel each.

    Parameters
    ----------
    fits : sequence of GaussianFit
        What `fit_gaussian` returns.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown; ``figure.savefig(path)`` writes it.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``relentropy[plots]`` installs.

    Examples
    --------
    >>> from relentropy.figures import fit_gaussian, plot_fits
    >>> figure = plot_fits([fit_gaussian("forward")])  # doctest: +SKIP
    >>> figure.savefig("forward.png")  # doctest: +SKIP
    """
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


def plot_spread(spread: Spread, *, marked: Sequence[float] = ()) -> Any:
    """Draw bias and standard deviation of estimators against the true divergence.

    Parameters
    ----------
    spread : Spread
        What `estimator_spread` returns.
    marked : sequence of floats, default ()
        Divergences to mark by vertical lines.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown; ``figure.savefig(path)`` writes it.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``relentropy[plots]`` installs.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.figures import estimator_spread, plot_spread
    >>> figure = plot_spread(estimator_spread(np.geomspace(1e-3, 5, 50)))  # doctest: +SKIP
    >>> figure.savefig("spread.png")  # doctest: +SKIP
    """
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
        for kl in marked:
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


def _mixture(*given: Sequence[float]) -> tuple[Numbers, Numbers, Numbers]:
    m, s, w = (np.asarray(one, dtype=np.float64) for one in given)
    if not m.shape == s.shape == w.shape or m.ndim != 1 or m.size == 0:
        raise ValueError(
            "means, deviations and weights must be as many numbers, not "
            f"{m.shape}, {s.shape} and {w.shape}"
        )
    if not (np.all(s > 0) and np.all(w > 0)):
        raise ValueError("deviations and weights must be positive")
    return m, s, w / np.sum(w)


def _descend(
    parameters: Numbers, powers: Numbers, target: Numbers, forward: bool
) -> tuple[Numbers, float]:
    """Natural parameters of a Gaussian at the least divergence, and that one."""

    def divergence(parameters: Numbers) -> float:
        if not parameters[1] < 0:
            return math.inf
        fitted = parameters @ powers
        p, q = (target, fitted) if forward else (fitted, target)
        return float(kl_divergence(p, q, from_logits=True))

    p = special.softmax(target)
    value = divergence(parameters)
    for _ in range(_MOST_STEPS):
        fitted = parameters @ powers
        q = special.softmax(fitted)
        centred = powers - (powers @ q)[:, None]
        # Derivatives by natural parameters: differences and covariances of moments, or those
        # with q's log-ratio to p under q. Where the second is no minimum's, Fisher's serves.
        curved = fisher = (centred * q) @ centred.T
        if forward:
            slope = -centred @ p
        else:
            ratio = fitted - target
            slope = (centred * q) @ ratio
            curved = fisher + (centred * q * (ratio - ratio @ q)) @ centred.T
        convex = curved[0, 0] > 0 and np.linalg.det(curved) > 1e-3 * np.linalg.det(fisher)
        step = -np.linalg.solve(curved if convex else fisher, slope)
        if np.max(np.abs(step)) < 1e-12 * np.max(np.abs(parameters)):
            break
        # Halved until a fair part of what the slope promises is there, but for rounding.
        while divergence(parameters + step) > value + 0.3 * float(slope @ step) + 1e-15 * value:
            step = step / 2
        parameters = parameters + step
        value = divergence(parameters)
    return parameters, value


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
