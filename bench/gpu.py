"""Divergences on a CUDA device, forward and backward: ``python -m bench gpu``, in minutes.

Needs torch for CUDA and Triton; CuPy and Liger-Kernel are timed where they are installed. Times
are medians between events after warm-up, contenders interleaved. KL from logits is timed in all
shapes, the other kernels in one: Jensen-Shannon from logits, KL from weights, and tokens'
log-probabilities. What has to be moved is every operand forward, and backward again with the
gradient; the share of the bandwidth is that, over the time, over what a copy on the same device
reaches. Kernels that read long rows twice move more than that by their design.
"""

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from relentropy._engines.triton import Sizes

from . import rivals
from .timing import clock, interleaved

SHAPES = ((4096, 32768), (1024, 131072), (16, 131072), (8192, 1000))
DTYPES = ("bfloat16", "float32")
SECONDS = 270
CHECKED = 4  # rows whose value is compared with float64's

NOTE = """\
On {device}, copying at {bandwidth:.0f} GB/s; torch {torch}. Medians of {rounds} interleaved
rounds. `share` is the least that has to be moved (every operand forward, and once more with the
gradient backward) over the time, over the bandwidth of a copy; `moves` is what the kernels move
over that; the ratios are other contenders' times over ours; `ulp` is the worst error of
{checked} rows against float64."""


@dataclass(frozen=True)
class Work:
    """One measure, as it is called here and as people write it."""

    ours: Callable[..., Any]
    plain: Callable[..., Any]
    made: Callable[[Any, Any], tuple[Any, ...]]
    """Its operands, of which the last is differentiated, from a teacher's and a student's
    logits."""
    words: int = 2
    """How many of them have entries."""
    twice: bool = False
    """Whether rows of several tiles are read twice."""
    shapes: tuple[tuple[int, int], ...] = SHAPES[:1]

    def least(self, *, backward: bool) -> int:
        """Words for each entry that have to be moved."""
        return self.words + (self.words + 1 if backward else 0)

    def moved(self, n: int, *, backward: bool) -> float:
        """What is moved, over that."""
        again = self.words if self.twice and n > Sizes.tile // 2 else 0
        least = self.least(backward=backward)
        return (least + again) / least


def _as_they_are(teacher: Any, student: Any) -> tuple[Any, ...]:
    return teacher, student


def _weights(teacher: Any, student: Any) -> tuple[Any, ...]:
    return tuple(one.float().softmax(-1).to(one.dtype) for one in (teacher, student))


def _tokens(teacher: Any, student: Any) -> tuple[Any, ...]:
    return teacher.argmax(-1), student


def _ours(teacher: Any, student: Any) -> Any:
    import relentropy

    return relentropy.kl_divergence(teacher, student, from_logits=True)


def _our_js(teacher: Any, student: Any) -> Any:
    import relentropy

    return relentropy.js_divergence(teacher, student, from_logits=True)


def _our_kl_of_weights(p: Any, q: Any) -> Any:
    import relentropy

    return relentropy.kl_divergence(p, q)


def _our_tokens(tokens: Any, logits: Any) -> Any:
    from relentropy.estimators import token_log_probs

    return token_log_probs(logits, tokens)


def _plain_tokens(tokens: Any, logits: Any) -> Any:
    return logits.float().log_softmax(-1).gather(-1, tokens[..., None])[..., 0]


WORK = {
    "KL": Work(_ours, rivals.torch_kl_logits, _as_they_are, shapes=SHAPES),
    "JS": Work(_our_js, rivals.torch_js_logits, _as_they_are, twice=True),
    "KL of weights": Work(_our_kl_of_weights, rivals.torch_kl_weights, _weights, twice=True),
    "tokens": Work(_our_tokens, _plain_tokens, _tokens, words=1),
}


@dataclass(frozen=True)
class Line:
    """One workload of the table."""

    name: str
    seconds: float
    share: float
    moves: float
    ratios: dict[str, float]
    ulp: float


def report(rounds: int = 5) -> str:
    """The table in Markdown, or the reason why there is none."""
    reason = _missing()
    if reason:
        return f"## Speed on a GPU\n\nNot measured: {reason}."
    import torch

    bandwidth = copied(torch.device("cuda"), 1 << 30)
    lines = list(measured("cuda", DTYPES, bandwidth, rounds=rounds))
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
    head = ["workload", "ms", "share", "moves", *others, "ulp"]
    rows = [head, ["---"] * len(head)]
    for line in lines:
        ratios = (f"{line.ratios[name]:.2f}" if name in line.ratios else "–" for name in others)
        first = (line.name, f"{1e3 * line.seconds:.3f}", f"{line.share:.0%}")
        first = (*first, f"{line.moves:.2f}")
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
    dtypes: Any,
    bandwidth: float,
    *,
    rounds: int,
    loops: int = 3,
    shapes: Any = None,
    compiled: bool = True,
) -> Iterator[Line]:
    """Every workload, or all of some shapes, as long as there is time."""
    import torch

    torch.manual_seed(1)
    end = time.monotonic() + SECONDS
    for label, work in WORK.items():
        for shape in shapes or work.shapes:
            teacher = 4 * torch.randn(shape, device=device)
            student = teacher + 0.1 * torch.randn(shape, device=device)
            for dtype in dtypes:
                kind = getattr(torch, dtype)
                given = work.made(teacher.to(kind), student.to(kind))
                ulp = _ulp(work, given)
                for backward in (False, True):
                    if time.monotonic() > end:
                        return
                    what = "both" if backward else "forward"
                    name = f"{label}, {shape[0]}×{shape[1]}, {dtype}, {what}"
                    print(f"gpu: {name}", flush=True)
                    calls = _calls(work, given, backward=backward, compiled=compiled)
                    found = interleaved(
                        name, teacher.numel(), calls, rounds=rounds, loops=loops,
                        timer=_timer(device),
                    )  # fmt: skip
                    ours = found.times["relentropy"]
                    words = work.least(backward=backward) * teacher.numel()
                    ratios = {k: t / ours for k, t in found.times.items() if k != "relentropy"}
                    share = words * given[-1].element_size() / ours / bandwidth
                    moves = work.moved(shape[1], backward=backward)
                    yield Line(name, ours, share, moves, ratios, ulp)


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


def _calls(
    work: Work, given: tuple[Any, ...], *, backward: bool, compiled: bool
) -> dict[str, Callable[[], object]]:
    import torch

    functions = {"torch": work.plain, "relentropy": work.ours}
    if compiled:
        torch._dynamo.reset()
        functions["torch.compile"] = torch.compile(work.plain, dynamic=False)
    if work.ours is _ours and importlib.util.find_spec("liger_kernel") is not None:
        functions["Liger-Kernel"] = _liger
    made = {
        name: _with_gradient(fn, *given) if backward else _alone(fn, *given)
        for name, fn in functions.items()
    }
    if work.ours is _ours and not backward and given[0].is_cuda:
        made |= _cupy(*given)
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
    import torch

    if importlib.util.find_spec("cupy") is None or teacher.dtype == torch.bfloat16:
        return {}
    import cupy

    arrays = tuple(cupy.from_dlpack(one) for one in (teacher, student))

    def call() -> object:
        # The events are recorded there, and see nothing of another stream.
        with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            return _ours(*arrays)

    return {"relentropy, cupy": call}


def _ulp(work: Work, given: tuple[Any, ...]) -> float:
    """The worst error of a few rows, which float64 is the truth for."""
    import torch

    few = tuple(one[:CHECKED] for one in given)
    wide = tuple(one.double() if one.is_floating_point() else one for one in few)
    found, truth = work.ours(*few), work.ours(*wide).abs()
    unit = torch.finfo(found.dtype).eps * torch.exp2(torch.floor(torch.log2(truth)))
    return float(((found.double().abs() - truth).abs() / unit).max())
