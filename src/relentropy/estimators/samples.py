"""Relative entropy from the log-probabilities of sampled tokens."""

from __future__ import annotations

from typing import Any, Literal

from .. import _arguments
from .._arrays.operands import Array, Operand
from .._arrays.plain import Plain
from .._call import elementwise
from .._formulas.estimates import ESTIMATORS, ControlRatio, Estimate
from .._records import estimate

ALIASES = {
    "kl": "k1",
    "mse": "k2",
    "low_var_kl": "k3",
    "cv": "control_variate",
}
EstimatorName = Literal[
    "k1", "k2", "k3", "abs", "control_variate", "kl", "mse", "low_var_kl", "cv",
    "k1+", "k2+", "k3+", "abs+", "control_variate+", "kl+", "mse+", "low_var_kl+", "cv+",
]  # fmt: skip
"""The estimators, their other names, and with ``+`` the straight-through gradient."""


@estimate(
    "Schulman (2020); functions of the log-ratio in two words",
    float64=3.0,
    float32=1.0,
    slopes=(3.0, 1.0),
)
def kl_estimate(
    log_probs: Operand[Array],
    ref_log_probs: Operand[Array],
    *,
    estimator: EstimatorName = "k3",
    gradient: Literal["pathwise", "straight_through"] = "pathwise",
    log_weights: Any = None,
    detach_weights: bool = False,
    max_weight: float | None = None,
    max_log_ratio: float | None = None,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return estimates of D(π‖ref), one for every sample.

    .. math::
        k_1 = u, \quad k_2 = \tfrac12 u^2, \quad k_3 = e^{-u} - 1 + u, \quad
        u = \log \frac{\pi(x)}{\pi_\mathrm{ref}(x)}

    Parameters
    ----------
    log_probs : array
        Log-probabilities of the samples under the model π, such as `token_log_probs`.
    ref_log_probs : array
        The same samples' under the reference. Broadcasts with log_probs.
    estimator : str, default "k3"
        "k1", "k2", "k3", "abs" (of the log-ratio) or "control_variate": k1 with the multiple of
        ``1/exp(u) - 1`` that has the least variance, fitted to all selected samples. Names in
        use elsewhere are "kl" (k1), "mse" (k2), "low_var_kl" (k3), and a trailing "+" for a
        straight-through gradient.
    gradient : {"pathwise", "straight_through"}, default "pathwise"
        "pathwise" is the derivative of the value. "straight_through" is that of k2, ``u`` times
        the weight as a constant, whatever the value is.
    log_weights : array, optional
        Logarithms of importance weights π(x)/μ(x), for samples of another model μ: one for
        every sample, or of size one along axes that share them, such as (batch, 1) for weights
        of sequences.
    detach_weights : bool, default False
        Whether weights are constants for the derivative. They always are for
        "straight_through".
    max_weight : float, optional
        Larger weights become this one (and constants), which trades variance for bias. By
        default none is.
    max_log_ratio : float, optional
        What u is clipped to, in both directions; a pathwise gradient beyond is 0, a
        straight-through one that of the bound. By default nothing is clipped.
    where : array of bool, optional
        Samples to include, such as a mask of tokens. Excluded samples have an estimate of 0
        with gradient 0, whatever their values are.

    Returns
    -------
    array
        Estimates in nats, times the weights if there are any; of the operands' library and
        device. Their mean over samples is the estimate of the divergence; what is summed over
        the tokens of a sequence and averaged over sequences estimates that of sequences.

    Raises
    ------
    ValueError
        If an array of log_weights has fewer axes than the samples.

    See Also
    --------
    rao_blackwell_kl : exact divergences at every position, of less variance.
    relentropy.kl_divergence : of whole distributions; the mean of k3 over all outcomes.

    Notes
    -----
    The bound of values is that of k1, k2, k3 and abs without weights; with weights it is one
    ulp more. k2 and k3 are never negative; they are exactly 0 with a gradient of 0 at equal
    log-probabilities. No log-ratio is clipped silently: k3 is inf if ``exp(-u)`` overflows, and
    so is its gradient.

    The table shows which estimators are unbiased, on-policy (samples of π) and off-policy
    (samples of μ with log_weights ``log π(x) - log μ(x)``); gradients are compared with that of
    D(π‖ref). On-policy, differentiable weights are those with μ = π held fixed, 1 with the
    gradient of log π.

    ===============  ================  ==============  =====  =====  ========  ========
    estimator        gradient          weights         value         gradient
    ---------------  ----------------  --------------  ------------  ------------------
    \                \                 \               on     off    on        off
    ===============  ================  ==============  =====  =====  ========  ========
    k1               pathwise          none            yes    no     no        no
    k1               pathwise          detached        yes    yes    no        no
    k1               pathwise          differentiable  yes    yes    yes       yes
    k1               straight_through  none            yes    no     yes       no
    k1               straight_through  detached        yes    yes    yes       yes
    k2               pathwise          none            no     no     yes       no
    k2               pathwise          detached        no     no     yes       yes
    k2               pathwise          differentiable  no     no     no        no
    k2               straight_through  none            no     no     yes       no
    k2               straight_through  detached        no     no     yes       yes
    k3               pathwise          none            yes    no     no        no
    k3               pathwise          detached        yes    yes    no        no
    k3               pathwise          differentiable  yes    yes    yes       yes
    k3               straight_through  none            yes    no     yes       no
    k3               straight_through  detached        yes    yes    yes       yes
    abs              pathwise          none            no     no     no        no
    abs              pathwise          detached        no     no     no        no
    abs              pathwise          differentiable  no     no     no        no
    abs              straight_through  none            no     no     yes       no
    abs              straight_through  detached        no     no     yes       yes
    control_variate  pathwise          none            yes    no     no        no
    control_variate  pathwise          detached        yes    yes    no        no
    control_variate  pathwise          differentiable  yes    yes    yes       yes
    control_variate  straight_through  none            yes    no     yes       no
    control_variate  straight_through  detached        yes    yes    yes       yes
    ===============  ================  ==============  =====  =====  ========  ========

    The gradient of k3 without weights (GRPO) is that of D(ref‖π). With differentiable weights
    k3's is that of k2 with detached ones, in two parts that cancel where ``exp(-u)`` is large;
    "straight_through" gives the same gradient without that cancellation. A clipped ratio, a
    cut-off weight and a reference without mass where π has some make all of them biased.

    The coefficient of the control variate is a constant for the derivative and fitted to the
    same samples, which biases its value by a share that falls with their number; where no fit
    is possible (one sample, equal ratios, a ratio that overflows) it is 1, and the estimate k3.

    A sample of ``-inf`` on both sides, such as padding, is 0 with gradient 0. π(x) = 0 alone
    gives -inf for k1 and inf for the others, ref(x) = 0 alone inf; nan stays nan, and a
    log-probability of +inf is one. A weight of 0 takes an infinite estimate away.

    References
    ----------
    J. Schulman, "Approximating KL divergence" (2020), joschu.net/blog/kl-approx.html.
    Z. Shao et al. (2024), arXiv:2402.03300 (k3 as a loss). Y. Tang, R. Munos (2025),
    arXiv:2506.09477, and K. Liu et al. (2025), arXiv:2510.01555 (gradients).
    DeepSeek-AI (2025), arXiv:2512.02556 (weighted k3).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import kl_estimate
    >>> log_probs = np.array([-1.0, -2.0, -3.0])
    >>> ref_log_probs = np.array([-1.0, -2.0 - 1e-9, -4.0])
    >>> print(kl_estimate(log_probs, ref_log_probs))
    [0.00000000e+00 5.00000083e-19 3.67879441e-01]
    """
    name, straight = named(estimator, gradient)
    function = Estimate(
        name,
        straight_through=straight,
        bound=_bound("max_log_ratio", max_log_ratio),
        weighted=log_weights is not None,
        detach_weights=_arguments.one_flag("detach_weights", detach_weights),
        max_weight=_bound("max_weight", max_weight),
    )
    operands = {"log_probs": log_probs, "ref_log_probs": ref_log_probs}
    if log_weights is not None:
        _arguments.require_axes("log_weights", log_weights, operands)
        operands["log_weights"] = log_weights
    elif max_weight is not None:
        raise ValueError("max_weight bounds weights, and there are no log_weights")
    if name == "control_variate":
        operands["excess"] = _fitted(function, operands, where)
    return elementwise(function, operands, where=where, dtype=dtype, widen=True)


def named(
    estimator: Any,
    gradient: Any = "pathwise",
    *,
    names: tuple[str, str] = ("estimator", "gradient"),
) -> tuple[Any, bool]:
    """The estimator's own name, and whether its gradient is straight-through.

    ``names`` are those of the two arguments.
    """
    gradient = _arguments.chosen(names[1], gradient, ("pathwise", "straight_through"))
    plain = estimator.removesuffix("+") if isinstance(estimator, str) else ""
    name = ALIASES.get(plain, plain)
    if name not in ESTIMATORS:
        _arguments.chosen(names[0], estimator, tuple(ESTIMATORS))
    return name, gradient == "straight_through" or plain != estimator


def _bound(name: str, value: Any) -> float | None:
    return None if value is None else _arguments.positive(name, value)


def _fitted(function: Estimate, operands: dict[str, Any], where: Any) -> Any:
    """1 - c of the control variate c*(r/π - 1), as a constant.

    The coefficient of least variance is -Cov(k1, y)/Var(y) for y = r/π - 1; that of k3 = k1 + y
    is 1 less, and needs no difference of nearly equal numbers.
    """
    given = Plain(operands, where)
    shape = given.shape(*operands)
    if 0 in shape:
        return 0.0
    fixed = {name: given.constant(one) for name, one in given.arrays.items()}
    options = vars(function) | {"estimator": "k3"}
    control = elementwise(ControlRatio(**options), fixed, where=where)
    value = elementwise(Estimate(**options), fixed, where=where)
    raw = given.raw
    with given.quiet():
        size = raw.max(raw.abs(control))
        size = raw.where(size > 0, size, raw.ones_like(size))
        count = raw.sum(given.counted(shape))
        control, value = control / size, value / size
        mean = raw.sum(control) / count
        centred = given.kept(control - mean)
        spread = raw.sum(centred * centred)
        excess = raw.sum(given.kept(value) * centred) / raw.where(spread > 0, spread, size)
        return raw.where(raw.isfinite(excess), excess, raw.zeros_like(excess))
