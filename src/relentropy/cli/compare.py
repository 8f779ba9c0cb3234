"""The numbers: per row from the library, over the rows from here."""

import json
import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import relentropy
from relentropy.cli.npy import Rows

# 16 MB in float32: large enough that the cost of a call does not show.
_BLOCK_ELEMENTS = 2**22
_QUANTILES = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


class Summary(NamedTuple):
    """What a table says of one number per row."""

    mean: float
    standard_error: float | None
    min: float
    quantiles: dict[str, float]
    max: float
    infinite_rows: int
    nan_rows: int

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Summary":
        """Summarise one value per row, in any order."""
        ordered = np.sort(values)  # nan last
        count = len(ordered)
        with np.errstate(invalid="ignore", over="ignore"):  # an infinity among the rows
            mean = float(np.mean(ordered))
            error = float(np.std(ordered, ddof=1)) / math.sqrt(count) if count > 1 else None
        nans = int(np.isnan(ordered).sum())
        return cls(
            mean=mean,
            standard_error=error,
            min=math.nan if nans else float(ordered[0]),
            quantiles={name: _quantile(ordered, at) for name, at in _QUANTILES.items()},
            max=float(ordered[-1]),
            infinite_rows=int(np.isinf(ordered).sum()),
            nan_rows=nans,
        )

    def as_dict(self) -> dict[str, float | None]:
        """Flatten to what `--json` prints."""
        return {
            "mean": self.mean,
            "standard_error": self.standard_error,
            "min": self.min,
            **self.quantiles,
            "max": self.max,
            "infinite_rows": self.infinite_rows,
            "nan_rows": self.nan_rows,
        }


class Report(NamedTuple):
    """All that `relentropy compare` found."""

    teacher: Rows
    student: Rows
    base: float | None
    kl: Summary
    reverse_kl: Summary
    teacher_entropy: Summary
    student_entropy: Summary
    top1_agreement_percent: float

    @property
    def unit(self) -> str:
        """Unit of divergences and entropies."""
        if self.base is None:
            return "nats"
        return "bits" if self.base == 2 else f"base {self.base:g}"

    def as_json(self) -> str:
        """One JSON object; an infinity or nan becomes a string."""
        fields = {
            "rows": self.teacher.count,
            "vocabulary": self.teacher.vocabulary,
            "unit": self.unit,
            "base": self.base,
            "teacher": {"file": str(self.teacher.path), "dtype": self.teacher.dtype},
            "student": {"file": str(self.student.path), "dtype": self.student.dtype},
            "kl": self.kl.as_dict(),
            "reverse_kl": self.reverse_kl.as_dict(),
            "teacher_entropy": self.teacher_entropy.as_dict(),
            "student_entropy": self.student_entropy.as_dict(),
            "top1_agreement_percent": self.top1_agreement_percent,
        }
        return json.dumps(_without_special_floats(fields), allow_nan=False)


def compare(
    teacher: Rows,
    student: Rows,
    *,
    probs: bool = False,
    base: float | None = None,
    block_rows: int | None = None,
) -> Report:
    """Compare two files of equal shape, a block of rows at a time."""
    count = teacher.count
    step = block_rows or max(1, _BLOCK_ELEMENTS // teacher.vocabulary)
    divergence = partial(
        relentropy.kl_divergence, from_logits=not probs, base=base, dtype=np.float64
    )
    entropy = partial(relentropy.entropy, from_logits=not probs, base=base, dtype=np.float64)
    kl, reverse_kl, teacher_entropy, student_entropy = np.empty((4, count))
    agreements = 0
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        p, q = teacher.block(rows.start, rows.stop), student.block(rows.start, rows.stop)
        kl[rows] = divergence(p, q)
        reverse_kl[rows] = divergence(q, p)
        teacher_entropy[rows] = entropy(p)
        student_entropy[rows] = entropy(q)
        agreements += int(np.sum(np.argmax(p, axis=-1) == np.argmax(q, axis=-1)))
    return Report(
        teacher=teacher,
        student=student,
        base=base,
        kl=Summary.of(kl),
        reverse_kl=Summary.of(reverse_kl),
        teacher_entropy=Summary.of(teacher_entropy),
        student_entropy=Summary.of(student_entropy),
        top1_agreement_percent=100 * agreements / count,
    )


def _quantile(ordered: NDArray[np.float64], at: float) -> float:
    """Quantile by linear interpolation, as numpy's but right between two infinities."""
    if math.isnan(ordered[-1]):
        return math.nan
    position = at * (len(ordered) - 1)
    below, above = float(ordered[math.floor(position)]), float(ordered[math.ceil(position)])
    if below == above:
        return below  # inf - inf is nan
    return below + (position - math.floor(position)) * (above - below)


def _without_special_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_special_floats(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
