"""Which engine serves a job: the compiled one on the host, or a device's.

None says that none does, and that the formulas have to.
"""

from __future__ import annotations

from typing import Any

from . import cpu, triton
from .cpu import entries, entry_slopes, known, one_row

__all__ = ["entries", "entry_slopes", "known", "one_row", "rows", "slopes"]

Array = Any
Arrays = tuple[Array, ...]


def rows(
    job: Any, measure: Any, arrays: Arrays, mask: Array | None, *, keep: bool
) -> Arrays | None:
    """A measure's outputs, and with ``keep`` what its derivatives need; see `RowJob.value`."""
    found = cpu.rows(job, measure, arrays, mask, keep=keep)
    return found or triton.rows(job, measure, arrays, mask, keep=keep)


def slopes(
    job: Any, measure: Any, arrays: Arrays, mask: Array | None,
    kept: Arrays, seeds: Arrays, need: tuple[bool, ...],
) -> Arrays | None:  # fmt: skip
    """The operands' gradients; see `RowJob.pull`."""
    found = cpu.slopes(job, measure, arrays, mask, kept, seeds, need)
    return found or triton.slopes(job, measure, arrays, mask, kept, seeds, need)
