"""What an audit found, for people and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ._ledger import FAULTS, Finding

__all__ = ["Finding", "Report"]


@dataclass(frozen=True)
class Report:
    """Result of `audit`, which is true if nothing was found.

    Attributes
    ----------
    function, kind, inputs, backend : str
        What was audited.
    dtypes : tuple of str
        The precisions that were looked at.
    max_ulp : float
        Larger errors are findings.
    findings : tuple of Finding
        In the order in which they were found.
    tables : dict
        By quantity ("value", "gradient"), regime and dtype: the worst error in ulp, divided by
        the condition number of the result, or the fault that stands before it.
    remarks : tuple of str
        What is neither right nor wrong, such as dtypes that were left out.
    curve : tuple of (str, str, float, float)
        Quantity, dtype, relative gap of the operands and worst error: what `plot` draws.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.testing import audit
    >>> report = audit(lambda x, y: x * np.log(x / y) - x + y, "kl_div", dtypes=["float64"])
    >>> bool(report), report.worst("value", "close")
    (False, inf)
    >>> [finding.name for finding in report.matching("value.negative.*")]
    ['value.negative.close.float64', 'value.negative.extreme.float64']
    """

    function: str
    kind: str
    inputs: str
    backend: str
    dtypes: tuple[str, ...]
    max_ulp: float
    findings: tuple[Finding, ...]
    tables: dict[str, dict[str, dict[str, float | str]]]
    remarks: tuple[str, ...] = ()
    curve: tuple[tuple[str, str, float, float], ...] = ()

    def __bool__(self) -> bool:
        return not self.findings

    def matching(self, *patterns: str) -> tuple[Finding, ...]:
        """Findings whose name matches one of some patterns, such as ``"gradient.nan.*"``.

        Parameters
        ----------
        *patterns : str
            As file names: ``*`` stands for any characters, also for dots.
        """
        return tuple(f for f in self.findings if any(fnmatchcase(f.name, p) for p in patterns))

    def without(self, *patterns: str) -> Report:
        """The report without the findings whose name matches one of some patterns."""
        accepted = self.matching(*patterns)
        left = tuple(finding for finding in self.findings if finding not in accepted)
        return replace(self, findings=left)

    def worst(self, quantity: str = "value", regime: str = "*", dtype: str = "*") -> float:
        """The worst error in ulp; inf where there is a nan, infinity or wrong sign.

        Parameters
        ----------
        quantity : {"value", "gradient"}
        regime, dtype : str
            Patterns of what to look at.
        """
        found = [
            cell if isinstance(cell, float) else math.inf
            for label, row in self.tables.get(quantity, {}).items()
            for name, cell in row.items()
            if fnmatchcase(name, dtype) and fnmatchcase(label.split()[0], regime)
        ]
        return max(found, default=math.nan)

    def __str__(self) -> str:
        """For a terminal: tables, and findings with what reproduces them."""
        parts = [self._title(), *self.remarks]
        for quantity in self.tables:
            parts += ["", self._caption(quantity), *_plain(*self._table(quantity))]
        for finding in self.findings:
            many = f" ({finding.count} of {finding.of})" if finding.of > 1 else ""
            parts += ["", f"{finding.name}: {FAULTS[finding.fault]}{many}"]
            parts += [f"  {finding.detail}"]
            parts += [f"    {line}" for line in finding.reproducer.splitlines()]
        return "\n".join(parts)

    def __repr__(self) -> str:
        return f"<Report: {self._title()}>"

    def to_markdown(self) -> str:
        """The same as a page of Markdown."""
        parts = [f"## {self._title()}", *(f"* {text}" for text in self.remarks)]
        for quantity in self.tables:
            head, rows = self._table(quantity)
            parts += ["", self._caption(quantity), "", *markdown(head, rows).splitlines()]
        for finding in self.findings:
            parts += ["", f"### `{finding.name}`", ""]
            parts += [f"{FAULTS[finding.fault].capitalize()}: {finding.detail}; "]
            parts[-1] += f"{finding.count} of {finding.of}."
            parts += ["", "```python", *finding.reproducer.splitlines(), "```"]
        return "\n".join(parts) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dictionaries."""
        return asdict(self)

    def to_json(self) -> str:
        """Everything as strict JSON; numbers that are not finite are strings in it."""
        return json.dumps(_finite(self.to_dict()), indent=2) + "\n"

    def plot(self, path: str | Path | None = None, *, ax: Any = None) -> Any:
        """Draw errors against the closeness of the operands; needs matplotlib.

        Parameters
        ----------
        path : str or Path, optional
            Where to save it, in the format of the suffix.
        ax : matplotlib Axes, optional
            What to draw on. By default a figure is made.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            If nothing was measured at a known closeness.
        """
        from ._picture import draw

        return draw(self, path, ax)

    def _title(self) -> str:
        found = f"{len(self.findings)} finding" + "s" * (len(self.findings) != 1)
        what = self.kind if self.inputs == "values" else f"{self.kind} of {self.inputs}"
        return f"{self.function} as {what}, {self.backend}: {found}"

    def _caption(self, quantity: str) -> str:
        return f"{quantity}, worst error in ulp (more than {self.max_ulp:g} is a finding)"

    def _table(self, quantity: str) -> tuple[list[str], list[list[str]]]:
        table = self.tables[quantity]
        regimes = [label.split()[0] for label in table]
        # Regimes as they first came, the widest gap first.
        labels = sorted(table, key=lambda x: (regimes.index(x.split()[0]), -_gap(x)))
        rows = [
            [label, *(_cell(table[label].get(dtype)) for dtype in self.dtypes)]
            for label in labels
        ]
        return ["", *self.dtypes], rows


def _gap(label: str) -> float:
    _, _, gap = label.partition(" ")
    return float(gap or 0)


def _cell(value: float | str | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else figure(value)


def figure(ulp: float) -> str:
    """Two decimals as long as they say something."""
    if not math.isfinite(ulp):
        return "inf"
    return f"{ulp:.2f}" if ulp < 1000 else f"{ulp:.0e}"


def _plain(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table that can be read unrendered; all but the first columns are flush right."""
    widths = [
        max(3, *(len(cell) for cell in column)) for column in zip(head, *rows, strict=True)
    ]
    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in (head, rule, *rows)
    )


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
