"""What verl documents of its losses, written down in torch.

The names of the estimators, the coefficient's default, the averages and the two clips are those
of https://verl.readthedocs.io/en/latest/algo/ppo.html and of algo/grpo.html there. What is
restricted, and to where, is said in volcengine/verl#2928 (k3), #1779 and #6538 (the policy's
ratio); what a ``+`` after a name means, in #2953 and #6058.
"""

from . import surrogate
from .surrogate import per_token


def k1(logp, logp_ref):
    return logp - logp_ref


def absolute(logp, logp_ref):
    return (logp - logp_ref).abs()


def k2(logp, logp_ref):
    return (logp - logp_ref).square() / 2


def k3(logp, logp_ref):
    """ "low_var_kl": of log-ratios restricted to [-20, 20], and restricted to [-10, 10]."""
    gap = (logp_ref - logp).clamp(-20, 20)
    return (gap.exp() - gap - 1).clamp(-10, 10)


def k3_plus(logp, logp_ref):
    """The value of k3 with the gradient of k2."""
    slope = k2(logp, logp_ref)
    return slope - slope.detach() + k3(logp, logp_ref).detach()


def clipped(log_ratio, advantages, low=0.2, high=0.2, dual=3.0):
    return surrogate.clipped(log_ratio.clamp(-20, 20), advantages, low, high, dual)


def aggregated(losses, mask, mode):
    """Of numpy's arrays, too."""
    sums, counts = (losses * mask).sum(-1), mask.sum(-1)
    if mode == "token-mean":
        return sums.sum() / counts.sum()
    if mode == "seq-mean-token-sum-norm":
        return sums.sum() / losses.shape[-1]
    if mode == "seq-mean-token-mean":
        sums = sums / (counts + 1e-8)
    return sums[counts > 0].sum() / (counts > 0).sum()


def policy_loss(
    logp,
    logp_old,
    logp_ref,
    advantages,
    mask,
    *,
    mode="token-mean",
    clip=(0.2, 0.2),
    dual_clip=3.0,
    beta=0.001,
    estimator=k3,
):
    """The surrogate's average and ``beta`` times the estimator's."""
    losses = clipped(logp - logp_old, per_token(advantages, logp), *clip, dual_clip)
    penalty = aggregated(estimator(logp, logp_ref), mask, mode)
    return aggregated(losses, mask, mode) + beta * penalty
