"""Arguments and options, and nothing else."""

import math
from pathlib import Path

import click

import relentropy
from relentropy.cli.compare import compare
from relentropy.cli.npy import Rows, UnusableFileError

FILE = click.Path(path_type=Path)  # whether it can be read is for `Rows` to say, in one line


class BadInput(click.ClickException):
    """What is wrong with an argument: one line on stderr, exit status 2."""

    exit_code = 2


def _finite(
    context: click.Context, parameter: click.Parameter, value: float | None
) -> float | None:
    if value is not None and not math.isfinite(value):
        msg = f"{value} is not a finite number."
        raise click.BadParameter(msg, context, parameter)
    return value


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(relentropy.__version__)
def app() -> None:
    """Relative entropy between arrays in files."""


@app.command("compare")
@click.argument("teacher", type=FILE)
@click.argument("student", type=FILE)
@click.option("--probs", is_flag=True, help="The files hold probabilities or weights.")
@click.option(
    "--base",
    type=click.FloatRange(min=1, min_open=True),
    callback=_finite,
    help="Base of the logarithm: 2 for bits. The default is e, for nats.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, no table.")
@click.option(
    "--block-rows",
    type=click.IntRange(min=1),
    help="Rows in memory at a time. No result depends on it.",
)
def compare_command(
    teacher: Path,
    student: Path,
    *,
    probs: bool,
    base: float | None,
    as_json: bool,
    block_rows: int | None,
) -> None:
    """Compare the distributions of a STUDENT with those of its TEACHER.

    Both are .npy files of logits (float16, bfloat16, float32 or float64) with the same shape,
    whose last axis is the vocabulary; every other axis counts rows. Files are read in blocks of
    rows and may be larger than memory.

    The forward divergence is KL(teacher || student). With --json, an infinity or nan is one of
    the strings "inf", "-inf" and "nan", and null is a standard error of fewer than two rows.
    """
    try:
        teacher_rows = Rows(teacher, "TEACHER")
        student_rows = Rows(student, "STUDENT")
        teacher_rows.must_match(student_rows)
    except UnusableFileError as bad:
        raise BadInput(str(bad)) from None

    report = compare(teacher_rows, student_rows, probs=probs, base=base, block_rows=block_rows)
    if as_json:
        click.echo(report.as_json())
        return
    from relentropy.cli.table import show  # rich takes longer to import than all the rest

    show(report)
