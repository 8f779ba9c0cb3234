"""The library's own functions, as the audit calls them."""

from functools import partial

import relentropy
from relentropy import estimators, families, objectives, special
from relentropy.testing._kinds import FAMILIES, KINDS

WITH_TRUTHS = [kind for kind in KINDS.values() if kind.form not in {"sample", "loss"}]


def own(kind, inputs):
    """The function of a kind for operands of one form."""
    if kind.name in {"k1", "k2", "k3", "abs"}:
        return partial(estimators.kl_estimate, estimator=kind.name)
    if kind.name in FAMILIES:
        return getattr(families, kind.name)
    if kind.form == "map" or kind.name == "logsumexp":
        return partial(getattr(special, kind.name), axis=-1)
    if kind.form == "row" or kind.name.startswith("binary"):
        of_logs = inputs in {"logits", "log_probs"}
        return partial(getattr(relentropy, kind.name), from_logits=of_logs)
    return getattr(special, kind.name)


def grpo(log_probs, old, ref, advantages, mask):
    return objectives.grpo_loss(log_probs, old, advantages, ref, where=mask).loss


def penalty(log_probs, ref, mask):
    """k3 and the gradient that is unbiased, averaged as GRPO does."""
    estimates = estimators.kl_estimate(log_probs, ref, gradient="straight_through", where=mask)
    return objectives.aggregate(estimates, mask, mode="seq-mean-token-mean")
