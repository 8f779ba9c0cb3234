"""``python -m bench.accuracy``: measure every function that has a record, and audit rivals.

Writes a file for each function to docs/reference/data, of which the pages of the reference
are made, and docs/rivals.md. ``--functions`` and ``--rivals`` do a part of it. What
rose since it was last measured, and what is above its bound, is said at the end.
"""

import argparse
import os
import time
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
    parser.add_argument("--functions", nargs="+", default=(), choices=FUNCTIONS, metavar="NAME")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--all", action="store_true", help="also what jax compiles for every relative (hours)"
    )
    chosen = parser.parse_args()
    if chosen.rivals:
        _audit_rivals(chosen.output)
        return
    for column in COLUMNS:
        if BACKENDS[column].missing:
            print(f"{column} left out: {BACKENDS[column].missing}")
    columns = tuple(name for name in COLUMNS if not BACKENDS[name].missing)
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
    """Write every function's file, and say what is above its bound or has risen."""
    kinds = dict(jobs)
    done = _done(kinds, chosen.workers)
    folder, on, lines = chosen.output / "data", data.measured_on(), []
    folder.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(job[1] for job in kinds):
        own = [job for job in kinds if job[1] == name]
        worsts = [done[job] for job in own if not kinds[job]]
        slopes = [done[job] for job in own if kinds[job]]
        lines += data.write(folder, data.content(name, worsts, slopes, on))
    print(*lines, sep="\n")
    failing = [one for one in done.values() if one.fails]
    for one in failing:
        print(
            f"above its bound of {one.allowed:g}: {one.ulp:.3g} ulp, {one.function}, "
            f"{one.backend}, {one.dtype}, {one.where}\n{getattr(one, 'call', 'derivative')}"
        )
    print(f"{len(failing)} of {len(done)} above their bounds, {len(lines)} rose")


def _done(kinds: dict[Job, bool], workers: int) -> dict[Job, Any]:
    found, start = {}, time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(*job): job for job in sorted(kinds, key=_lightness)}
        for future in as_completed(futures):
            job = futures[future]
            found[job] = future.result()
            spent = time.perf_counter() - start
            what = "derivative of " * kinds[job] + " ".join(job[1:])
            print(f"[{spent:4.0f} s] {len(found)}/{len(kinds)} {what}", flush=True)
    return found


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
