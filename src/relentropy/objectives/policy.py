"""The clipped policy objective with a KL penalty: PPO-clip, GRPO and what came of them."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from .. import _arguments
from .._arrays.operands import Array, Generic, Operand
from .._arrays.plain import Plain
from .._call import elementwise
from .._formulas.surrogate import CARRIED, RATIO, Clipped, Surrogate
from ..estimators import kl_estimate
from ..estimators.samples import EstimatorName, named
from ._checks import (
    checked_beta,
    checked_denominator,
    checked_length,
    require_given,
    require_shapes,
    require_tokens,
)
from ._penalty import penalty
from .aggregation import MODES, Mode, aggregate, masked_mean


class PolicyLoss(NamedTuple, Generic[Array]):
    """A loss to minimise, and what it is made of; only the loss has a derivative.

    Attributes
    ----------
    loss : 0-d array
        ``policy + beta*kl``, or ``policy`` where beta is 0.
    policy : 0-d array
        The clipped surrogate's part of it. As the loss and ``kl`` it is divided by
        ``denominator``, where there is one, and is a micro-batch's share then.
    kl : 0-d array
        The estimate of the divergence from the reference, aggregated as the losses are, with
        ``kl_weighted`` times the weights; 0 without a reference.
    clip_fraction : 0-d array
        The share of the tokens selected here whose gradient ``clip`` takes away, whatever the
        ``denominator`` is; tokens that only dual clip holds do not count.
    min_ratio : 0-d array
        The smallest ratio of a selected token, that of its sequence with ``ratio="sequence"``
        or "sequence-token"; 1 where nothing is selected.
    max_ratio : 0-d array
        The largest.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.objectives import grpo_loss
    >>> log_probs = np.log([[0.5, 0.4], [0.9, 0.2]])
    >>> old = np.log([[0.5, 0.5], [0.5, 0.2]])
    >>> found = grpo_loss(log_probs, old, np.array([1.0, -1.0]))
    >>> print(f"{found.min_ratio:.1f} {found.max_ratio:.1f} {found.clip_fraction}")
    0.8 1.8 0.0
    """

    loss: Array
    policy: Array
    kl: Array
    clip_fraction: Array
    min_ratio: Array
    max_ratio: Array


def grpo_loss(
    log_probs: Operand[Array],
    old_log_probs: Operand[Array] | None,
    advantages: Operand[Array],
    ref_log_probs: Operand[Array] | None = None,
    *,
    where: Any = None,
    clip: float | tuple[float | None, float | None] | None = 0.2,
    dual_clip: float | None = None,
    ratio: Literal["token", "sequence", "sequence-token"] = "token",
    beta: Any = 0.04,
    kl: EstimatorName = "k3",
    kl_gradient: Literal["pathwise", "straight_through"] = "pathwise",
    kl_weighted: bool = False,
    aggregation: Mode = "seq-mean-token-mean",
    denominator: Any = None,
    max_length: int | None = None,
) -> PolicyLoss[Array]:
    r"""Return the clipped policy loss with a KL penalty of GRPO, PPO-clip and variants.

    .. math::
        \frac1N \sum_i \frac{1}{|o_i|} \sum_t \Bigl(
        -\min\bigl(\rho_{it} A_i, \operatorname{clip}(\rho_{it}, 1 - \varepsilon_l,
        1 + \varepsilon_h) A_i\bigr) + \beta k_{it} \Bigr),
        \quad \rho = \frac{\pi}{\pi_\mathrm{old}}

    Parameters
    ----------
    log_probs : array of shape (batch, time)
        Log-probabilities of the sampled tokens under the policy that is trained.
    old_log_probs : array or None
        The same under the policy that sampled them. None where that is the one that is
        trained: all ratios are 1, with the gradient of the policy.
    advantages : array of shape (batch,) or (batch, time)
        One for each sequence, or for each token.
    ref_log_probs : array, optional
        The same as ``log_probs`` under the reference, as data: there is no derivative by them.
        Without them there is no KL penalty.
    where : array of bool, optional
        The tokens of the answers; broadcasts to (batch, time). What it excludes is replaced
        before any arithmetic.
    clip : float, pair of floats or None, default 0.2
        How far the ratio may leave 1 until it is clipped: :math:`\varepsilon`, or (low, high)
        (DAPO: ``(0.2, 0.28)``). None, or inf, clips nothing; in a pair, not on its side.
    dual_clip : float, optional
        Greater than 1: a negative advantage costs no more than this many times itself
        (dual-clip PPO: 3.0; TRL's ``delta``).
    ratio : {"token", "sequence", "sequence-token"}, default "token"
        What is clipped. "sequence" (GSPO) is one ratio for a sequence, the geometric mean of
        its tokens' ratios. "sequence-token" (GSPO-token) has the same value, and lets every
        token's advantage weigh the gradient of that token alone; for one advantage per sequence
        they agree.
    beta : float or 0-d array, default 0.04
        The coefficient of the KL penalty; with 0 it is only reported, also if it is infinite or
        nan. An array may be traced, and have a derivative, which is ``kl``; whether it is
        negative is only asked of plain numbers.
    kl : str, default "k3"
        The estimator of the penalty; `relentropy.estimators.kl_estimate` names them all. The
        coefficient of "control_variate" is fitted to the selected tokens, and a constant for
        the derivative.
    kl_gradient : {"pathwise", "straight_through"}, default "pathwise"
        Its gradient, as there.
    kl_weighted : bool, default False
        Multiply the penalty by the token's ratio, which makes it and its gradient unbiased for
        tokens of the old policy (DeepSeek-V3.2). Of k3 that gradient is the ratio times
        :math:`\log(\pi/\pi_\mathrm{ref})`, which is what both gradients are then.
    aggregation : str, default "seq-mean-token-mean"
        How the tokens' losses become one; `aggregate` names them all.
    denominator, max_length
        As in `aggregate`: with the tokens or sequences of the full batch as ``denominator``,
        losses of micro-batches and ranks add up. A denominator that is an array may be traced,
        as ``beta`` may; all other options are settled before.

    Returns
    -------
    PolicyLoss
        ``(loss, policy, kl, clip_fraction, min_ratio, max_ratio)``, 0-d arrays, of the dtype
        that the log-probabilities have together, float32 for 16 bits; advantages, ``beta`` and
        ``denominator`` have no say in it. All but the loss are constants.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, and a mask that is not boolean.
    ValueError
        For shapes that are not those above, and impossible options.

    See Also
    --------
    group_advantages, aggregate, relentropy.estimators.kl_estimate
    rlhf_objective : a penalty in the reward instead.

    Notes
    -----
    By default the loss of the GRPO paper, its advantages being `group_advantages`. Variants:

    ===================== =============================================================
    PPO-clip              ``aggregation="token-mean"``, no reference, advantages of tokens
    DAPO                  ``aggregation="token-mean"``, no reference, ``clip=(0.2, 0.28)``,
                          one advantage per sequence, those of its group
    Dr. GRPO              ``aggregation="seq-mean-token-sum-norm"``, a ``max_length``, no
                          reference, ``group_advantages(..., scale=None)``
    GSPO                  ``ratio="sequence"``, ``clip=(3e-4, 4e-4)``, no reference
    DeepSeek-V3.2's KL    ``kl_weighted=True``
    ===================== =============================================================

    Log-probabilities of the old policy and of the reference and advantages are data: there is
    no derivative by them. A ratio that overflows does no harm where it is clipped or its
    advantage is 0: there its gradient is 0. With a negative advantage it makes the loss inf,
    unless dual clip bounds it. A token of probability 0 has the ratio 0, or inf if it was
    impossible for the old policy alone, and 1, without a gradient, if for both. A nan is never
    hidden where it is selected. Nothing is clamped but what ``clip`` says: verl restricts
    log-ratios to [-20, 20] and k3 to [-10, 10], beyond which its losses are smaller and its
    gradients 0.

    Where nothing is selected the loss is 0 with gradient 0.

    References
    ----------
    J. Schulman et al., "Proximal policy optimization algorithms", arXiv:1707.06347 (2017).
    Z. Shao et al., "DeepSeekMath" (GRPO), arXiv:2402.03300 (2024). D. Ye et al., "Mastering
    complex control in MOBA games" (dual clip), arXiv:1912.09729 (2019). Q. Yu et al., "DAPO",
    arXiv:2503.14476 (2025). Z. Liu et al., "Understanding R1-Zero-like training" (Dr. GRPO),
    arXiv:2503.20783 (2025). C. Zheng et al., "Group sequence policy optimization",
    arXiv:2507.18071 (2025). DeepSeek-AI, "DeepSeek-V3.2", arXiv:2512.02556 (2025).

    Examples
    --------
    Two answers of two tokens and of one; the first was better:

    >>> import numpy as np
    >>> from relentropy.objectives import grpo_loss
    >>> old = np.log([[0.5, 0.5], [0.5, 1.0]])
    >>> new = np.log([[0.7, 0.5], [0.4, 1.0]])
    >>> tokens = np.array([[True, True], [True, False]])
    >>> found = grpo_loss(new, old, np.array([1.0, -1.0]), old, where=tokens)
    >>> print(f"{found.policy:.3f} {found.kl:.6f} {found.loss:.6f}")
    -0.150 0.026118 -0.148955
    >>> print(f"{found.clip_fraction:.3f} {found.min_ratio:.1f} {found.max_ratio:.1f}")
    0.333 0.8 1.4
    """
    low, high = _bounds(clip)
    dual_clip = _checked_dual(dual_clip)
    estimator, straight = named(kl, kl_gradient, names=("kl", "kl_gradient"))
    _arguments.chosen("ratio", ratio, ("token", "sequence", "sequence-token"))
    _arguments.chosen("aggregation", aggregation, MODES)
    kl_weighted = _arguments.one_flag("kl_weighted", kl_weighted)
    if kl_weighted and ref_log_probs is None:
        raise ValueError("kl_weighted weighs a penalty, and there are no ref_log_probs")
    checked_length(max_length, aggregation)
    denominator = checked_denominator(denominator)
    beta = checked_beta(beta)
    require_given(log_probs=log_probs, advantages=advantages)
    tokens = {
        "log_probs": log_probs,
        "old_log_probs": old_log_probs,
        "ref_log_probs": ref_log_probs,
    }
    plain = Plain(tokens, where, {"advantages": advantages, "beta": beta})
    shape = tuple(plain.arrays["log_probs"].shape)
    require_tokens("log_probs", shape)
    same = dict.fromkeys(("old_log_probs", "ref_log_probs"), (shape,))
    require_shapes(plain, {**same, "advantages": (shape, shape[:1])})
    plain.shape("log_probs")  # which the mask must fit
    policy = plain.arrays["log_probs"]
    old = plain.constant(policy if old_log_probs is None else plain.arrays["old_log_probs"])
    gains = plain.constant(plain.arrays["advantages"])
    gains = gains if gains.ndim == 2 else plain.raw.expand_dims(gains, axis=-1)
    options = {
        "mode": aggregation, "denominator": denominator, "max_length": max_length,
    }  # fmt: skip

    operands = {"log_probs": policy, "old_log_probs": old}
    if ratio != "token":
        operands = _of_sequences(operands, where, plain, apart=ratio == "sequence-token")
    entries = {**operands, "advantages": gains}
    losses = elementwise(Surrogate(low, high, dual_clip), entries, where=where)
    loss = aggregate(losses, where, **options)
    surrogate = loss
    divergence = plain.like_the_library(plain.raw.zeros_like(loss))
    if plain.arrays["ref_log_probs"] is not None:
        weights = None
        if kl_weighted:
            weights = kl_estimate(policy, old, estimator="k1", where=where)
            # Through the weight w and through k3, the derivative is w*(exp(-u) - 1 + u) and
            # w*(1 - exp(-u)): in all w*u, which is left of neither where exp(-u) is large, and
            # is what straight-through takes.
            straight = straight or estimator == "k3"
        estimates = kl_estimate(
            policy, plain.constant(plain.arrays["ref_log_probs"]), estimator=estimator,
            gradient="straight_through" if straight else "pathwise", log_weights=weights,
            where=where,
        )  # fmt: skip
        divergence = aggregate(estimates, where, **options)
        with plain.quiet():  # a loss of -inf and a divergence of inf have no sum
            loss = loss + penalty(plain.arrays["beta"], divergence)
    still = {name: plain.constant(one) for name, one in entries.items()}
    clipped = elementwise(Clipped(low, high), still, where=where)
    return PolicyLoss(
        loss,
        plain.constant(surrogate),
        plain.constant(divergence),
        masked_mean(clipped, where),
        *_extremes(still, where, plain, shape),
    )


def _of_sequences(
    operands: dict[str, Any], where: Any, plain: Plain, *, apart: bool
) -> dict[str, Any]:
    """The mean log-ratio of every sequence, at all of its tokens, beside a log-ratio of 0."""
    tokens = kl_estimate(*operands.values(), estimator="k1", where=where)
    mean = masked_mean(tokens, where, axis=-1, keepdims=True)
    mean = plain.raw.broadcast_to(mean, tokens.shape)
    if apart:
        carried = {"value": plain.constant(mean), "carrier": tokens}
        mean = elementwise(CARRIED, carried, where=where)
    return {"log_probs": mean, "old_log_probs": plain.raw.zeros_like(mean)}


def _extremes(
    still: dict[str, Any], where: Any, plain: Plain, shape: tuple[int, ...]
) -> tuple[Any, Any]:
    """The smallest and the largest ratio of what is selected."""
    raw, one = plain.raw, plain.full(1.0, plain.arrays["log_probs"])
    if 0 in shape:
        return (plain.like_the_library(raw.prod(one)),) * 2  # of nothing, which is 1
    pair = {name: still[name] for name in ("log_probs", "old_log_probs")}
    ratios = elementwise(RATIO, pair, where=where)
    least = raw.min(plain.kept(ratios, math.inf))
    most = raw.max(plain.kept(ratios))
    none = raw.sum(plain.counted(shape)) == 0
    one = plain.full(1.0, least)
    found = (raw.where(none, one, least), raw.where(none, one, most))
    return tuple(plain.like_the_library(extreme) for extreme in found)


def _bounds(clip: Any) -> tuple[float, float]:
    """How far a ratio may be below and above 1."""
    pair = clip if isinstance(clip, tuple | list) else (clip, clip)
    if len(pair) != 2:
        raise TypeError(f"clip must be a number, a pair (low, high) or None, not {clip!r}")
    low, high = (_bound(one) for one in pair)
    if low < 0 or high < 0 or 1 < low < math.inf:
        raise ValueError(f"clip must not be negative, and at most 1 below, not {clip!r}")
    return low, high


def _bound(one: Any) -> float:
    """How far to one side; None and inf are no bound."""
    unbounded = one is None or (isinstance(one, float | np.floating) and one == math.inf)
    return math.inf if unbounded else _arguments.number("clip", one)


def _checked_dual(dual_clip: Any) -> float | None:
    if dual_clip is None:
        return None
    bound = _arguments.number("dual_clip", dual_clip)
    if bound <= 1:
        raise ValueError(f"dual_clip must be finite and greater than 1, not {dual_clip!r}")
    return bound
