"""Peak temporaries of one call, as a share of one of its operands; limit 5 %.

Every figure comes from a child process of its own, so that nothing which ran before can have
left memory to be used again.
"""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

from relentropy.testing.report import markdown as table

SHAPE = (256, 128256)
LIMIT = 0.05

NOTE = """\
`kl_divergence` of float32 logits of shape {shape}: the most memory that the call
takes beyond its two operands, as a percentage of one of them ({size:.0f} MB). The limit is
{limit:.0f} %. The result is part of it: 0.4 % along the first axis. *allocated* is what
tracemalloc counts of numpy's arrays, *resident* what the operating system counts of the
process, which also has the holes that small allocations leave between large ones. *With the
gradient* is resident too, for the forward and the backward pass together, and what is beyond
the operands and the student's gradient."""
HEAD = ["", "axis", "allocated", "resident", "with the gradient"]


def report() -> str:
    """The table, in Markdown."""
    rows = []
    for library in ("numpy", "torch"):
        for axis in (-1, 0):
            print(f"memory: {library}, axis {axis}", flush=True)
            resident = _in_child(library, axis, "resident")
            # torch's allocations are not made through Python.
            allocated = _in_child(library, axis, "allocated") if library == "numpy" else None
            cells = (allocated, resident)
            cells += (_in_child(library, axis, "gradient") if library == "torch" else None,)
            rows.append(
                [library, str(axis), *("–" if c is None else f"{100 * c:.1f} %" for c in cells)]
            )
    size = 4 * SHAPE[0] * SHAPE[1] / 1e6
    note = NOTE.format(shape=SHAPE, size=size, limit=100 * LIMIT)
    return f"## Memory\n\n{note}\n\n{table(HEAD, rows)}"


def _in_child(library: str, axis: int, how: str) -> float:
    command = [sys.executable, "-m", "bench.memory", library, str(axis), how]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def measure(library: str, axis: int, how: str) -> float:
    """Peak temporaries over the size of one operand, in this process."""
    import relentropy

    teacher, student, small = _logits(library)
    relentropy.kl_divergence(small, small, axis=axis, from_logits=True)  # warm-up

    def call() -> object:
        return relentropy.kl_divergence(teacher, student, axis=axis, from_logits=True)

    def step() -> object:
        call().sum().backward()
        return student.grad

    one = 4 * SHAPE[0] * SHAPE[1]
    if how == "gradient":
        small = small.clone().requires_grad_()
        relentropy.kl_divergence(small, small, from_logits=True).sum().backward()
        student.requires_grad_()
        return _resident(step) / one - 1
    peak = {"allocated": _allocated, "resident": _resident}[how](call)
    return peak / one


def _logits(library: str):
    import numpy as np

    rng = np.random.default_rng(1)
    teacher, student, small = (
        rng.standard_normal(shape, dtype=np.float32) for shape in (SHAPE, SHAPE, (2, 100))
    )
    if library == "numpy":
        return teacher, student, small
    import torch

    torch.set_num_threads(1)  # the stacks and arenas of a pool are not temporaries of ours
    return tuple(torch.from_numpy(x) for x in (teacher, student, small))


def _allocated(call) -> int:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    result = call()
    _, peak = tracemalloc.get_traced_memory()
    del result
    return peak - before


def _resident(call) -> int:
    import psutil

    _forget_peak()
    before = psutil.Process().memory_info().rss
    result = call()
    peak = _peak()
    del result
    return peak - before


def _forget_peak() -> None:
    """Linux can start the high-water mark anew; without that the figure is too high at most."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    """The largest resident size so far, in bytes."""
    if sys.platform == "linux":
        # Not ru_maxrss, which a child inherits from its parent.
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        (line,) = (line for line in lines if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
