"""KL from logits on a CUDA device, forward and backward: ``python -m bench gpu``, in minutes.

Needs torch for CUDA and Triton; CuPy and Liger-Kernel are timed where they are installed. Times
are medians between events after warm-up, contenders interleaved. What has to be moved is two
words a pair of logits forward, and three more for the student's gradient; the share of the
bandwidth is that, over the time, over what a copy on the same device reaches.
"""

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import rivals
from .timing import clock, interleaved

SHAPES = ((4096, 32768), (1024, 131072), (16, 131072), (8192, 1000))
DTYPES = ("bfloat16", "float32")
SECONDS = 270
CHECKED = 4  # rows whose value is compared with float64's

NOTE = """\
On {device}, copying at {bandwidth:.0f} GB/s; torch {torch}. Medians of {rounds} interleaved
rounds. `share` is the least that has to be moved (2 words a pair forward, 3 backward) over the
time, over the bandwidth of a copy; the ratios are other contenders' times over ours; `ulp` is
the worst error of {checked} rows against float64."""


@dataclass(frozen=True)
class Line:
    """One workload of the table."""

    name: str
    seconds: float
    share: float
    ratios: dict[str, float]
    ulp: float


def report(rounds: int = 5) -> str:
    """The table in Markdown, or the reason why there is none."""
    reason = _missing()
    if reason:
        return f"## Speed on a GPU\n\nNot measured: {reason}."
    import torch

    bandwidth = copied(torch.device("cuda"), 1 << 30)
    lines = list(measured("cuda", SHAPES, DTYPES, bandwidth, rounds=rounds))
    note = NOTE.format(
        device=torch.cuda.get_device_name(), bandwidth=bandwidth / 1e9, rounds=rounds,
        torch=torch.__version__, checked=CHECKED,
    )  # fmt: skip
    return f"## Speed on a GPU\n\n{note}\n\n{table(lines)}"


def _missing() -> str:
    for name in ("torch", "triton"):
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed"
    import torch

    return "" if torch.cuda.is_available() else "torch sees no CUDA device"


def table(lines: list[Line]) -> str:
    """Lines as Markdown."""
    others = list(dict.fromkeys(name for line in lines for name in line.ratios))
    head = ["workload", "ms", "share", *others, "ulp"]
    rows = [head, ["---"] * len(head)]
    for line in lines:
        ratios = (f"{line.ratios[name]:.2f}" if name in line.ratios else "–" for name in others)
        first = (line.name, f"{1e3 * line.seconds:.3f}", f"{line.share:.0%}")
        rows.append([*first, *ratios, f"{line.ulp:.2f}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def copied(device: Any, size: int, loops: int = 5) -> float:
    """Bytes that a copy reads and writes in a second."""
    import torch

    source = torch.empty(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * size / _timer(device.type)(lambda: target.copy_(source), loops)


def measured(
    device: str,
    shapes: Any,
    dtypes: Any,
    bandwidth: float,
    *,
    rounds: int,
    compiled: bool = True,
) -> Iterator[Line]:
    """Every workload, as long as there is time."""
    import torch

    torch.manual_seed(1)
    end = time.monotonic() + SECONDS
    for shape in shapes:
        teacher = 4 * torch.randn(shape, device=device)
        student = teacher + 0.1 * torch.randn(shape, device=device)
        for dtype in dtypes:
            kind = getattr(torch, dtype)
            given = teacher.to(kind), student.to(kind)
            for backward in (False, True):
                if time.monotonic() > end:
                    return
                name = f"{shape[0]}×{shape[1]}, {dtype}, {'both' if backward else 'forward'}"
                print(f"gpu: {name}", flush=True)
                calls = _calls(*given, backward=backward, compiled=compiled)
                timer = _timer(device)
                found = interleaved(
                    name, teacher.numel(), calls, rounds=rounds, loops=3, timer=timer
                )
                ours = found.times["relentropy"]
                words = (5 if backward else 2) * teacher.numel()
                ratios = {k: t / ours for k, t in found.times.items() if k != "relentropy"}
                moved = words * given[0].element_size()
                yield Line(name, ours, moved / ours / bandwidth, ratios, _ulp(*given))


def _timer(device: str) -> Callable[[Callable[[], object], int], float]:
    return _events if device == "cuda" else clock


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


def _ours(teacher: Any, student: Any) -> Any:
    import relentropy

    return relentropy.kl_divergence(teacher, student, from_logits=True)


def _calls(
    teacher: Any, student: Any, *, backward: bool, compiled: bool
) -> dict[str, Callable[[], object]]:
    import torch

    functions = {"torch": rivals.torch_kl_logits, "relentropy": _ours}
    if compiled:
        torch._dynamo.reset()
        functions["torch.compile"] = torch.compile(rivals.torch_kl_logits, dynamic=False)
    if importlib.util.find_spec("liger_kernel") is not None:
        functions["Liger-Kernel"] = _liger
    made = {
        name: _with_gradient(fn, teacher, student) if backward else _alone(fn, teacher, student)
        for name, fn in functions.items()
    }
    if not backward and teacher.is_cuda and teacher.dtype != torch.bfloat16:
        made |= _cupy(teacher, student)
    return made


def _alone(fn: Callable[..., Any], teacher: Any, student: Any) -> Callable[[], object]:
    return lambda: fn(teacher, student)


def _with_gradient(fn: Callable[..., Any], teacher: Any, student: Any) -> Callable[[], object]:
    import torch

    student = student.clone().requires_grad_()
    return lambda: torch.autograd.grad(fn(teacher, student).sum(), student)


def _liger(teacher: Any, student: Any) -> Any:
    import torch
    from liger_kernel.transformers.functional import liger_kl_div

    student = torch.log_softmax(student, -1)
    return liger_kl_div(student, torch.log_softmax(teacher, -1), "none", True).sum(-1)


def _cupy(teacher: Any, student: Any) -> dict[str, Callable[[], object]]:
    if importlib.util.find_spec("cupy") is None:
        return {}
    import cupy
    import torch

    arrays = tuple(cupy.from_dlpack(one) for one in (teacher, student))

    def call() -> object:
        # The events are recorded there, and see nothing of another stream.
        with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            return _ours(*arrays)

    return {"relentropy, cupy": call}


def _ulp(teacher: Any, student: Any) -> float:
    """The worst error of a few rows, which float64 is the truth for."""
    import torch

    few = teacher[:CHECKED], student[:CHECKED]
    found, truth = _ours(*few).double(), _ours(*(one.double() for one in few))
    unit = torch.finfo(teacher.dtype).eps * torch.exp2(torch.floor(torch.log2(truth)))
    return float(((found - truth).abs() / unit).max())
