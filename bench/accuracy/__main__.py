"""``python -m bench.accuracy``: measure every function that has a record, and audit rivals.

Writes a file for each function to docs/reference/data, of which the pages of the reference
are made, and docs/reference/rivals.md. ``--functions`` and ``--rivals`` do a part of it. What
rose since it was last measured, and what is above its bound, is said at the end.

Half an hour on two cores, most of it for the compiler of jax, whose results of 16 bits, and of
relatives of what it has compiled, are left to ``--all``.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# One thread per worker; before any library is imported that reads it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.suite.backends import BACKENDS

from relentropy._records import CLOSED_FORMS, RECORDS

from . import audited, closed_forms, data, sampled, tabled

COLUMNS = (
    "numpy", "numpy-formulas", "torch", "torch-formulas", "jax", "jax-x32", "strict", "dask",
)  # fmt: skip
DOCS = Path(__file__).parents[2] / "docs" / "reference"
FUNCTIONS = (*RECORDS, *CLOSED_FORMS, *sampled.RECORDS)
Job = tuple[Callable[..., Any], str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--output", type=Path, default=DOCS, help="where the pages are")
    parser.add_argument("--rivals", action="store_true", help="rivals.md only")
    parser.add_argument("--backends", nargs="+", default=COLUMNS, choices=COLUMNS)
    parser.add_argument("--functions", nargs="+", default=(), choices=FUNCTIONS, metavar="NAME")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--all", action="store_true", help="also what jax compiles for every relative (hours)"
    )
    chosen = parser.parse_args()
    if chosen.rivals:
        _audit_rivals(chosen.output)
        return
    for column in chosen.backends:
        if BACKENDS[column].missing:
            print(f"{column} left out: {BACKENDS[column].missing}")
    columns = tuple(name for name in chosen.backends if not BACKENDS[name].missing)
    _measure(_jobs(columns, chosen.functions or FUNCTIONS, every=chosen.all), chosen)
    if not chosen.functions:
        _audit_rivals(chosen.output)


def _jobs(
    columns: tuple[str, ...], functions: tuple[str, ...], *, every: bool
) -> Iterator[tuple[Job, bool]]:
    """What is to be measured, and whether it is a derivative."""
    for found, measure, slopes in (
        (tabled.values(columns, every=every), tabled.measure, False),
        (tabled.derivatives(columns, every=every), tabled.slope, True),
        (closed_forms.values(columns), closed_forms.measure, False),
        (closed_forms.derivatives(columns), closed_forms.slope, True),
        (sampled.values(columns), sampled.measure, False),
        (sampled.derivatives(columns), sampled.slope, True),
    ):
        yield from (((measure, *of), slopes) for of in found if of[0] in functions)


def _measure(jobs: Iterator[tuple[Job, bool]], chosen: argparse.Namespace) -> None:
    """Write every function's file once all of it is done; say what rose or is too much."""
    kinds = dict(jobs)
    folder, on, done, rose = chosen.output / "data", data.measured_on(), {}, []
    folder.mkdir(parents=True, exist_ok=True)
    left = Counter(job[1] for job in kinds)
    for job, result in _results(kinds, chosen.workers):
        done[job] = result
        left[job[1]] -= 1
        if not left[job[1]]:
            own = [one for one in kinds if one[1] == job[1]]
            worsts = [done[one] for one in own if not kinds[one]]
            slopes = [done[one] for one in own if kinds[one]]
            rose += data.write(folder, data.content(job[1], worsts, slopes, on))
    print(*rose, sep="\n")
    failing = [one for one in done.values() if one.fails]
    for one in failing:
        print(
            f"above its bound of {one.allowed:g}: {one.ulp:.3g} ulp, {one.function}, "
            f"{one.backend}, {one.dtype}, {one.where}\n{getattr(one, 'call', 'derivative')}"
        )
    print(f"{len(failing)} of {len(done)} above their bounds, {len(rose)} rose")


def _results(kinds: dict[Job, bool], workers: int) -> Iterator[tuple[Job, Any]]:
    """What was measured, one function after the other, as it is done."""
    start, count = time.perf_counter(), 0
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        order = sorted(kinds, key=lambda job: (FUNCTIONS.index(job[1]), _lightness(job)))
        futures = {pool.submit(*job): job for job in order}
        for future in as_completed(futures):
            job, count = futures[future], count + 1
            spent = time.perf_counter() - start
            what = "derivative of " * kinds[job] + " ".join(job[1:])
            print(f"[{spent:4.0f} s] {count}/{len(kinds)} {what}", flush=True)
            yield job, future.result()


def _lightness(job: Job) -> bool:
    """The heaviest first, which is what jax compiles."""
    return BACKENDS[job[2]].library != "jax"


def _audit_rivals(folder: Path) -> None:
    reports = audited.measured()
    (folder / "rivals.md").write_text(audited.page(reports), encoding="utf-8")
    audited.picture(reports, folder / "rivals.png")
    print("wrote rivals.md and rivals.png")


if __name__ == "__main__":
    main()
