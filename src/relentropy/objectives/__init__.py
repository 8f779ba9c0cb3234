"""Losses and rewards that keep a policy close to another one."""

from .advantages import group_advantages
from .aggregation import Parts, aggregate, masked_mean
from .controllers import AdaptiveKLController, FixedKLController
from .distillation import distillation_loss
from .policy import PolicyLoss, grpo_loss
from .rewards import rlhf_objective

__all__ = [
    "AdaptiveKLController",
    "FixedKLController",
    "Parts",
    "PolicyLoss",
    "aggregate",
    "distillation_loss",
    "group_advantages",
    "grpo_loss",
    "masked_mean",
    "rlhf_objective",
]
