"""`relentropy compare` over the library alone, on the same rows; at least 80 % of its speed."""

import resource
import statistics
import tempfile
from pathlib import Path

import numpy as np

import relentropy
from relentropy.cli.inputs import open_rows
from relentropy.cli.measures import Job
from relentropy.cli.report import report_of
from relentropy.cli.running import run
from relentropy.testing.report import markdown as table

from .timing import clock, processor

LIMIT = 0.8
SHAPES = ((64, 32_000), (16, 128_256), (2_000, 1_000))
DTYPES = ("float16", "float32", "float64")


def report(rounds: int = 5, *, processor_time: bool = False) -> str:
    """A table in Markdown."""
    timer = processor if processor_time else clock
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for rows, vocabulary in SHAPES:
            for dtype in DTYPES:
                print(f"compare {rows} x {vocabulary} {dtype}", flush=True)
                p, q = _made(Path(folder), rows, vocabulary, dtype)
                job = Job(*_opened(Path(folder)))
                ratios = []
                for _ in range(rounds):
                    alone = timer(lambda p=p, q=q, job=job: _alone(p, q, job.step), 1)
                    ratios.append(alone / timer(lambda job=job: _command(job), 1))
                low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
                ratio = f"{median:.2f} ({low:.2f}–{high:.2f})"
                lines.append([f"{rows} x {vocabulary:,}", dtype, ratio])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        "## Compare\n\n"
        "Speed of `relentropy compare` from files that the system has in memory, over that of\n"
        "the library's divergences and entropies on arrays: median of the rounds, quartiles.\n"
        f"The command does more: tokens and statistics. The limit is {LIMIT}.\n\n"
        f"{table(['rows', 'dtype', 'speed'], lines, left=2)}\n\n"
        f"At most {peak:.0f} MB were resident, the arrays of the comparison included."
    )


def _made(folder: Path, rows: int, vocabulary: int, dtype: str) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    p = 3 * rng.standard_normal((rows, vocabulary))
    arrays = p.astype(dtype), (p + 0.1 * rng.standard_normal(p.shape)).astype(dtype)
    for name, array in zip("pq", arrays, strict=True):
        np.save(folder / f"{name}.npy", array)
    return arrays


def _opened(folder: Path):
    p, q = (open_rows(str(folder / f"{name}.npy"), name) for name in "pq")
    return p, (q,)


def _alone(p: np.ndarray, q: np.ndarray, step: int) -> None:
    options = {"from_logits": True, "dtype": np.float64}
    for start in range(0, len(p), step):
        a, b = p[start : start + step], q[start : start + step]
        relentropy.kl_divergence(a, b, **options)
        relentropy.kl_divergence(b, a, **options)
        relentropy.js_divergence(a, b, **options)
        relentropy.total_variation(a, b, **options)
        relentropy.entropy(a, **options)
        relentropy.entropy(b, **options)


def _command(job: Job) -> None:
    report_of(job, run(job, advance=lambda _: None)).as_json()
