"""The report as a table for a person."""

from rich.console import Console
from rich.table import Table

from relentropy.cli.compare import Report, Summary


def show(report: Report) -> None:
    """Print the report to standard output."""
    console = Console(highlight=False)
    teacher, student = report.teacher, report.student
    # `out` neither wraps a path nor takes brackets in it for markup.
    console.out(f"teacher  {teacher.path}  {teacher.dtype}", highlight=False)
    console.out(f"student  {student.path}  {student.dtype}", highlight=False)
    console.out(f"{teacher.count:,} rows, vocabulary {teacher.vocabulary:,}", highlight=False)
    console.print(_divergences(report))
    console.print(_entropies(report))
    console.print(f"top-1 agreement  {report.top1_agreement_percent:.6g} %")
    for line in _remarks(report):
        console.print(line)


def _divergences(report: Report) -> Table:
    forward, reverse = report.kl, report.reverse_kl
    table = Table()
    table.add_column(report.unit)
    table.add_column("KL(teacher || student)", justify="right")
    table.add_column("KL(student || teacher)", justify="right")
    table.add_row("mean", _mean(forward), _mean(reverse), end_section=True)
    table.add_row("min", _number(forward.min), _number(reverse.min))
    for name in forward.quantiles:
        values = (_number(summary.quantiles[name]) for summary in (forward, reverse))
        table.add_row(name, *values)
    table.add_row("max", _number(forward.max), _number(reverse.max))
    return table


def _entropies(report: Report) -> Table:
    table = Table()
    table.add_column(report.unit)
    table.add_column("teacher", justify="right")
    table.add_column("student", justify="right")
    table.add_row("mean entropy", _mean(report.teacher_entropy), _mean(report.student_entropy))
    return table


def _remarks(report: Report) -> list[str]:
    lines = []
    for name, summary in (
        ("KL(teacher || student)", report.kl),
        ("KL(student || teacher)", report.reverse_kl),
    ):
        if summary.infinite_rows:
            count = summary.infinite_rows
            lines.append(f"{name} is infinite in {count:,} of {report.teacher.count:,} rows")
        if summary.nan_rows:
            lines.append(
                f"{name} is nan in {summary.nan_rows:,} of {report.teacher.count:,} rows: they "
                "hold a nan, a logit of +inf, a negative weight, or no weight at all"
            )
    return lines


def _mean(summary: Summary) -> str:
    if summary.standard_error is None:
        return _number(summary.mean)
    return f"{_number(summary.mean)} ± {summary.standard_error:.2g}"


def _number(value: float) -> str:
    return f"{value:#.6g}"
