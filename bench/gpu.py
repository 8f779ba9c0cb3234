"""Time on a CUDA device, as ratios to eager torch there: events after warm-up."""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

from . import rivals
from .speed import speed_table
from .timing import interleaved

ROWS = 1024
WEIGHTS = 131072
LOGITS = 128256
ELEMENTS = 100_000_000
CONTENDERS = ("relentropy, torch", "relentropy, cupy")

NOTE = """\
On {device}: time relative to eager torch, medians of {rounds} interleaved rounds between CUDA
events after warm-up, the quartiles in brackets. The first column is torch's own time for one
element of one operand."""


def report(rounds: int = 5) -> str:
    """The table in Markdown, or the reason why there is none."""
    reason = _missing()
    if reason:
        return f"## Speed on a GPU\n\nNot measured: {reason}."
    import torch

    results = []
    for name, count, calls in _workloads():
        print(f"gpu: {name}", flush=True)
        results.append(interleaved(name, count, calls, rounds=rounds, loops=3, timer=_events))
    note = NOTE.format(device=torch.cuda.get_device_name(), rounds=rounds)
    return f"## Speed on a GPU\n\n{note}\n\n{speed_table(results, CONTENDERS)}"


def _missing() -> str:
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed"
    import torch

    return "" if torch.cuda.is_available() else "torch sees no CUDA device"


def _events(call: Callable[[], object], loops: int) -> float:
    """Seconds for one call, on the device's own clock."""
    import torch

    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    for _ in range(loops):
        call()
    stop.record()
    torch.cuda.synchronize()
    return start.elapsed_time(stop) / 1000 / loops


def _workloads() -> Iterator[tuple[str, int, dict[str, Callable[[], object]]]]:
    import torch

    import relentropy
    from relentropy import special

    torch.manual_seed(1)
    cuda = {"device": "cuda"}
    for dtype in (torch.float64, torch.float32):
        x, y = (torch.empty(ELEMENTS, dtype=dtype, **cuda).exponential_() for _ in range(2))
        yield _with_cupy(
            f"kl_div, 1e8, {_name(dtype)}", rivals.torch_kl_div, special.kl_div, (x, y), {}
        )
    del x, y
    p, q = (torch.empty(ROWS, WEIGHTS, **cuda).exponential_() for _ in range(2))
    for axis in (-1, 0):
        yield _with_cupy(
            f"KL of weights, {ROWS}×{WEIGHTS}, float32, axis {axis}",
            rivals.torch_kl_weights, relentropy.kl_divergence, (p, q), {"axis": axis},
        )  # fmt: skip
    del p, q
    teacher = 4 * torch.randn(ROWS, LOGITS, **cuda)
    student = teacher + 0.1 * torch.randn(ROWS, LOGITS, **cuda)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        yield _with_cupy(
            f"KL from logits, {ROWS}×{LOGITS}, {_name(dtype)}",
            lambda a, b, **_: rivals.torch_kl_logits(a, b), relentropy.kl_divergence,
            (teacher.to(dtype), student.to(dtype)), {"from_logits": True},
        )  # fmt: skip
    yield _with_cupy(
        f"logsumexp, {ROWS}×{LOGITS}, float32",
        torch.logsumexp, special.logsumexp, (teacher,), {"axis": -1},
    )  # fmt: skip


def _with_cupy(
    name: str,
    rival: Callable[..., Any],
    ours: Callable[..., Any],
    tensors: tuple[Any, ...],
    keywords: dict[str, Any],
) -> tuple[str, int, dict[str, Callable[[], object]]]:
    calls = {
        "torch": lambda: rival(*tensors, **keywords),
        "relentropy, torch": lambda: ours(*tensors, **keywords),
    }
    arrays = _as_cupy(tensors)
    if arrays:
        calls["relentropy, cupy"] = lambda: _on_torchs_stream(ours, arrays, keywords)
    return name, tensors[0].numel(), calls


def _as_cupy(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same memory as cupy arrays; nothing where cupy, or its dtype, is missing."""
    if importlib.util.find_spec("cupy") is None or _name(tensors[0].dtype) == "bfloat16":
        return ()
    import cupy

    return tuple(cupy.from_dlpack(tensor) for tensor in tensors)


def _on_torchs_stream(ours: Callable[..., Any], arrays: Any, keywords: Any) -> object:
    """The events are recorded there, and see nothing of another stream."""
    import cupy
    import torch

    with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
        return ours(*arrays, **keywords)


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")
