"""What OpenRLHF documents of its losses, written down in torch.

Options and defaults are those of https://openrlhf.readthedocs.io/en/latest/rl.html and of the
paper, arXiv:2405.11143. That log-probabilities are widened to float32, and every estimate is
restricted to [-10, 10] in the end, is said in OpenRLHF/OpenRLHF#1160; what that does to
gradients, and the bound before the exponential that came of it, in #1335.
"""

from .surrogate import clipped, per_token


def k1(logp, logp_ref):
    return (logp.float() - logp_ref.float()).clamp(-10, 10)


def k2(logp, logp_ref):
    return ((logp.float() - logp_ref.float()).square() / 2).clamp(-10, 10)


def k3_unbounded(logp, logp_ref):
    """As until #1335."""
    gap = logp_ref.float() - logp.float()
    return (gap.exp() - 1 - gap).clamp(-10, 10)


def k3(logp, logp_ref):
    """The bound lies where the estimate is restricted, so that no value depends on it."""
    gap = (logp_ref.float() - logp.float()).clamp(max=20)
    return (gap.exp() - 1 - gap).clamp(-10, 10)


def policy_loss(
    logp,
    logp_old,
    logp_ref,
    advantages,
    mask,
    *,
    per_sequence=False,
    clip=(0.2, 0.2),
    dual_clip=None,
    beta=0.01,
    estimator=k3,
):
    """The surrogate's mean and ``beta`` times the estimator's.

    Means are over the tokens of a micro-batch, or with ``per_sequence`` over those of an answer
    and then over answers.
    """
    losses = clipped(logp - logp_old, per_token(advantages, logp), *clip, dual_clip)
    penalty = _mean(estimator(logp, logp_ref), mask, per_sequence)
    return _mean(losses, mask, per_sequence) + beta * penalty


def _mean(losses, mask, per_sequence):
    if per_sequence:
        return ((losses * mask).sum(-1) / mask.sum(-1)).mean()
    return (losses * mask).sum() / mask.sum()
