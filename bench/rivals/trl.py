"""What TRL documents of its losses, written down in torch.

The estimator, the clipped loss and its averages are the formulas of
https://huggingface.co/docs/trl/main/en/grpo_trainer. The divergence is that of
https://huggingface.co/docs/trl/main/en/gkd_trainer, made precise in its threads:
huggingface/trl#2202 (the mixture is one of probabilities), #3043 and #6780 (which of the two
the weight is of, and what stands at its ends), #4105 (what "batchmean" divides by).
"""

import math

from .surrogate import clipped, per_token


def k3(logp, logp_ref):
    gap = logp_ref - logp
    return gap.exp() - gap - 1


def aggregated(losses, mask, loss_type, *, max_length=None):
    """Of numpy's arrays, too."""
    total = (losses * mask).sum()
    if loss_type == "grpo":
        return ((losses * mask).sum(-1) / mask.sum(-1).clip(1)).mean()
    if loss_type == "bnpo":
        return total / mask.sum().clip(1)
    assert loss_type == "dr_grpo"
    return total / (len(losses) * (max_length or losses.shape[-1]))


def grpo_loss(
    logp,
    logp_old,
    logp_ref,
    advantages,
    mask,
    *,
    loss_type="grpo",
    clip=(0.2, 0.2),
    beta=0.04,
    max_length=None,
):
    """The surrogate and ``beta`` times k3, averaged as ``loss_type`` says."""
    losses = clipped(logp - logp_old, per_token(advantages, logp), *clip)
    if beta:
        losses = losses + beta * k3(logp, logp_ref)
    return aggregated(losses, mask, loss_type, max_length=max_length)


def generalized_js(p_logits, q_logits, beta=0.5):
    """GKD's divergence of each row, of a teacher p and a student q.

    ``beta*KL(p‖m) + (1-beta)*KL(q‖m)`` with ``m = beta*p + (1-beta)*q``; KL(p‖q) at a ``beta``
    of 0, and KL(q‖p) at 1.
    """
    log_p, log_q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    if beta == 0:
        return _kl(log_p, log_q).sum(-1)
    if beta == 1:
        return _kl(log_q, log_p).sum(-1)
    middle = (log_p + math.log(beta)).logaddexp(log_q + math.log1p(-beta))
    return (beta * _kl(log_p, middle) + (1 - beta) * _kl(log_q, middle)).sum(-1)


def gkd_loss(p_logits, q_logits, mask, *, beta=0.5, by_entries=False):
    """The mean of the rows selected; ``by_entries`` as before #4105, by rows times entries."""
    total = generalized_js(p_logits, q_logits, beta)[mask].sum()
    return total / (mask.sum() * (p_logits.shape[-1] if by_entries else 1))


def _kl(log_p, log_q):
    from torch.nn import functional

    return functional.kl_div(log_q, log_p, reduction="none", log_target=True)
