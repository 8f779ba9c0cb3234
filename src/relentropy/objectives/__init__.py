"""Losses and rewards that keep a policy close to another one."""

from .advantages import group_advantages
from .aggregation import Parts, aggregate, masked_mean
from .controllers import AdaptiveKLController, FixedKLController
from .policy import PolicyLoss, grpo_loss

__all__ = [
    "AdaptiveKLController",
    "FixedKLController",
    "Parts",
    "PolicyLoss",
    "aggregate",
    "group_advantages",
    "grpo_loss",
    "masked_mean",
]
