"""Errors against the closeness of the operands, as a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._ulp import FORMATS

if TYPE_CHECKING:
    from .report import Report

# Okabe and Ito's, which the colour-blind can tell apart, and a mark for each.
_LOOKS = {
    "float16": ("#cc79a7", "D"),
    "bfloat16": ("#e69f00", "s"),
    "float32": ("#0072b2", "^"),
    "float64": ("#d55e00", "o"),
}
_WORST = 1e17
"""Where nothing is right: nan, infinities and negative numbers."""
_BEST = 0.1


def draw(report: Report, path: str | Path | None, ax: Any) -> Any:
    """What `Report.plot` does."""
    if not report.curve:
        msg = "nothing was measured at a known closeness: there is nothing to draw"
        raise ValueError(msg)
    figure = None
    if ax is None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4.2), layout="constrained")
        ax = figure.subplots()
    for dtype in FORMATS:
        for quantity, style in (("value", "-"), ("gradient", ":")):
            worst = _worst(report, quantity, dtype)
            if worst:
                colour, mark = _LOOKS[dtype]
                label = dtype if quantity == "value" else f"{dtype}, gradient"
                ax.plot(
                    list(worst), list(worst.values()), style, color=colour, marker=mark,
                    markersize=5, label=label, linewidth=1.6, clip_on=False, zorder=3,
                )  # fmt: skip
    ax.axhline(report.max_ulp, color="0.5", linewidth=0.8, linestyle="--", zorder=1)
    ax.set(
        xscale="log", yscale="log", ylim=(_BEST, _WORST),
        xlabel="relative gap between the operands",
        ylabel="worst error in ulp",
    )  # fmt: skip
    ax.set_title(f"{report.function} as {report.kind}, {report.backend}", size="medium", pad=16)
    ax.invert_xaxis()
    ax.set_yticks([10.0**k for k in range(0, 16, 3)] + [_WORST])
    ax.set_yticklabels(
        [f"$10^{{{k}}}$" if k else "1" for k in range(0, 16, 3)] + ["nan, inf,\nnegative"]
    )
    ax.minorticks_off()
    ax.grid(color="0.9", linewidth=0.6, zorder=0)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    if path is not None:
        import matplotlib as mpl

        # The same bytes each time, also as SVG.
        with mpl.rc_context({"svg.hashsalt": "relentropy"}):
            dated = {"Date": None} if str(path).endswith((".svg", ".svgz")) else None
            (figure or ax.figure).savefig(path, dpi=150, metadata=dated)
    return ax


def _worst(report: Report, quantity: str, dtype: str) -> dict[float, float]:
    """By gap, the largest first; what is finite stays below what is not."""
    found: dict[float, float] = {}
    for what, name, gap, ulp in report.curve:
        if (what, name) == (quantity, dtype):
            shown = _WORST if not math.isfinite(ulp) else min(max(ulp, _BEST), _WORST / 10)
            found[gap] = max(found.get(gap, 0.0), shown)
    return dict(sorted(found.items(), reverse=True))
