"""What a comparison found: from numbers of rows to statistics."""

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from relentropy.cli.measures import OF_STUDENT, OF_TEACHER, Job, Numbers
from relentropy.cli.names import printable
from relentropy.cli.summaries import Summary, mean_of

THRESHOLDS = (0.01, 0.1, 1.0)
_WORST = 10
_STRETCHES = 8

MEASURES = {
    "kl": "KL(teacher || student)",
    "reverse_kl": "KL(student || teacher)",
    "js": "JS divergence",
    "total_variation": "total variation",
}


class Part(NamedTuple):
    """The divergence of some of the rows."""

    name: str
    rows: int
    """Those whose divergence is finite: what the mean is of."""
    mean_kl: float


class Worst(NamedTuple):
    """One of the rows with the largest divergences."""

    row: int
    position: int | None
    kl: float
    teacher_top: int
    teacher_top_probability: float
    student_top: int
    student_probability_of_teacher_top: float
    token: int | None


class Perplexity(NamedTuple):
    """Of the tokens that follow rows which are not nan."""

    teacher: float
    student: float
    ratio: float
    tokens: int


class OfStudent(NamedTuple):
    """All about one student; nan is a figure of no row at all."""

    file: str
    label: str
    dtype: str
    divergences: dict[str, Summary]
    entropy: Summary
    top1_agreement_percent: float
    mean_change: float
    """Of the probability of the teacher's top token, in percentage points."""
    rms_change: float
    past: dict[float, float]
    """Percent of the rows with a larger divergence than each threshold, of those not nan."""
    worst: list[Worst]
    perplexity: Perplexity | None
    by_position: list[Part]
    by_top1: list[Part]


class Report(NamedTuple):
    """All that `relentropy compare` found."""

    job: Job
    rows: NDArray[np.int64]
    """Numbers of the rows that the mask selects."""
    numbers: dict[str, Numbers]
    """The selected rows' numbers, by the names of `Job.columns`."""
    entropy: Summary
    students: list[OfStudent]

    @property
    def teacher(self) -> str:
        """The teacher's file."""
        return printable(self.job.teacher.name)

    @property
    def unit(self) -> str:
        """Unit of divergences and entropies."""
        base = self.job.base
        if base is None:
            return "nats"
        return "bits" if base == 2 else f"base {base:g}"

    @property
    def positions(self) -> NDArray[np.int64]:
        """Where in its sequence a row is; along the file if there is one sequence."""
        return self.rows % positions(self.job)

    @property
    def unusual(self) -> bool:
        """Whether a number of some row is not finite."""
        summaries = [self.entropy, *(one.entropy for one in self.students)]
        for one in self.students:
            summaries += one.divergences.values()
        return any(one.infinite or one.nan for one in summaries)

    def as_json(self) -> str:
        """One JSON object; an infinity becomes a string, and nan null."""
        job = self.job
        fields = {
            "rows": job.teacher.count,
            "selected_rows": len(self.rows),
            "vocabulary": job.teacher.vocabulary,
            "unit": self.unit,
            "base": "e" if job.base is None else job.base,
            "teacher": {
                "file": self.teacher,
                "dtype": job.teacher.dtype,
                "entropy": self.entropy.as_dict(),
            },
            "students": [_as_dict(one, tokens=job.tokens is not None) for one in self.students],
        }
        return json.dumps(_without_special_floats(fields), allow_nan=False)


def positions(job: Job) -> int:
    """Length of a sequence."""
    shape = job.teacher.shape
    return shape[-2] if len(shape) > 2 else max(1, job.teacher.count)


def report_of(job: Job, found: Numbers, thresholds: Sequence[float] = THRESHOLDS) -> Report:
    """Make statistics of the numbers of all rows."""
    rows = np.arange(job.teacher.count) if job.mask is None else np.flatnonzero(job.mask)
    chosen = found if job.mask is None else found[rows]
    numbers = {name: chosen[:, i] for i, name in enumerate(job.columns)}
    teacher = {name: numbers[name] for name in OF_TEACHER}
    labels = _labels([printable(one.name) for one in job.students])
    students = []
    for i, label in enumerate(labels):
        of_student = {name: numbers[f"{i}.{name}"] for name in OF_STUDENT}
        students.append(_of_student(job, i, label, rows, teacher, of_student, thresholds))
    return Report(job, rows, numbers, Summary.of(teacher["entropy"], rows), students)


def _of_student(
    job: Job, place: int, label: str, rows: NDArray[np.int64],
    p: dict[str, Numbers], q: dict[str, Numbers], thresholds: Sequence[float],
) -> OfStudent:  # fmt: skip
    student, kl = job.students[place], q["kl"]
    known = ~np.isnan(kl)  # where both rows are distributions
    agree = p["top"] == q["top"]
    change = 100 * (q["top_probability"] - p["top_probability"])[known]
    return OfStudent(
        file=printable(student.name),
        label=label,
        dtype=student.dtype,
        divergences={name: Summary.of(q[name], rows) for name in MEASURES},
        entropy=Summary.of(q["entropy"], rows),
        top1_agreement_percent=_percent(agree[known]),
        mean_change=mean_of(change),
        rms_change=math.sqrt(mean_of(change**2)),
        past={one: _percent(kl[known] > one) for one in thresholds},
        worst=_worst(job, rows, p, q),
        perplexity=_perplexity(job, rows, p, q),
        by_position=_by_position(job, rows, kl),
        by_top1=_by_top1(job, rows, p, kl),
    )


def _percent(true: NDArray[np.bool_]) -> float:
    return 100 * float(np.mean(true)) if len(true) else math.nan


def _worst(
    job: Job, rows: NDArray[np.int64], p: dict[str, Numbers], q: dict[str, Numbers]
) -> list[Worst]:
    kl = np.where(np.isnan(q["kl"]), -np.inf, q["kl"])
    # The largest first, of equal ones the first; of all rows only as many as are wanted.
    among = np.arange(len(kl))
    if len(kl) > _WORST:
        among = np.flatnonzero(kl >= np.partition(kl, -_WORST)[-_WORST])
    order = among[np.argsort(-kl[among], kind="stable")][:_WORST]
    length = positions(job)
    return [
        Worst(
            row=int(rows[i]),
            position=int(rows[i] % length),
            kl=float(q["kl"][i]),
            teacher_top=int(p["top"][i]),
            teacher_top_probability=float(p["top_probability"][i]),
            student_top=int(q["top"][i]),
            student_probability_of_teacher_top=float(q["top_probability"][i]),
            token=_token(job, int(rows[i])),
        )
        for i in order
        if not np.isnan(q["kl"][i])
    ]


def _token(job: Job, row: int) -> int | None:
    if job.tokens is None or job.tokens[row] < 0:
        return None
    return int(job.tokens[row])


def _perplexity(
    job: Job, rows: NDArray[np.int64], p: dict[str, Numbers], q: dict[str, Numbers]
) -> Perplexity | None:
    if job.tokens is None:
        return None
    known = (job.tokens[rows] >= 0) & ~np.isnan(q["kl"])
    teacher, student = p["log_prob"][known], q["log_prob"][known]
    if not len(teacher):
        return Perplexity(math.nan, math.nan, math.nan, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        return Perplexity(
            teacher=float(np.exp(-np.mean(teacher))),
            student=float(np.exp(-np.mean(student))),
            ratio=float(np.exp(np.mean(teacher - student))),
            tokens=len(teacher),
        )


def _by_position(job: Job, rows: NDArray[np.int64], kl: Numbers) -> list[Part]:
    if job.tokens is None:
        return []
    length = positions(job)
    edges = np.linspace(0, length, min(_STRETCHES, length) + 1).astype(int)
    where = np.searchsorted(edges, rows % length, side="right") - 1
    parts = []
    for i, (start, stop) in enumerate(pairwise(edges)):
        name = f"{start}" if stop == start + 1 else f"{start}-{stop - 1}"
        parts.append(_part(f"position {name}", kl[where == i]))
    return parts


def _by_top1(
    job: Job, rows: NDArray[np.int64], p: dict[str, Numbers], kl: Numbers
) -> list[Part]:
    if job.tokens is None:
        return []
    tokens = job.tokens[rows]
    right = p["top"] == tokens
    return [
        _part("teacher's top token is right", kl[(tokens >= 0) & right]),
        _part("teacher's top token is wrong", kl[(tokens >= 0) & ~right]),
    ]


def _part(name: str, kl: Numbers) -> Part:
    return Part(name, int(np.sum(np.isfinite(kl))), mean_of(kl))


def _labels(names: list[str]) -> list[str]:
    """File names as short as they stay different."""
    pieces = [name.split("/") for name in names]
    for size in range(1, max(map(len, pieces))):
        short = ["/".join(one[-size:]) for one in pieces]
        if len(set(short)) == len(names):
            return short
    return names


def _as_dict(one: OfStudent, *, tokens: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "file": one.file,
        "dtype": one.dtype,
        **{name: summary.as_dict() for name, summary in one.divergences.items()},
        "entropy": one.entropy.as_dict(),
        "top1_agreement_percent": one.top1_agreement_percent,
        "top_probability_change_percent": {"mean": one.mean_change, "rms": one.rms_change},
        "rows_past": [
            {"threshold": threshold, "percent": percent}
            for threshold, percent in one.past.items()
        ],
        "worst_rows": [worst._asdict() for worst in one.worst],
    }
    if tokens and one.perplexity is not None:
        fields["perplexity"] = one.perplexity._asdict()
        fields["kl_by_position"] = [part._asdict() for part in one.by_position]
        fields["kl_by_top1"] = [part._asdict() for part in one.by_top1]
    return fields


def _without_special_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_special_floats(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_special_floats(inner) for inner in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return value
