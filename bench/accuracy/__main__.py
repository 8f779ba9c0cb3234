"""``python -m bench.accuracy``: measure, print progress, write pages of docs/reference.

Twenty-five minutes on two cores, most of them for the compiler of jax; ``--rivals`` is five of
them.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

# One thread per worker; before any library is imported that reads it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.suite.backends import BACKENDS
from tests.suite.derived import PULLING
from tests.suite.measured import on_demand
from tests.tables.load import DATA

import relentropy  # noqa: F401 - declares the records
from relentropy._records import RECORDS

from . import audited, slopes
from .page import page
from .worst import measure

COLUMNS = ("numpy", "torch", "jax", "jax-x32", "strict", "dask")
DOCS = Path(__file__).parents[2] / "docs" / "reference"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--output", type=Path, default=DOCS, help="where to write the pages")
    parser.add_argument("--rivals", action="store_true", help="rivals.md only")
    parser.add_argument("--backends", nargs="+", default=COLUMNS, choices=tuple(BACKENDS))
    parser.add_argument(
        "--functions", nargs="+", default=tuple(RECORDS), choices=tuple(RECORDS)
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--all", action="store_true", help="also what jax compiles for every relative (hours)"
    )
    chosen = parser.parse_args()

    if chosen.rivals:
        _audit_rivals(chosen.output)
        return
    for name in chosen.backends:
        if BACKENDS[name].missing:
            print(f"{name} left out: {BACKENDS[name].missing}")
    for name in chosen.functions:
        if not (DATA / name).exists():
            print(f"{name} left out: it has no table of hard cases")
    columns = tuple(name for name in chosen.backends if not BACKENDS[name].missing)
    functions = tuple(name for name in chosen.functions if (DATA / name).exists())
    worsts, derivatives = _measured(functions, columns, chosen)
    text = page(functions, columns, worsts, derivatives)
    (chosen.output / "accuracy.md").write_text(text, encoding="utf-8")
    failing = [worst for worst in worsts if worst.fails]
    for slope in derivatives:
        if slope.fails:
            print(f"derivative above its bound of {slope.allowed:g}: {slope.where}")
    for worst in failing:
        print(
            f"above its bound of {worst.allowed:g}: {worst.ulp:.3g} ulp, {worst.backend}, "
            f"{worst.dtype}, {worst.where}, "
            f"{worst.above} points\n{worst.call}"
        )
    above = len(failing) + sum(slope.fails for slope in derivatives)
    total = len(worsts) + len(derivatives)
    print(f"wrote accuracy.md; {above} of {total} above their bounds")
    _audit_rivals(chosen.output)


def _audit_rivals(folder):
    reports = audited.measured()
    (folder / "rivals.md").write_text(audited.page(reports), encoding="utf-8")
    audited.picture(reports, folder / "rivals.png")
    print("wrote rivals.md and rivals.png")


def _measured(functions, columns, chosen):
    def wanted(name, column, dtype):
        return chosen.all or not on_demand(RECORDS[name], BACKENDS[column], dtype)

    values = [
        (measure, name, column, dtype)
        for name in functions
        for column in columns
        for dtype in BACKENDS[column].dtypes
        if (DATA / name / f"{dtype}.json").exists() and wanted(name, column, dtype)
    ]
    derivatives = [
        (slopes.measure, name, column, dtype)
        for column in columns
        for dtype in PULLING.get(column, ())
        for name in functions
        if RECORDS[name].slope_ulp and wanted(name, column, dtype)
    ]
    jobs, done = values + derivatives, {}
    start = time.perf_counter()
    with ProcessPoolExecutor(chosen.workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(*job): job for job in sorted(jobs, key=_lightness)}
        for future in as_completed(futures):
            job = futures[future]
            done[job] = future.result()
            spent = time.perf_counter() - start
            what = "derivative of " * (job in derivatives) + " ".join(job[1:])
            print(f"[{spent:4.0f} s] {len(done)}/{len(jobs)} {what}", flush=True)
    # In the order of the page, not of completion.
    return [done[job] for job in values], [done[job] for job in derivatives]


def _lightness(job: tuple[object, str, str, str]) -> tuple[bool, int]:
    """The heaviest first: what jax compiles, and of that what has the largest tables."""
    _, name, column, dtype = job
    return BACKENDS[column].library != "jax", -(DATA / name / f"{dtype}.json").stat().st_size


if __name__ == "__main__":
    main()
