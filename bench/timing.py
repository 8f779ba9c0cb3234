"""Interleaved timing: all contenders once a round, so that they share what the machine does."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

UNIT = "torch"
"""The contender that the others are divided by."""

SETTLE = 0.02
"""Seconds between contenders: what one leaves to its own threads is not the next one's time."""


@dataclass(frozen=True)
class Ratio:
    """Time over the unit's: the median of the rounds, and the quartiles around it."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g}–{self.high:.3g})"


@dataclass(frozen=True)
class Result:
    """A workload, timed."""

    workload: str
    seconds: float
    """Of the unit, the median."""
    count: int
    """Elements of one operand."""
    ratios: dict[str, Ratio]
    times: dict[str, float]
    """Seconds of every contender, medians."""


def clock(call: Callable[[], object], loops: int) -> float:
    """Seconds for one call."""
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops


def processor(call: Callable[[], object], loops: int) -> float:
    """Seconds of the processor for one call: for a machine that has other work."""
    start = time.process_time()
    for _ in range(loops):
        call()
    return (time.process_time() - start) / loops


def interleaved(
    workload: str,
    count: int,
    calls: dict[str, Callable[[], object]],
    *,
    rounds: int,
    loops: int = 1,
    timer: Callable[[Callable[[], object], int], float] = clock,
) -> Result:
    """Time all calls in turn, `rounds` times after one that is thrown away."""
    for call in calls.values():
        call()
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            time.sleep(SETTLE)
            spent[name].append(timer(call, loops))
    ratios = {
        # Within a round, so that a slow minute of the machine cancels.
        name: _ratio([own / unit for own, unit in zip(times, spent[UNIT], strict=True)])
        for name, times in spent.items()
    }
    times = {name: statistics.median(seconds) for name, seconds in spent.items()}
    return Result(workload, times[UNIT], count, ratios, times)


def _ratio(values: list[float]) -> Ratio:
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Ratio(median, low, high)
