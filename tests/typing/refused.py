"""Mistakes, each marked with the word that follows. Read by `test_checkers`, never run."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import relentropy
from relentropy import estimators, families, objectives


def mistakes(t: torch.Tensor, array: NDArray[Any], short: NDArray[np.float32]) -> None:
    relentropy.kl_divergence(t, array)  # error
    relentropy.kl_divergence(short, t)  # error
    families.kl_normal(t, t, array, t)  # error
    objectives.distillation_loss(array, t)  # error
    relentropy.kl_divergence("abc", t)  # error
    relentropy.kl_divergence(t, None)  # error
    relentropy.kl_divergance(t, t)  # error
    relentropy.objectives.grpo_los(t, t, t)  # error
    relentropy.chi2_divergence(t, t, kind="person")  # error
    relentropy.f_divergence(t, t, "pearsen")  # error
    estimators.kl_estimate(t, t, estimator="k4")  # error
    estimators.partial_kl(t, t, rest="bukcet")  # error
    objectives.aggregate(t, mode="token_mean")  # error
