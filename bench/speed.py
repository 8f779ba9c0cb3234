"""Time on a CPU, as ratios to eager torch in the same process and run."""

from collections.abc import Sequence

from relentropy.testing.report import markdown as table

from . import timing
from .timing import Result

CONTENDERS = ("scipy", "naive numpy", "relentropy, numpy", "relentropy, torch")

NOTE = """\
Time relative to eager torch on {threads}: below 1 is faster than torch. Medians of {rounds}
interleaved rounds, the quartiles in brackets. The first column is torch's own time, for one
element of one operand (for one call, where n = 10). {clock}"""


def report(rounds: int = 5, threads: int = 1, *, processor_time: bool = False) -> str:
    """The table, in Markdown."""
    import torch

    from .workloads import workloads

    kept = torch.get_num_threads()
    torch.set_num_threads(threads)  # the others have one thread
    try:
        results = []
        for workload in workloads():
            print(f"speed: {workload.name}", flush=True)
            results.append(
                timing.interleaved(
                    workload.name,
                    workload.count,
                    workload.calls,
                    rounds=rounds if workload.loops == 1 else 4 * rounds,
                    loops=workload.loops,
                    timer=timing.processor if processor_time else timing.clock,
                )
            )
    finally:
        torch.set_num_threads(kept)
    note = NOTE.format(
        threads="one thread" if threads == 1 else f"{threads} threads",
        rounds=rounds,
        clock="Processor time." if processor_time else "Time on the wall.",
    )
    return f"## Speed\n\n{note}\n\n{speed_table(results, CONTENDERS)}"


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
