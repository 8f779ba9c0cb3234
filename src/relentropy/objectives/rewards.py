"""Rewards that cost what the policy departs from its reference."""

from __future__ import annotations

from typing import Any, Literal

from .. import _arguments
from .._arrays.operands import Array, Operand
from .._arrays.plain import Plain
from .._call import elementwise
from .._formulas.surrogate import CARRIED
from ..estimators import kl_estimate
from ..estimators.samples import EstimatorName, named
from ._checks import checked_beta, require_given, require_shapes, require_tokens
from ._penalty import penalty
from .aggregation import masked_mean


def rlhf_objective(
    rewards: Operand[Array],
    log_probs: Operand[Array],
    ref_log_probs: Operand[Array],
    *,
    beta: float,
    form: Literal["token_rewards", "sequence_rewards", "loss"] = "token_rewards",
    estimator: EstimatorName = "k1",
    where: Any = None,
    denominator: Any = None,
) -> Array:
    r"""Return the objective of RLHF, the mean reward less beta times the divergence.

    .. math:: J = \mathrm{E}_{x \sim \pi}\bigl[r(x)\bigr] - \beta D(\pi \| \pi_\mathrm{ref})

    Parameters
    ----------
    rewards : array of shape (batch,)
        The reward of each sequence.
    log_probs : array of shape (batch, time)
        Log-probabilities of the sampled tokens under the policy, which has sampled them.
    ref_log_probs : array of shape (batch, time)
        The same under the reference.
    beta : float or 0-d array
        The coefficient; `AdaptiveKLController` moves one. With 0 the divergence counts for
        nothing, also where it is infinite or nan. An array may be traced, as may a
        ``denominator``; it is data, and whether it is negative is only asked of plain numbers.
    form : {"token_rewards", "sequence_rewards", "loss"}, default "token_rewards"
        "token_rewards" are :math:`-\beta k_t` at every token, with r added at the last selected
        one; "sequence_rewards" are their sums, :math:`r - \beta \sum_t k_t`. Both are
        constants: what an advantage is made of. "loss" is a number to minimise, with the value
        of -J and, as its derivative, the estimate of the gradient of -J (REINFORCE).
    estimator : str, default "k1"
        The estimator of the divergence, by the names of `relentropy.estimators.kl_estimate`.
    where : array of bool, optional
        The tokens of the answers; broadcasts to (batch, time). What it excludes is replaced
        before any arithmetic, and so is the reward of a sequence that it excludes as a whole.
    denominator : number or 0-d array, optional
        For the loss, the sequences of the full batch, so that losses of micro-batches and ranks
        add up to the loss of all.

    Returns
    -------
    array
        Of shape (batch, time), (batch,) or (), of the dtype that the log-probabilities have
        together, float32 for 16 bits; 0 where nothing is selected.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, and a mask that is not boolean.
    ValueError
        For shapes that are not those above, and impossible options.

    See Also
    --------
    grpo_loss : a penalty beside the reward, as a term of the loss.
    relentropy.estimators.kl_estimate

    Notes
    -----
    The gradient of the loss is the mean of :math:`-(r - \beta \sum_t k_t) \nabla \log \pi(x)`,
    and of :math:`\beta \nabla \sum_t k_t` where the estimator's own gradient does not average
    to zero, as k1's does. Its mean over sequences that the policy samples is the gradient of
    -J, with k1 or k3; other estimators are biased, and the gradient is then that of what they
    estimate. Rewards and the reference's log-probabilities are data, without a derivative.

    For tokens that another policy has sampled, take the rewards, with importance weights or a
    clipped ratio (`grpo_loss`).

    References
    ----------
    D. M. Ziegler et al., "Fine-tuning language models from human preferences",
    arXiv:1909.08593 (2019). R. J. Williams, "Simple statistical gradient-following algorithms
    for connectionist reinforcement learning", Machine Learning 8 (1992).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.objectives import rlhf_objective
    >>> log_probs = np.array([[-1.0, -2.0, -1.0], [-3.0, 0.0, 0.0]])
    >>> ref_log_probs = np.array([[-1.5, -2.0, -1.5], [-2.0, 0.0, 0.0]])
    >>> tokens = np.array([[True, True, True], [True, False, False]])
    >>> given = np.array([1.0, 0.5]), log_probs, ref_log_probs
    >>> rlhf_objective(*given, beta=0.1, where=tokens)
    array([[-0.05,  0.  ,  0.95],
           [ 0.6 ,  0.  ,  0.  ]])
    >>> rlhf_objective(*given, beta=0.1, where=tokens, form="sequence_rewards")
    array([0.9, 0.6])
    """
    forms = ("token_rewards", "sequence_rewards", "loss")
    form = _arguments.chosen("form", form, forms)
    if denominator is not None and form != "loss":
        raise ValueError(f"denominator is of the loss; {form!r} are not divided")
    name, straight = named(estimator)
    beta = checked_beta(beta)
    require_given(rewards=rewards, log_probs=log_probs, ref_log_probs=ref_log_probs)
    if form == "loss" and straight:
        raise ValueError(
            f"estimator {estimator!r} has the divergence's gradient already, and the loss "
            f"would have it twice; pass {estimator[:-1]!r}"
        )
    tokens = {"log_probs": log_probs, "ref_log_probs": ref_log_probs}
    plain = Plain(tokens, where, {"rewards": rewards, "beta": beta})
    shape = tuple(plain.arrays["log_probs"].shape)
    require_tokens("log_probs", shape)
    require_shapes(plain, {"ref_log_probs": (shape,), "rewards": (shape[:1],)})
    plain.shape("log_probs")  # which the mask must fit
    with plain.quiet():
        penalties = kl_estimate(
            plain.arrays["log_probs"], plain.constant(plain.arrays["ref_log_probs"]),
            estimator=name, where=where,
        )  # fmt: skip
        penalties = penalty(plain.constant(plain.arrays["beta"]), penalties)
        costs = penalties - plain.constant(_final(plain))
        if form == "token_rewards":
            return plain.like_the_library(plain.constant(0 - costs))
        costs = plain.raw.sum(costs, axis=-1)
        if form == "sequence_rewards":
            return plain.like_the_library(plain.constant(0 - costs))
        return _loss(costs, plain, name, denominator)


def _loss(costs: Any, plain: Plain, estimator: EstimatorName, denominator: Any) -> Any:
    """The mean of sequences' costs, with its derivative by their scores."""
    raw, policy = plain.raw, plain.arrays["log_probs"]
    moving = plain.constant(costs) * raw.sum(plain.kept(policy), axis=-1)
    if estimator != "k1":  # whose own gradient has the mean 0
        moving = moving + costs
    carried = elementwise(CARRIED, {"value": plain.constant(costs), "carrier": moving})
    selected = raw.any(raw.astype(plain.counted(policy.shape), raw.bool), axis=-1)
    return masked_mean(carried, selected, denominator=denominator)


def _final(plain: Plain) -> Any:
    """Each sequence's reward at its last selected token, and 0 at the others."""
    raw, policy = plain.raw, plain.arrays["log_probs"]
    size = policy.shape[-1]
    if size == 0:
        return plain.full(0.0, policy)
    order = raw.arange(1, size + 1, dtype=plain.dtype, **plain.place)
    order = plain.kept(raw.broadcast_to(order, policy.shape))
    last = (order == raw.max(order, axis=-1, keepdims=True)) & (order > 0)
    rewards = raw.expand_dims(plain.arrays["rewards"], axis=-1)
    return raw.where(last, rewards, plain.full(0.0, policy))
