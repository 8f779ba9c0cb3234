"""What is timed: the workloads, each with its contenders, on a CPU."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy import special as scipy_special

import relentropy
from relentropy import special

from . import rivals

ELEMENTS = 10_000_000
WEIGHTS = (1024, 131072)
LOGITS = (256, 128256)  # the vocabulary of a current language model
SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
SHORT = 10
"""A workload of no more entries is a call's own cost."""

Calls = dict[str, Callable[[], object]]
_Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
_LOSS = torch.nn.functional


@dataclass(frozen=True)
class Workload:
    """Calls that compute the same thing."""

    name: str
    count: int
    """Elements of one operand."""
    calls: Calls
    loops: int = 1


def workloads() -> Iterator[Workload]:
    """All of them, one at a time in memory."""
    for dtype in (np.float64, np.float32):
        yield one_row(ELEMENTS, dtype)
        yield _elementwise(dtype)
    for axis in (-1, 0):
        yield _rows(axis)
    teacher, student = drawn_logits(*LOGITS)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        p, q = teacher.to(dtype), student.to(dtype)
        yield _logits(p, q)
        yield _training(p, q, "KL", rivals.torch_kl_logits, relentropy.kl_divergence)
    yield _js(teacher, student)
    yield _training(teacher, student, "JS", rivals.torch_js_logits, relentropy.js_divergence)
    yield from _of_logits(teacher, student)
    yield from _calls()


def one_row(n: int, dtype: type) -> Workload:
    """KL of n weights."""
    rng = np.random.default_rng(1)
    p, q = (rng.exponential(size=n).astype(dtype) for _ in range(2))
    tp, tq = torch.from_numpy(p), torch.from_numpy(q)
    compiled = torch.compile(rivals.torch_kl_weights, dynamic=False)
    calls: Calls = {
        "torch": lambda: rivals.torch_kl_weights(tp, tq),
        "torch.compile": lambda: compiled(tp, tq),
        "jax.jit": _by_jax(rivals.jax_kl_weights, p, q),
        "scipy": lambda: rivals.scipy_kl_weights(p, q),
        "numpy": lambda: rivals.numpy_kl_weights(p, q),
        "relentropy, numpy": lambda: relentropy.kl_divergence(p, q),
        "relentropy, torch": lambda: relentropy.kl_divergence(tp, tq),
        "floor": lambda: (tp.sum(), tq.sum()),
    }
    name = f"KL of weights, {n:.0e}".replace("e+0", "e")
    loops = max(1, min(1000, 300_000 // n))  # calls alone would find cold caches
    return Workload(f"{name}, {np.dtype(dtype)}", n, calls, loops)


def _elementwise(dtype: type) -> Workload:
    rng = np.random.default_rng(1)
    x, y = (rng.exponential(size=ELEMENTS).astype(dtype) for _ in range(2))
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    return Workload(
        f"kl_div, 1e7, {np.dtype(dtype)}",
        ELEMENTS,
        {
            "torch": lambda: rivals.torch_kl_div(tx, ty),
            "scipy": lambda: scipy_special.kl_div(x, y),
            "numpy": lambda: rivals.numpy_kl_div(x, y),
            "relentropy, numpy": lambda: special.kl_div(x, y),
            "relentropy, torch": lambda: special.kl_div(tx, ty),
            "floor": lambda: torch.add(tx, ty),
        },
    )


def _rows(axis: int) -> Workload:
    rng = np.random.default_rng(2)
    p, q = (rng.standard_exponential(WEIGHTS, dtype=np.float32) for _ in range(2))
    tp, tq = torch.from_numpy(p), torch.from_numpy(q)
    return Workload(
        f"KL of weights, {WEIGHTS[0]}×{WEIGHTS[1]}, float32, axis {axis}",
        p.size,
        {
            "torch": lambda: rivals.torch_kl_weights(tp, tq, axis),
            "scipy": lambda: rivals.scipy_kl_weights(p, q, axis),
            "numpy": lambda: rivals.numpy_kl_weights(p, q, axis),
            "relentropy, numpy": lambda: relentropy.kl_divergence(p, q, axis=axis),
            "relentropy, torch": lambda: relentropy.kl_divergence(tp, tq, axis=axis),
            "floor": lambda: (tp.sum(axis), tq.sum(axis)),
        },
    )


def drawn_logits(rows: int, vocabulary: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A teacher's and a student's, a tenth apart."""
    rng = np.random.default_rng(3)
    teacher = 4 * rng.standard_normal((rows, vocabulary), dtype=np.float32)
    student = teacher + np.float32(0.1) * rng.standard_normal(teacher.shape, dtype=np.float32)
    return torch.from_numpy(teacher), torch.from_numpy(student)


def _by_jax(function: Callable[..., object], *arrays: np.ndarray) -> Callable[[], object]:
    import jax

    with jax.enable_x64(True):
        own = [jax.numpy.asarray(one) for one in arrays]
    compiled = jax.jit(function)

    def call() -> object:
        with jax.enable_x64(True):
            return compiled(*own).block_until_ready()

    return call


def _named(what: str, p: torch.Tensor) -> str:
    return f"{what}, {p.shape[0]}×{p.shape[1]}, {str(p.dtype).removeprefix('torch.')}"


def _logits(p: torch.Tensor, q: torch.Tensor) -> Workload:
    compiled = torch.compile(rivals.torch_kl_logits, dynamic=False)
    calls: Calls = {
        "torch": lambda: rivals.torch_kl_logits(p, q),
        "torch.compile": lambda: compiled(p, q),
        "relentropy, torch": lambda: relentropy.kl_divergence(p, q, from_logits=True),
        "floor": lambda: (p.sum(-1), q.sum(-1)),
    }
    if p.dtype != torch.bfloat16:
        a, b = p.numpy(), q.numpy()
        calls["jax.jit"] = _by_jax(rivals.jax_kl_logits, a, b)
        calls["relentropy, numpy"] = lambda: relentropy.kl_divergence(a, b, from_logits=True)
    return Workload(_named("KL from logits", p), p.numel(), calls)


def _js(p: torch.Tensor, q: torch.Tensor) -> Workload:
    """One for all rows of the table of divergences, which take two passes."""
    a, b = p.numpy(), q.numpy()
    compiled = torch.compile(rivals.torch_js_logits, dynamic=False)
    calls: Calls = {
        "torch": lambda: rivals.torch_js_logits(p, q),
        "torch.compile": lambda: compiled(p, q),
        "relentropy, torch": lambda: relentropy.js_divergence(p, q, from_logits=True),
        "relentropy, numpy": lambda: relentropy.js_divergence(a, b, from_logits=True),
        "floor": lambda: (p.sum(-1), q.sum(-1)),
    }
    return Workload(_named("JS from logits", p), p.numel(), calls)


def _training(
    p: torch.Tensor,
    q: torch.Tensor,
    name: str,
    theirs: _Loss,
    ours: Callable[..., torch.Tensor],
) -> Workload:
    q = q.clone().requires_grad_()

    def step(loss: Callable[..., torch.Tensor]) -> Callable[[], object]:
        def call() -> object:
            q.grad = None
            loss(p, q).sum().backward()
            return q.grad

        return call

    calls = {
        "torch": step(theirs),
        "torch.compile": step(torch.compile(theirs, dynamic=False)),
        "relentropy, torch": step(partial(ours, from_logits=True)),
    }
    return Workload(_named(f"{name} and its gradient", p), p.numel(), calls)


def _of_logits(a: torch.Tensor, b: torch.Tensor) -> Iterator[Workload]:
    array = a.numpy()
    yield Workload(
        _named("logsumexp", a),
        a.numel(),
        {
            "torch": lambda: torch.logsumexp(a, -1),
            "scipy": lambda: scipy_special.logsumexp(array, axis=-1),
            "relentropy, numpy": lambda: special.logsumexp(array, axis=-1),
            "relentropy, torch": lambda: special.logsumexp(a, axis=-1),
            "floor": lambda: a.sum(-1),
        },
    )
    yield Workload(
        _named("entropy", a),
        a.numel(),
        {
            "torch": lambda: torch.distributions.Categorical(logits=a).entropy(),
            "relentropy, numpy": lambda: relentropy.entropy(array, from_logits=True),
            "relentropy, torch": lambda: relentropy.entropy(a, from_logits=True),
            "floor": lambda: a.sum(-1),
        },
    )
    yield Workload(
        _named("cross-entropy", a),
        a.numel(),
        {
            "torch": lambda: _LOSS.cross_entropy(b, a.softmax(-1), reduction="none"),
            "relentropy, torch": lambda: relentropy.cross_entropy(a, b, from_logits=True),
            "floor": lambda: (a.sum(-1), b.sum(-1)),
        },
    )


def _calls() -> Iterator[Workload]:
    rng = np.random.default_rng(5)
    p, q = rng.exponential(size=SHORT), rng.exponential(size=SHORT)
    tp, tq = torch.from_numpy(p), torch.from_numpy(q)
    yield Workload(
        f"one call of KL of weights, n = {SHORT}, float64",
        SHORT,
        {
            "torch": lambda: rivals.torch_kl_weights(tp, tq),
            "scipy": lambda: rivals.scipy_kl_weights(p, q),
            "numpy": lambda: rivals.numpy_kl_weights(p, q),
            "relentropy, numpy": lambda: relentropy.kl_divergence(p, q),
            "relentropy, torch": lambda: relentropy.kl_divergence(tp, tq),
        },
        loops=200,
    )
