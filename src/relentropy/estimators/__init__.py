"""Relative entropy from samples: log-probabilities of tokens, estimates and their errors."""

from .rows import PartialKL, partial_kl, rao_blackwell_kl
from .samples import kl_estimate
from .tokens import token_log_probs

__all__ = [
    "PartialKL",
    "kl_estimate",
    "partial_kl",
    "rao_blackwell_kl",
    "token_log_probs",
]
