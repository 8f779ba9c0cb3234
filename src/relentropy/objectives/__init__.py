"""Losses and rewards that keep a policy close to another one."""

from .advantages import group_advantages
from .aggregation import Parts, aggregate, masked_mean
from .controllers import AdaptiveKLController, FixedKLController

__all__ = [
    "AdaptiveKLController",
    "FixedKLController",
    "Parts",
    "aggregate",
    "group_advantages",
    "masked_mean",
]
