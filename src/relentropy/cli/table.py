"""The report as tables for a person."""

from collections.abc import Callable
from functools import partial

from rich.box import ROUNDED
from rich.console import Console
from rich.table import Table

from relentropy.cli.report import MEASURES, OfStudent, Part, Report
from relentropy.cli.summaries import QUANTILES, Summary, named

_WORST_OF_SEVERAL = 3


def show(report: Report) -> None:
    """Print the report to standard output."""
    # Names are no markup, nor codes of emojis.
    console = Console(highlight=False, markup=False, emoji=False)
    job, students = report.job, report.students
    # `out` does not wrap a path.
    console.out(f"teacher  {report.teacher}  {job.teacher.dtype}", highlight=False)
    for student in students:
        console.out(f"student  {student.file}  {student.dtype}", highlight=False)
    masked = "" if job.mask is None else f" of {job.teacher.count:,}"
    console.out(
        f"{len(report.rows):,}{masked} rows, vocabulary {job.teacher.vocabulary:,}",
        highlight=False,
    )
    console.print(_divergences(report) if len(students) == 1 else _side_by_side(report))
    console.print(_tokens(report))
    if job.tokens is not None:
        console.print(_parts(report))
    for student in students:
        if student.worst:
            console.print(_worst(report, student))
    for line in remarks(report):
        console.print(line, style="bold")


def remarks(report: Report) -> list[str]:
    """Sentences about rows of which some number is not finite."""
    lines = []
    several = len(report.students) > 1
    summaries = [("the teacher's entropy", report.entropy)]
    for one in report.students:
        of = f" of {one.label}" if several else ""
        summaries += [(f"{name}{of}", one.divergences[key]) for key, name in MEASURES.items()]
        summaries.append((f"the student's entropy{of}", one.entropy))
    total = len(report.rows)
    for name, summary in summaries:
        for kind, rows in (("infinite", summary.infinite), ("nan", summary.nan)):
            if rows:
                lines.append(
                    f"{name} is {kind} in {len(rows):,} of {total:,} rows ({named(rows)}); its "
                    "figures are those of the others"
                )
    if any(summary.nan for _, summary in summaries):
        lines.append(
            "rows of nan hold a nan, a logit of +inf, a negative weight, or no weight at all"
        )
    return lines


def _divergences(report: Report) -> Table:
    """All measures of one student."""
    (student,) = report.students
    table = _table(report.unit, *MEASURES.values())
    summaries = list(student.divergences.values())
    for name, values in _statistics(summaries):
        table.add_row(name, *values, end_section=name == "std. error")
    return table


def _side_by_side(report: Report) -> Table:
    """The same measure of several students."""
    table = _table(report.unit, *(one.label for one in report.students))
    for key, name in MEASURES.items():
        table.add_row(name, style="bold")
        rows = _statistics([one.divergences[key] for one in report.students])
        for i, (statistic, values) in enumerate(rows):
            table.add_row(f"  {statistic}", *values, end_section=i == len(rows) - 1)
    return table


def _statistics(summaries: list[Summary]) -> list[tuple[str, list[str]]]:
    rows: list[tuple[str, Callable[[Summary], str]]] = [
        ("mean", lambda one: number(one.mean)),
        ("std. error", _error),
        ("min", lambda one: number(one.min)),
    ]
    rows += [(name, partial(_quantile, name)) for name in QUANTILES]
    rows += [("max", lambda one: number(one.max))]
    if all(one.standard_error is None for one in summaries):
        del rows[1]
    return [(name, [of(one) for one in summaries]) for name, of in rows]


def _tokens(report: Report) -> Table:
    """What becomes of entropies and tokens: the teacher, and every student beside it."""
    students = report.students
    labels = ["student"] if len(students) == 1 else [one.label for one in students]
    table = _table("", "teacher", *labels)

    def add(name: str, teacher: str, of: Callable[[OfStudent], str]) -> None:
        table.add_row(name, teacher, *(of(one) for one in students))

    add(
        f"mean entropy, {report.unit}",
        number(report.entropy.mean),
        lambda one: number(one.entropy.mean),
    )
    if students[0].perplexity is not None:
        add("perplexity", number(students[0].perplexity.teacher), _perplexity)
        add("perplexity ratio", "", _ratio)
    add("top-1 agreement", "", lambda one: f"{one.top1_agreement_percent:.6g} %")
    add("top token's probability, mean change", "", lambda one: f"{one.mean_change:+.4g} %")
    add("top token's probability, RMS change", "", lambda one: f"{one.rms_change:.4g} %")
    for threshold in students[0].past:
        add(f"rows of KL > {threshold:g}", "", partial(_past, threshold))
    return table


def _past(threshold: float, one: OfStudent) -> str:
    return f"{one.past[threshold]:.4g} %"


def _perplexity(one: OfStudent) -> str:
    return "" if one.perplexity is None else number(one.perplexity.student)


def _ratio(one: OfStudent) -> str:
    return "" if one.perplexity is None else number(one.perplexity.ratio)


def _parts(report: Report) -> Table:
    """Divergences of stretches of positions, and of tokens that the teacher knew or did not."""
    students = report.students
    labels = ["mean KL"] if len(students) == 1 else [one.label for one in students]
    table = _table(f"mean KL, {report.unit}", "rows", *labels)
    for parts in ([one.by_position for one in students], [one.by_top1 for one in students]):
        for i, part in enumerate(parts[0]):
            values = [_mean_of(of_student[i]) for of_student in parts]
            last = i == len(parts[0]) - 1
            table.add_row(part.name, f"{part.rows:,}", *values, end_section=last)
    return table


def _mean_of(part: Part) -> str:
    return number(part.mean_kl) if part.rows else "–"


def _worst(report: Report, student: OfStudent) -> Table:
    """The rows with the largest divergences, and their tokens."""
    several = len(report.students) > 1
    shown = student.worst[: _WORST_OF_SEVERAL if several else None]
    table = _table("row", "position", "KL", "teacher's top", "its p", "student's top")
    table.columns[4].no_wrap = True
    table.columns[0].justify = "right"
    table.title = f"largest KL(teacher || student){f', {student.label}' if several else ''}"
    table.title_justify = "left"
    if report.job.tokens is not None:
        table.add_column("token", justify="right")
    for one in shown:
        cells = [
            f"{one.row:,}",
            f"{one.position:,}",
            number(one.kl),
            f"{one.teacher_top}",
            f"{one.teacher_top_probability:.3f}→{one.student_probability_of_teacher_top:.3f}",
            f"{one.student_top}",
        ]
        if report.job.tokens is not None:
            cells.append("–" if one.token is None else f"{one.token}")
        table.add_row(*cells)
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=ROUNDED)
    table.add_column(first)
    for one in others:
        table.add_column(one, justify="right", overflow="fold")
    return table


def _quantile(name: str, summary: Summary) -> str:
    return number(summary.quantiles[name])


def _error(summary: Summary) -> str:
    return "" if summary.standard_error is None else f"± {summary.standard_error:.2g}"


def number(value: float) -> str:
    """Six digits."""
    return f"{value:#.6g}"
