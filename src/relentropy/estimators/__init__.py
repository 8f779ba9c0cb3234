"""Relative entropy from samples: log-probabilities of tokens, estimates and their errors."""

from .errors import Interval, confidence_interval, effective_sample_size, standard_error
from .rows import PartialKL, partial_kl, rao_blackwell_kl
from .running import RunningEstimate
from .samples import kl_estimate
from .tokens import token_log_probs

__all__ = [
    "Interval",
    "PartialKL",
    "RunningEstimate",
    "confidence_interval",
    "effective_sample_size",
    "kl_estimate",
    "partial_kl",
    "rao_blackwell_kl",
    "standard_error",
    "token_log_probs",
]
