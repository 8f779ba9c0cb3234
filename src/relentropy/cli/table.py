"""The report as tables for a person."""

import math
from collections.abc import Callable
from functools import partial

from relentropy.cli.grids import Grid
from relentropy.cli.report import MEASURES, OfStudent, Report
from relentropy.cli.summaries import QUANTILES, Summary, named
from relentropy.cli.terminal import Terminal

_WORST_OF_SEVERAL = 3
_NONE = "–"


def show(report: Report) -> None:
    """Print the report to standard output."""
    terminal = Terminal()
    job, students = report.job, report.students
    terminal.verbatim(f"teacher  {report.teacher}  {job.teacher.dtype}")
    for student in students:
        terminal.verbatim(f"student  {student.file}  {student.dtype}")
    total, vocabulary = job.teacher.count, job.teacher.vocabulary
    masked = "" if job.mask is None else f" of {total:,}"
    selected = f"{len(report.rows):,}{masked} {_rows(total)}"
    terminal.verbatim(f"{selected}, vocabulary {vocabulary:,}")
    grids = [_divergences(report) if len(students) == 1 else _side_by_side(report)]
    grids.append(_tokens(report))
    if job.tokens is not None:
        grids.append(_parts(report))
    grids += [_worst(report, student) for student in students if student.worst]
    for grid in grids:
        grid.show(terminal)
    for line in remarks(report):
        terminal.print(line, style="bold")


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
                    f"{name} is {kind} in {len(rows):,} of {total:,} {_rows(total)} "
                    f"({named(rows)}); its figures are those of the others"
                )
    if any(summary.nan for _, summary in summaries):
        lines.append(
            "rows of nan hold a nan, a logit of +inf, a negative weight, no weight at all, or "
            "logits more than 1.8e308 apart"
        )
    return lines


def _divergences(report: Report) -> Grid:
    """All measures of one student."""
    (student,) = report.students
    grid = Grid(report.unit, list(MEASURES.values()))
    summaries = list(student.divergences.values())
    for name, values in _statistics(summaries):
        grid.add(name, *values, end_section=name == "std. error")
    return grid


def _side_by_side(report: Report) -> Grid:
    """The same measure of several students."""
    grid = Grid(report.unit, [one.label for one in report.students])
    for key, name in MEASURES.items():
        grid.add(name, style="bold")
        rows = _statistics([one.divergences[key] for one in report.students])
        for i, (statistic, values) in enumerate(rows):
            grid.add(f"  {statistic}", *values, end_section=i == len(rows) - 1)
    return grid


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


def _tokens(report: Report) -> Grid:
    """What becomes of entropies and tokens: the teacher, and every student beside it."""
    students = report.students
    labels = ["student"] if len(students) == 1 else [one.label for one in students]
    grid = Grid("", ["teacher", *labels])

    def add(name: str, teacher: str, of: Callable[[OfStudent], str]) -> None:
        grid.add(name, teacher, *(of(one) for one in students))

    add(
        f"mean entropy, {report.unit}",
        number(report.entropy.mean),
        lambda one: number(one.entropy.mean),
    )
    perplexities = [one.perplexity for one in students if one.perplexity is not None]
    if perplexities:
        of_most = max(perplexities, key=lambda one: one.tokens)
        add("perplexity", number(of_most.teacher), _perplexity)
        add("perplexity ratio", "", _ratio)
    add("top-1 agreement", "", lambda one: _percent(one.top1_agreement_percent, ".6g"))
    add(
        "top token's probability, mean change",
        "",
        lambda one: _percent(one.mean_change, "+.4g"),
    )
    add("top token's probability, RMS change", "", lambda one: _percent(one.rms_change, ".4g"))
    for threshold in students[0].past:
        add(f"rows of KL > {threshold:g}", "", partial(_past, threshold))
    return grid


def _past(threshold: float, one: OfStudent) -> str:
    return _percent(one.past[threshold], ".4g")


def _perplexity(one: OfStudent) -> str:
    return "" if one.perplexity is None else number(one.perplexity.student)


def _ratio(one: OfStudent) -> str:
    return "" if one.perplexity is None else number(one.perplexity.ratio)


def _parts(report: Report) -> Grid:
    """Divergences of stretches of positions, and of tokens that the teacher knew or did not."""
    students = report.students
    labels = ["mean KL"] if len(students) == 1 else [one.label for one in students]
    grid = Grid(f"mean KL, {report.unit}", ["rows", *labels])
    for parts in ([one.by_position for one in students], [one.by_top1 for one in students]):
        for i, part in enumerate(parts[0]):
            values = [number(of_student[i].mean_kl) for of_student in parts]
            last = i == len(parts[0]) - 1
            grid.add(part.name, f"{part.rows:,}", *values, end_section=last)
    return grid


def _worst(report: Report, student: OfStudent) -> Grid:
    """The rows with the largest divergences, and their tokens."""
    several = len(report.students) > 1
    headers = ["position", "KL", "teacher's top", "its p", "student's top"]
    if report.job.tokens is not None:
        headers.append("token")
    grid = Grid(
        "row",
        headers,
        title=f"largest KL(teacher || student){f', {student.label}' if several else ''}",
        right=True,
        together=[headers.index("its p")],
    )
    for one in student.worst[: _WORST_OF_SEVERAL if several else None]:
        cells = [
            f"{one.row:,}",
            f"{one.position:,}",
            number(one.kl),
            f"{one.teacher_top}",
            f"{one.teacher_top_probability:.3f}→{one.student_probability_of_teacher_top:.3f}",
            f"{one.student_top}",
        ]
        if report.job.tokens is not None:
            cells.append(_NONE if one.token is None else f"{one.token}")
        grid.add(*cells)
    return grid


def _quantile(name: str, summary: Summary) -> str:
    return number(summary.quantiles[name])


def _error(summary: Summary) -> str:
    return "" if summary.standard_error is None else f"± {summary.standard_error:.2g}"


def number(value: float) -> str:
    """Six digits, or a dash for what no row has."""
    return _NONE if math.isnan(value) else f"{value:#.6g}".rstrip(".")


def _percent(value: float, digits: str) -> str:
    return _NONE if math.isnan(value) else f"{value:{digits}} %"


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"
