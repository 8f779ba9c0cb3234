"""Divergences of heads over the composed form: time, and the peak of memory.

The composed form is two linear layers, log-softmax of both and torch's ``kl_div``. Times are
interleaved in one process, memory is from child processes of their own.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from relentropy.testing.report import markdown as table

from .memory import _resident
from .timing import UNIT, clock, interleaved, processor

SHAPES = ((512, 131_072, 1024), (2048, 131_072, 1024))
"""Tokens, vocabulary, size of hidden states."""
LIMITS = {"forward": 1.3, "forward and backward": 1.5}
MEMORY = 0.1
NOTE = """\
`linear_kl_divergence` of two float32 heads, whose student has the gradients. *Time* is that of
the composed form (two `linear`, two `log_softmax`, `kl_div`), which is 1; limits
{limits}. *The products alone* are those of the forward pass, of whole logits. *Peak* is the
most resident memory beyond operands and gradients, over the size of one side's logits; the
limit is {memory:.0%} for the largest, whose tiles are as large as those of all."""
HEAD = [
    "tokens x vocabulary x size",
    "",
    "time",
    "the products alone",
    "peak",
    "peak, composed",
]


def report(rounds: int = 5, *, processor_time: bool = False) -> str:
    """The table, in Markdown."""
    timer = processor if processor_time else clock
    lines = []
    for shape in SHAPES:
        for way in LIMITS:
            print(f"heads: {shape}, {way}", flush=True)
            calls = _calls(shape, backward=way != "forward")
            result = interleaved("heads", 1, calls, rounds=rounds, timer=timer)
            peaks = [f"{100 * _in_child(shape, way, name):.1f} %" for name in ("own", UNIT)]
            ratios = (str(result.ratios[name]) for name in ("own", "products"))
            lines.append([" x ".join(f"{n:,}" for n in shape), way, *ratios, *peaks])
    limits = " and ".join(f"{limit} {way}" for way, limit in LIMITS.items())
    note = NOTE.format(limits=limits, memory=MEMORY)
    return f"## Heads\n\n{note}\n\n{table(HEAD, lines, left=2)}"


def _calls(shape: tuple[int, int, int], *, backward: bool) -> dict[str, Callable[[], object]]:
    import torch
    from torch.nn.functional import kl_div, linear

    from relentropy.heads import linear_kl_divergence

    tokens, words, size = shape
    draw = torch.Generator().manual_seed(0)
    teacher, student = (torch.randn(tokens, size, generator=draw) for _ in range(2))
    head = torch.randn(words, size, generator=draw).mul_(size**-0.5)
    own = head.clone().add_(torch.randn(words, size, generator=draw), alpha=0.1 * size**-0.5)
    student.mul_(0.1).add_(teacher)
    for one in (student, own):
        one.requires_grad_(backward)

    def composed() -> torch.Tensor:
        a, b = linear(teacher, head).log_softmax(-1), linear(student, own).log_softmax(-1)
        return kl_div(b, a, reduction="none", log_target=True).sum(-1)

    def ours() -> torch.Tensor:
        return linear_kl_divergence(teacher, head, student, own)

    def products() -> None:
        with torch.no_grad():
            linear(teacher, head)
            linear(student, own)

    def whole(call: Callable[[], torch.Tensor]) -> Callable[[], object]:
        def step() -> object:
            student.grad = own.grad = None
            call().sum().backward()
            return student.grad, own.grad

        return step if backward else call

    return {UNIT: whole(composed), "own": whole(ours), "products": products}


def _in_child(shape: tuple[int, int, int], way: str, name: str) -> float:
    command = [sys.executable, "-m", "bench.heads", json.dumps(shape), way, name]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def measure(shape: tuple[int, int, int], way: str, name: str) -> float:
    """Peak temporaries over the size of one side's logits, in this process."""
    backward = way != "forward"
    _calls((2, 100, shape[2]), backward=backward)[name]()  # warm-up
    tokens, words, size = shape
    peak = _resident(_calls(shape, backward=backward)[name])
    gradients = 4 * (tokens + words) * size if backward else 0
    return (peak - gradients) / (4 * tokens * words)


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3])))
