"""Time on a CPU, as ratios to eager torch in the same process and run."""

import contextlib
import os
from collections.abc import Iterator, Sequence

from relentropy.testing.report import markdown as table

from . import timing
from .timing import Result

CONTENDERS = (
    "scipy", "numpy", "jax.jit", "torch.compile", "relentropy, numpy", "relentropy, torch",
    "floor",
)  # fmt: skip

NOTE = """\
Time relative to eager torch on {threads}: below 1 is faster than torch. Medians of {rounds}
interleaved rounds, the quartiles in brackets. The first column is torch's own time, for one
element of one operand (for one call, where n = 10). *numpy*, *torch* and *jax.jit* are the
formulas as people write them, which lose digits; *floor* reads the operands once (torch's sums;
its addition for `kl_div`, which writes as well). {clock}"""


def measured(
    rounds: int = 5, threads: int = 1, *, processor_time: bool = False
) -> list[Result]:
    """Every workload, timed."""
    from .workloads import SHORT, workloads

    results = []
    with _on(threads):
        for workload in workloads():
            print(f"speed: {workload.name}", flush=True)
            results.append(
                timing.interleaved(
                    workload.name,
                    workload.count,
                    workload.calls,
                    rounds=4 * rounds if workload.count <= SHORT else rounds,
                    loops=workload.loops,
                    timer=timing.processor if processor_time else timing.clock,
                )
            )
    return results


def by_size(rounds: int = 5) -> list[Result]:
    """KL of one row of float64 weights, of ten to ten million."""
    import numpy as np

    from .workloads import SIZES, one_row

    with _on(1):
        results = []
        for n in SIZES:
            work = one_row(n, np.float64)
            print(f"size: {n}", flush=True)
            results.append(
                timing.interleaved(work.name, n, work.calls, rounds=rounds, loops=work.loops)
            )
    return results


def report(
    results: Sequence[Result], rounds: int, threads: int, *, processor_time: bool = False
) -> str:
    """The table, in Markdown."""
    note = NOTE.format(
        threads="one thread" if threads == 1 else f"{threads} threads",
        rounds=rounds,
        clock="Processor time." if processor_time else "Time on the wall.",
    )
    return f"## Speed\n\n{note}\n\n{speed_table(results, CONTENDERS)}"


def gains(one: Sequence[Result], more: Sequence[Result], threads: int) -> str:
    """What more threads gain, as a table."""
    ours = ("relentropy, numpy", "relentropy, torch")
    rows = [
        [
            first.workload,
            *(
                f"{first.times[name] / second.times[name]:.2f}" if name in first.times else "–"
                for name in ours
            ),
        ]
        for first, second in zip(one, more, strict=True)
        if first.count > 10
    ]
    note = f"Time on one thread over that on {threads}."
    return f"## Threads\n\n{note}\n\n{table(['', *ours], rows)}"


@contextlib.contextmanager
def _on(threads: int) -> Iterator[None]:
    """So many threads for everybody; processors, where the system lets us choose them."""
    import torch

    import relentropy

    before, kept = torch.get_num_threads(), None
    torch.set_num_threads(threads)
    relentropy.set_num_threads(threads)
    if hasattr(os, "sched_setaffinity"):
        kept = os.sched_getaffinity(0)
        os.sched_setaffinity(0, set(sorted(kept)[:threads]))
    try:
        yield
    finally:
        torch.set_num_threads(before)
        relentropy.set_num_threads(None)
        if kept is not None:
            os.sched_setaffinity(0, kept)


def speed_table(results: Sequence[Result], contenders: Sequence[str]) -> str:
    """A row for each workload, a column for each contender."""
    rows = [
        [
            result.workload,
            _absolute(result),
            *(
                str(result.ratios[name]) if name in result.ratios else "–"
                for name in contenders
            ),
        ]
        for result in results
    ]
    return table(["", "torch", *contenders], rows)


def _absolute(result: Result) -> str:
    if result.count <= 10:
        return f"{result.seconds * 1e6:.3g} µs"
    return f"{result.seconds / result.count * 1e9:.3g} ns"
