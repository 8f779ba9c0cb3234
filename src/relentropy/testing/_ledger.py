"""What an audit writes down as it goes; `report` makes of it what people read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

FAULTS = {
    "wrong": "another number",
    "digits": "lost digits",
    "nan": "nan where there is a value",
    "inf": "inf where a finite number is right",
    "negative": "negative where that is impossible",
    "hidden": "something else where nan or an infinity is right",
    "missing": "no derivative",
    "sign": "goes the wrong way, or nowhere",
    "noise": "differs from call to call",
    "mask": "depends on what is masked",
    "split": "depends on how a batch is split",
    "bias": "biased",
    "dtype": "result narrower than the operands",
    "device": "result on another device",
    "shape": "result of another shape",
    "error": "raises",
    "operands": "changes its operands",
}
"""Every fault that a finding may name, and what it says."""


@dataclass(frozen=True)
class Finding:
    """Something wrong, and how to see it.

    Attributes
    ----------
    name : str
        ``quantity.fault.regime.dtype``, such as "gradient.nan.masked.float32"; accepted
        findings are chosen by patterns of it.
    detail : str
        One line: what came back, and what is right.
    count, of : int
        How many numbers have this fault, and how many were looked at.
    ulp : float
        The worst error in units in the last place of the operands' dtype; inf where nothing is
        right, nan where that is no measure.
    reproducer : str
        Python that shows it; ``fn`` stands for the audited function.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.testing import audit
    >>> report = audit(lambda x, y: x * np.log(x / y) - x + y, "kl_div", dtypes=["float64"])
    >>> (found,) = report.matching("value.negative.close.*")
    >>> found.name, found.count <= found.of
    ('value.negative.close.float64', True)
    """

    name: str
    detail: str
    count: int
    of: int
    ulp: float
    reproducer: str

    @property
    def fault(self) -> str:
        """The second part of the name; `FAULTS` says what it means."""
        return self.name.split(".")[1]


@dataclass
class Ledger:
    """Cells of the tables, findings by name, and remarks."""

    cells: dict[str, dict[str, dict[str, float | str]]] = field(default_factory=dict)
    """By quantity, regime and dtype: the worst error in ulp, or the name of a fault."""
    found: dict[str, Finding] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    curve: list[tuple[str, str, float, float]] = field(default_factory=list)
    """Quantity, dtype, gap and worst error, for the picture."""

    def measured(self, quantity: str, label: str, dtype: str, ulp: float) -> None:
        """The worst error of what has no other fault; the worst stays."""
        row = self.cells.setdefault(quantity, {}).setdefault(label, {})
        kept = row.get(dtype)
        if not isinstance(kept, str) and (kept is None or not ulp <= kept):
            row[dtype] = ulp

    def fault(self, label: str, finding: Finding) -> None:
        """Add a finding to the cell of its regime, and to what has its name already."""
        quantity, fault, _, dtype = finding.name.split(".")
        if fault != "digits":
            self.cells.setdefault(quantity, {}).setdefault(label, {})[dtype] = fault
        kept = self.found.get(finding.name)
        if kept is not None:
            worse = finding if _rank(finding) > _rank(kept) else kept
            count, of = kept.count + finding.count, kept.of + finding.of
            finding = Finding(worse.name, worse.detail, count, of, worse.ulp, worse.reproducer)
        self.found[finding.name] = finding

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)


def said(error: Exception) -> str:
    """The first line of what an exception says."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:160]


def _rank(finding: Finding) -> float:
    return -1.0 if math.isnan(finding.ulp) else finding.ulp
