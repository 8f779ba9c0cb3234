"""What checkers know of results. Read by `test_checkers`, never run."""

from typing import Any, assert_type

import numpy as np
import torch
from numpy.typing import NDArray

import relentropy
from relentropy import estimators, families, heads, objectives, special


def of_torch(t: torch.Tensor, weight: torch.nn.Parameter, flag: bool) -> None:
    assert_type(relentropy.kl_divergence(t, t), torch.Tensor)
    assert_type(relentropy.kl_divergence(p=t, q=t, axis=(0, 1), base=2), torch.Tensor)
    assert_type(relentropy.kl_divergence(t, [0.5, 0.5]), torch.Tensor)
    assert_type(relentropy.entropy(weight), torch.Tensor)
    assert_type(relentropy.f_divergence(t, t, "reverse-kl"), torch.Tensor)
    assert_type(relentropy.mutual_information(t), torch.Tensor)
    assert_type(relentropy.chernoff_information(t, t).exponent, torch.Tensor)
    assert_type(relentropy.streaming.KLState().update(t, t), relentropy.streaming.KLState)
    assert_type(special.xlogy(t, 2.0), torch.Tensor)
    assert_type(special.logsumexp(t, return_sign=True), tuple[torch.Tensor, torch.Tensor])
    assert_type(families.kl_normal(t, t), torch.Tensor)
    assert_type(heads.linear_kl_divergence(t, weight, t, weight), torch.Tensor)
    assert_type(estimators.kl_estimate(t, t, estimator="k3+"), torch.Tensor)
    assert_type(estimators.partial_kl(t, t).kl, torch.Tensor)
    assert_type(estimators.token_log_probs(t, t), torch.Tensor)
    pair = estimators.token_log_probs(t, t, return_entropy=True)
    assert_type(pair, tuple[torch.Tensor, torch.Tensor])
    either = estimators.token_log_probs(t, t, return_entropy=flag)
    assert_type(either, torch.Tensor | tuple[torch.Tensor, torch.Tensor])
    pair = heads.linear_token_log_probs(t, weight, t, return_entropy=True)
    assert_type(pair, tuple[torch.Tensor, torch.Tensor])
    assert_type(objectives.grpo_loss(t, None, t).loss, torch.Tensor)
    assert_type(objectives.distillation_loss(t, t), torch.Tensor)
    assert_type(objectives.aggregate(t), torch.Tensor)
    assert_type(objectives.aggregate(t, return_parts=True).total, torch.Tensor)


def of_numpy(
    array: NDArray[Any],
    short: NDArray[np.float32],
    table: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
    assert_type(relentropy.kl_divergence(array, array), NDArray[Any])
    assert_type(relentropy.kl_divergence(table, table), NDArray[Any])
    assert_type(relentropy.kl_divergence(table, short), NDArray[Any])
    assert_type(relentropy.cross_entropy(array, [0.5, 0.5]), NDArray[Any])
    assert_type(objectives.masked_mean(short), NDArray[Any])


def of_lists_and_numbers() -> None:
    assert_type(relentropy.kl_divergence([1, 2], [2, 1]), np.float64 | NDArray[Any])
    assert_type(relentropy.entropy(((0.5, 0.5),)), np.float64 | NDArray[Any])
    assert_type(special.xlogy(1.0, 2), np.float64 | NDArray[Any])
    float(relentropy.kl_divergence([1, 2], [2, 1]))
