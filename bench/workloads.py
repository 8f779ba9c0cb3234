"""What is timed: the workloads, each with its contenders, on a CPU."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy import special as scipy_special

import relentropy
from relentropy import special

from . import rivals

ELEMENTS = 10_000_000
ROWS = 64
WEIGHTS = 131072
LOGITS = 128256  # the vocabulary of a current language model

Calls = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Workload:
    """Calls that compute the same thing."""

    name: str
    count: int
    calls: Calls
    loops: int = 1


def workloads() -> Iterator[Workload]:
    """All of them, one at a time in memory."""
    for dtype in ("float64", "float32"):
        yield _elementwise(dtype)
    for axis in (-1, 0):
        yield _weights(axis)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        yield _logits(dtype)
    yield _logsumexp()
    yield _one_call()


def _elementwise(dtype: str) -> Workload:
    rng = np.random.default_rng(1)
    x, y = (rng.exponential(size=ELEMENTS).astype(dtype) for _ in range(2))
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    return Workload(
        f"kl_div, 1e7, {dtype}",
        ELEMENTS,
        {
            "torch": lambda: rivals.torch_kl_div(tx, ty),
            "scipy": lambda: scipy_special.kl_div(x, y),
            "naive numpy": lambda: rivals.numpy_kl_div(x, y),
            "relentropy, numpy": lambda: special.kl_div(x, y),
            "relentropy, torch": lambda: special.kl_div(tx, ty),
        },
    )


def _weights(axis: int) -> Workload:
    rng = np.random.default_rng(2)
    p, q = (rng.exponential(size=(ROWS, WEIGHTS)).astype(np.float32) for _ in range(2))
    tp, tq = torch.from_numpy(p), torch.from_numpy(q)
    return Workload(
        f"KL of weights, {ROWS}×{WEIGHTS}, float32, axis {axis}",
        p.size,
        {
            "torch": lambda: rivals.torch_kl_weights(tp, tq, axis),
            "scipy": lambda: rivals.scipy_kl_weights(p, q, axis),
            "naive numpy": lambda: rivals.numpy_kl_weights(p, q, axis),
            "relentropy, numpy": lambda: relentropy.kl_divergence(p, q, axis=axis),
            "relentropy, torch": lambda: relentropy.kl_divergence(tp, tq, axis=axis),
        },
    )


def _drawn_logits() -> torch.Tensor:
    rng = np.random.default_rng(3)
    return torch.from_numpy(4 * rng.standard_normal((ROWS, LOGITS), dtype=np.float32))


def _logits(dtype: torch.dtype) -> Workload:
    teacher = _drawn_logits()
    student = teacher + 0.1 * torch.from_numpy(
        np.random.default_rng(4).standard_normal(teacher.shape, dtype=np.float32)
    )
    p, q = teacher.to(dtype), student.to(dtype)
    calls: Calls = {
        "torch": lambda: rivals.torch_kl_logits(p, q),
        "relentropy, torch": lambda: relentropy.kl_divergence(p, q, from_logits=True),
    }
    if dtype == torch.float32:
        a, b = p.numpy(), q.numpy()
        calls["relentropy, numpy"] = lambda: relentropy.kl_divergence(a, b, from_logits=True)
    name = str(dtype).removeprefix("torch.")
    return Workload(f"KL from logits, {ROWS}×{LOGITS}, {name}", p.numel(), calls)


def _logsumexp() -> Workload:
    tensor = _drawn_logits()
    array = tensor.numpy()
    return Workload(
        f"logsumexp, {ROWS}×{LOGITS}, float32",
        array.size,
        {
            "torch": lambda: torch.logsumexp(tensor, -1),
            "scipy": lambda: scipy_special.logsumexp(array, axis=-1),
            "relentropy, numpy": lambda: special.logsumexp(array, axis=-1),
            "relentropy, torch": lambda: special.logsumexp(tensor, axis=-1),
        },
    )


def _one_call() -> Workload:
    rng = np.random.default_rng(5)
    p, q = rng.exponential(size=10), rng.exponential(size=10)
    tp, tq = torch.from_numpy(p), torch.from_numpy(q)
    return Workload(
        "one call of KL of weights, n = 10, float64",
        10,
        {
            "torch": lambda: rivals.torch_kl_weights(tp, tq),
            "scipy": lambda: rivals.scipy_kl_weights(p, q),
            "naive numpy": lambda: rivals.numpy_kl_weights(p, q),
            "relentropy, numpy": lambda: relentropy.kl_divergence(p, q),
            "relentropy, torch": lambda: relentropy.kl_divergence(tp, tq),
        },
        loops=100,
    )
