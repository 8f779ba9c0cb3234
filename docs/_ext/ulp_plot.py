"""A function's errors against the size of what is true, drawn of what was measured."""

from __future__ import annotations

from typing import Any

import pictures
from docutils import nodes
from names import measured, recorded
from sphinx.util.docutils import SphinxDirective

MARKS = {
    "float64": ("o", "float64"),
    "float64, formulas": ("x", "float64 by the formulas"),
    "float32": ("s", "float32"),
    "bfloat16": ("^", "bfloat16"),
    "float16": ("v", "float16"),
}
# Decades of what a dtype can hold; others round to 0 or inf, where every error is 0.
RANGES = {"float32": (-46, 38), "bfloat16": (-41, 38), "float16": (-8, 4)}
FINE = 20
TICKS = (-300, -200, -100, -20, -10, 0, 10, 20, 100, 200, 300)


def drawn(record: Any) -> str:
    """The picture, as HTML."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    found = {dtype: _inside(record, dtype) for dtype in MARKS}
    if found["float64"] == found["float64, formulas"]:
        found["float64, formulas"] = {}  # no kernel serves
    bounds = {dtype: record.ulp[dtype] for dtype in ("float64", "float32")}
    with mpl.rc_context(pictures.STYLE):
        figure = Figure(figsize=(7, 2.9))
        axes = figure.subplots()
        colours = dict(zip(MARKS, pictures.COLOURS, strict=False))
        for dtype, (mark, label) in MARKS.items():
            if found[dtype]:
                at = [_place(decade) for decade in found[dtype]]
                style = {"color": colours[dtype], "ms": 4, "mew": 1.2}
                axes.plot(at, list(found[dtype].values()), mark, label=label, **style)
        for dtype, bound in bounds.items():
            axes.axhline(bound, color=colours[dtype], lw=1, ls=(0, (4, 3)))
        top = max(bounds.values())
        axes.set_ylim(-0.03 * top, 1.08 * top)
        axes.set_ylabel("largest error, ulp")
        axes.set_xlabel("size of the true value (beyond $10^{±20}$ drawn closer)")
        low, high = (round(edge) for edge in axes.get_xlim())
        shown = [tick for tick in TICKS if low <= _place(tick) <= high]
        axes.set_xticks([_place(tick) for tick in shown], [f"$10^{{{t}}}$" for t in shown])
        axes.grid(axis="y", lw=0.6)
        legend = {"fontsize": 9, "handletextpad": 0.2, "columnspacing": 1.2}
        figure.legend(loc="outside upper center", ncols=5, **legend)
        return pictures.themed(figure)


def _inside(record: Any, dtype: str) -> dict[int, float]:
    """The largest error of each decade that a result can be of."""
    sizes = measured(record.name)["sizes"].get(dtype, {})
    wide = record.kind in {"closed form", "estimate", "head"}  # of 32 bits at least
    low, high = RANGES.get("float32" if wide else dtype, (-330, 310))
    if dtype.startswith("float64"):
        low, high = -330, 310
    found = {int(decade): float(error) for decade, error in sizes.items()}
    return {decade: error for decade, error in found.items() if low <= decade <= high}


def _place(decade: int) -> float:
    """Where a decade is: far ones, which are kept by tens, are next to each other."""
    beyond = max(0, abs(decade) - FINE)
    return (min(abs(decade), FINE) + beyond / 10) * (1 if decade > 0 else -1)


class UlpPlot(SphinxDirective):
    """``.. ulp-plot:: function``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Draw, for what writes HTML."""
        (name,) = self.arguments
        record = next(one for one in recorded().values() if one.name == name)
        return [nodes.raw("", drawn(record), format="html")]


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_directive("ulp-plot", UlpPlot)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
