"""``python -m bench.accuracy``: measure, print progress, write docs/accuracy.md.

Ten minutes on two cores, most of them for the compiler of jax.
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
from tests.tables.load import DATA

import relentropy  # noqa: F401 - declares the records
from relentropy._records import RECORDS

from .page import page
from .worst import measure

COLUMNS = ("numpy", "torch", "jax", "jax-x32", "strict", "dask")
PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--output", type=Path, default=PAGE, help="the page to write")
    parser.add_argument("--backends", nargs="+", default=COLUMNS, choices=tuple(BACKENDS))
    parser.add_argument(
        "--functions", nargs="+", default=tuple(RECORDS), choices=tuple(RECORDS)
    )
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()

    for name in chosen.backends:
        if BACKENDS[name].missing:
            print(f"{name} left out: {BACKENDS[name].missing}")
    for name in chosen.functions:
        if not (DATA / name).exists():
            print(f"{name} left out: it has no table of hard cases")
    columns = tuple(name for name in chosen.backends if not BACKENDS[name].missing)
    functions = tuple(name for name in chosen.functions if (DATA / name).exists())
    worsts, scores = _measured(functions, columns, chosen.workers)
    chosen.output.write_text(page(functions, columns, worsts, scores), encoding="utf-8")
    failing = [worst for worst in worsts if worst.fails]
    for worst in failing:
        print(
            f"above its bound of {worst.allowed:g}: {worst.ulp:.3g} ulp, {worst.backend}, "
            f"{worst.dtype}, {worst.where}, "
            f"{worst.above} points\n{worst.call}"
        )
    print(f"wrote {chosen.output.name}; {len(failing)} of {len(worsts)} above their bounds")


def _measured(functions, columns, workers):
    jobs = [
        (name, column, dtype)
        for name in functions
        for column in columns
        for dtype in BACKENDS[column].dtypes
        if (DATA / name / f"{dtype}.json").exists()
    ]
    start, done = time.perf_counter(), {}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(measure, *job): job for job in sorted(jobs, key=_lightness)}
        for future in as_completed(futures):
            job = futures[future]
            done[job] = future.result()
            spent = time.perf_counter() - start
            print(f"[{spent:4.0f} s] {len(done)}/{len(jobs)} {' '.join(job)}", flush=True)
    # In the order of the page, not of completion.
    ordered = [done[job] for job in jobs]
    return [worst for worst, _ in ordered], [score for _, scores in ordered for score in scores]


def _lightness(job: tuple[str, str, str]) -> tuple[bool, int]:
    """The heaviest first: what jax compiles, and of that what has the largest tables."""
    name, column, dtype = job
    return BACKENDS[column].library != "jax", -(DATA / name / f"{dtype}.json").stat().st_size


if __name__ == "__main__":
    main()
