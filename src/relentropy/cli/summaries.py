"""One number per row, summarised."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from relentropy.cli.measures import Numbers

QUANTILES = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
_NAMED = 10


class Summary(NamedTuple):
    """What a table says of one number per row: of the finite ones; others are counted."""

    rows: int
    mean: float
    standard_error: float | None
    min: float
    quantiles: dict[str, float]
    max: float
    infinite: list[int]
    nan: list[int]

    @classmethod
    def of(cls, values: Numbers, rows: NDArray[np.int64]) -> "Summary":
        """Summarise the values of rows of these numbers."""
        finite = np.isfinite(values)
        ordered = np.sort(values[finite])
        count = len(ordered)
        with np.errstate(over="ignore"):  # finite numbers may add up to infinity
            mean = float(np.mean(ordered)) if count else math.nan
            error = float(np.std(ordered, ddof=1)) / math.sqrt(count) if count > 1 else None
        return cls(
            rows=count,
            mean=mean,
            standard_error=error,
            min=float(ordered[0]) if count else math.nan,
            quantiles={name: quantile(ordered, at) for name, at in QUANTILES.items()},
            max=float(ordered[-1]) if count else math.nan,
            infinite=rows[np.isinf(values)].tolist(),
            nan=rows[np.isnan(values)].tolist(),
        )

    def as_dict(self) -> dict[str, object]:
        """Flatten to what `--json` prints."""
        return {
            "mean": self.mean,
            "standard_error": self.standard_error,
            "min": self.min,
            **self.quantiles,
            "max": self.max,
            "finite_rows": self.rows,
            "infinite_rows": len(self.infinite),
            "nan_rows": len(self.nan),
            "first_infinite_rows": self.infinite[:_NAMED],
            "first_nan_rows": self.nan[:_NAMED],
        }


def quantile(ordered: Numbers, at: float) -> float:
    """Quantile by linear interpolation of sorted numbers; nan of none."""
    if not len(ordered):
        return math.nan
    position = at * (len(ordered) - 1)
    below, above = float(ordered[math.floor(position)]), float(ordered[math.ceil(position)])
    return below + (position - math.floor(position)) * (above - below)


def mean_of(values: Numbers) -> float:
    """The mean of the finite numbers; nan of none."""
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        return float(np.mean(finite)) if len(finite) else math.nan


def named(rows: list[int]) -> str:
    """The first few of the rows, in words."""
    shown = ", ".join(f"{row:,}" for row in rows[:_NAMED])
    more = f" and {len(rows) - _NAMED:,} more" if len(rows) > _NAMED else ""
    return f"row{'s' * (len(rows) > 1)} {shown}{more}"
