"""Arguments and options, and nothing else."""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

import relentropy
from relentropy.cli.checkpoint import Checkpoint
from relentropy.cli.commands import Group, interrupted, printing
from relentropy.cli.errors import FailedError
from relentropy.cli.inputs import mask_of, open_rows, tokens_of
from relentropy.cli.measures import Job
from relentropy.cli.outputs import Outputs, must_not_meet, write_rows
from relentropy.cli.progress import bar, is_watched
from relentropy.cli.report import THRESHOLDS, Report, report_of
from relentropy.cli.running import OUT_OF_MEMORY, run

FILE = click.Path(path_type=Path)  # whether it can be used is said in one line, later

_EXAMPLES = """\b
Examples:
  relentropy compare teacher.npy student.npy
  relentropy compare base.npz:logits q8.npz:logits q4.npz:logits --base 2
  relentropy compare teacher/ "student-*.safetensors:logits" --tokens next.npy
  relentropy compare base.kld q4.kld --tokens base.kld --plot q4.png
  relentropy compare big.npy small.npy --workers 4 --checkpoint run.ckpt --json
"""


def _finite(
    context: click.Context, parameter: click.Parameter, value: float | None
) -> float | None:
    if value is not None and not math.isfinite(value):
        msg = f"{value} is not a finite number."
        raise click.BadParameter(msg, context, parameter)
    return value


def _thresholds(
    context: click.Context, parameter: click.Parameter, values: Sequence[float]
) -> tuple[float, ...]:
    for value in values:
        _finite(context, parameter, value)
    return tuple(sorted(set(values or THRESHOLDS)))


def _suffix(*suffixes: str) -> click.Path:
    """A file whose suffix says what it will be."""

    class Suffixed(click.Path):
        def convert(  # type: ignore[override]
            self, value: str, param: click.Parameter | None, context: click.Context | None
        ) -> Path:
            path = Path(value)
            if value.endswith("/"):  # which a path forgets
                self.fail(f"{value} ends with a /; name a file", param, context)
            if path.suffix not in suffixes:
                self.fail(f"{value} ends with none of {', '.join(suffixes)}", param, context)
            return path

    return Suffixed()


@click.group("relentropy", cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(relentropy.__version__)
def app() -> None:
    """Relative entropy between arrays in files.

    \b
    Completion of names and options for bash; for zsh or fish, write that instead:
      eval "$(_RELENTROPY_COMPLETE=bash_source relentropy)"
    """  # noqa: D301 (click's mark for lines that stay as they are)


@app.command("compare", epilog=_EXAMPLES)
@click.argument("teacher", metavar="TEACHER", type=click.Path())
@click.argument("students", metavar="STUDENT...", type=click.Path(), nargs=-1, required=True)
@click.option("--probs", is_flag=True, help="The files hold probabilities or weights.")
@click.option(
    "--base",
    type=click.FloatRange(min=1, min_open=True),
    callback=_finite,
    help="Base of the logarithm: 2 for bits. The default is e, for nats.",
)
@click.option(
    "--vocab",
    type=click.IntRange(min=1),
    metavar="N",
    help="Compare the first N entries of each row; the rest is padding.",
)
@click.option(
    "--mask",
    type=FILE,
    metavar="FILE",
    help="A .npy file of 0 and 1, for each row.",
)
@click.option(
    "--tokens",
    type=FILE,
    metavar="FILE",
    help="A .npy file of integers: the token that each row predicts, negative for none. Adds "
    "perplexities, and KL by position and by whether the teacher is right.",
)
@click.option(
    "--threshold",
    "thresholds",
    type=float,
    multiple=True,
    callback=_thresholds,
    metavar="KL",
    help="Count the rows with a larger divergence. May be repeated; default 0.01, 0.1 and 1.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, no table.")
@click.option(
    "--per-row",
    type=_suffix(".csv", ".parquet"),
    metavar="FILE",
    help="Write every row's numbers to a .csv or .parquet file.",
)
@click.option(
    "--plot",
    type=_suffix(".png", ".svg", ".pdf"),
    metavar="FILE",
    help="Draw the distribution of KL, and KL along the positions, as .png, .svg or .pdf.",
)
@click.option(
    "--theme",
    type=click.Choice(["light", "dark"]),
    default="light",
    show_default=True,
    help="Colours of the plot.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes. No result depends on it.",
)
@click.option(
    "--block-rows",
    type=click.IntRange(min=1),
    help="Rows in memory at a time. No result depends on it.",
)
@click.option(
    "--checkpoint",
    type=FILE,
    metavar="FILE",
    help="Keep what is done in FILE; the same command goes on from it, then removes it.",
)
@click.option(
    "--strict", is_flag=True, help="Exit with status 1 if a number of some row is nan or inf."
)
def compare_command(
    teacher: str,
    students: tuple[str, ...],
    *,
    probs: bool,
    base: float | None,
    vocab: int | None,
    mask: Path | None,
    tokens: Path | None,
    thresholds: tuple[float, ...],
    as_json: bool,
    per_row: Path | None,
    plot: Path | None,
    theme: Literal["light", "dark"],
    workers: int,
    block_rows: int | None,
    checkpoint: Path | None,
    strict: bool,
) -> None:
    """Compare the distributions of one STUDENT or more with those of their TEACHER.

    Each is a .npy file, an array in a .npz file or a tensor in a .safetensors file
    (FILE:NAME), a file of llama.cpp's --kl-divergence-base, or several such files whose rows
    follow each other: a folder, or a pattern in quotes. They hold logits or log-probabilities
    (float16, bfloat16, float32 or float64); the last axis is the vocabulary, the one before it
    the position, and every other axis counts sequences. Files are read in blocks of rows and
    may be larger than memory.

    The forward divergence is KL(teacher || student). Rows whose numbers are nan or infinite are
    counted and named, and left out of that number's statistics; rows of nan also of the shares
    of rows, and of perplexities. In JSON, an infinity is the string "inf" or "-inf", and null
    is what there is not: a figure of no row, a standard error of fewer than two, no token.

    Exit status: 0, also if rows are nan or infinite (but 1 with --strict); 2 for what cannot be
    read, written or compared; 130 if interrupted; 141 if who reads the output closes it.
    """
    try:
        job = _job(teacher, students, probs, base, vocab, mask, tokens, block_rows)
        read = [path for rows in (job.teacher, *job.students) for path in rows.paths]
        must_not_meet(
            [*read, *(path for path in (mask, tokens) if path is not None)],
            {"--per-row": per_row, "--plot": plot, "--checkpoint": checkpoint},
        )
        report = _compared(
            job, thresholds, workers, checkpoint, per_row=per_row, plot=plot, theme=theme,
            as_json=as_json,
        )  # fmt: skip
    except MemoryError:
        raise FailedError(OUT_OF_MEMORY) from None
    except KeyboardInterrupt:
        interrupted("; the same command goes on from there" if checkpoint else "")
    if strict and report.unusual:
        sys.exit(1)


def _job(
    teacher: str, students: tuple[str, ...], probs: bool, base: float | None,
    vocab: int | None, mask: Path | None, tokens: Path | None, block_rows: int | None,
) -> Job:  # fmt: skip
    first = open_rows(teacher, "TEACHER")
    others = tuple(open_rows(one, "STUDENT") for one in students)
    for one in (first, *others):
        if vocab is not None:
            one.limit(vocab)
        if probs:
            one.must_be_weights()
    for one in others:
        first.must_match(one)
    return Job(
        teacher=first,
        students=others,
        probs=probs,
        base=base,
        mask=None if mask is None else mask_of(mask, first),
        tokens=None if tokens is None else tokens_of(tokens, first),
        block_rows=block_rows,
    )


def _compared(
    job: Job, thresholds: tuple[float, ...], workers: int, checkpoint: Path | None,
    *, per_row: Path | None, plot: Path | None, theme: Literal["light", "dark"], as_json: bool,
) -> Report:  # fmt: skip
    """Everything between good arguments and the last output."""
    reports: list[Report] = []
    outputs = Outputs()
    if per_row is not None:
        if per_row.suffix == ".parquet":
            _need("pyarrow", "--per-row", "parquet")
        outputs.add("--per-row", per_row, lambda path: write_rows(reports[0], path))
    if plot is not None:
        _need("matplotlib", "--plot", "plots")
        from relentropy.cli.picture import draw

        outputs.add("--plot", plot, lambda path: draw(reports[0], path, theme))
    kept = None if checkpoint is None else Checkpoint(checkpoint, job)
    with bar(job.teacher.count, shown=is_watched()) as advance:
        try:
            found = run(job, workers=workers, checkpoint=kept, advance=advance)
        finally:
            if kept is not None:
                kept.close()
    reports.append(report_of(job, found, thresholds))
    outputs.write()
    _print(reports[0], as_json=as_json)
    if kept is not None:
        kept.remove()
    return reports[0]


def _print(report: Report, *, as_json: bool) -> None:
    with printing():
        if as_json:
            click.echo(report.as_json())
        else:
            from relentropy.cli.table import show  # rich takes longer to import than all else

            show(report)


def _need(module: str, option: str, extra: str) -> None:
    try:
        __import__(module)
    except ImportError:
        raise FailedError(
            f"{option} needs {module}: pip install 'relentropy[{extra}]'"
        ) from None


@app.command("backends")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, no table.")
def backends_command(*, as_json: bool) -> None:
    """Show the array libraries of this installation.

    Each is imported and tried: its devices, the precisions in which a divergence comes out
    right, whether it has derivatives, and what to install for what is missing.
    """
    from relentropy.cli.backends import backends, facts, tools

    found = backends()
    if as_json:
        parts = {
            **facts(),
            "backends": [one._asdict() for one in found],
            "tools": [one._asdict() for one in tools()],
        }
        with printing():
            click.echo(json.dumps(parts))
        return
    from relentropy.cli.installed import show_backends

    with printing():
        show_backends(found)


@app.command("accuracy")
@click.argument("functions", metavar="[FUNCTION]...", nargs=-1)
@click.option(
    "--backend",
    "names",
    multiple=True,
    type=click.Choice(["numpy", "torch", "jax", "array_api_strict", "cupy"]),
    help="Whose arrays to use; may be repeated. The default is numpy, and torch and CuPy where "
    "they are installed. jax takes minutes, to compile.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, no table.")
def accuracy_command(
    functions: tuple[str, ...], *, names: tuple[str, ...], as_json: bool
) -> None:
    """Measure the accuracy of this library's functions on this machine.

    The worst errors in units in the last place, of values and of derivatives, over the inputs
    on which such functions go wrong (relentropy.testing.audit says which). With names of
    functions, such as kl_divergence, only of those.

    Exit status: 0, or 1 if something is less accurate than it should be.
    """
    from relentropy.cli.accuracy import entries, measure
    from relentropy.cli.installed import accuracy_as_dict, default_backends, show_accuracy

    every = list(entries())
    known = list(dict.fromkeys(entry.kind for entry in every))
    for name in functions:
        if name not in known:
            raise FailedError(
                f"there is no function {name!r} here; choose from {', '.join(known)}"
            )
    chosen = [entry for entry in every if not functions or entry.kind in functions]
    libraries = names or default_backends()
    reports = []
    with bar(len(chosen) * len(libraries), shown=is_watched(), unit="functions") as advance:
        for library in libraries:
            for entry in chosen:
                try:
                    reports.append(measure(entry, library))
                except ImportError as missing:
                    raise FailedError(
                        f"--backend {library} cannot be used: {missing}"
                    ) from None
                advance(1)
    with printing():
        if as_json:
            click.echo(json.dumps(accuracy_as_dict(reports)))
        else:
            show_accuracy(reports)
    if any(report.findings for report in reports):
        sys.exit(1)
