"""A function's errors against the size of what is true, drawn of what was measured."""

from __future__ import annotations

from typing import Any

import pictures
from docutils import nodes
from names import measured
from sphinx.util.docutils import SphinxDirective

MARKS = {
    "float64": ("o", "float64"),
    "float64, formulas": ("x", "float64 by the formulas"),
    "float32": ("s", "float32"),
    "bfloat16": ("^", "bfloat16"),
    "float16": ("v", "float16"),
}


def drawn(function: str, bounds: dict[str, float]) -> str:
    """The picture, as HTML."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    sizes = {k: v for k, v in measured(function)["sizes"].items() if v}
    if sizes.get("float64, formulas") == sizes.get("float64"):
        sizes.pop("float64, formulas", None)  # no kernel serves
    with mpl.rc_context(pictures.STYLE):
        figure = Figure(figsize=(7, 2.9))
        axes = figure.subplots()
        for (dtype, (mark, label)), colour in zip(
            MARKS.items(), pictures.COLOURS, strict=False
        ):
            if dtype not in sizes:
                continue
            decades, errors = zip(
                *((int(k) + 0.5, float(v)) for k, v in sizes[dtype].items()), strict=True
            )
            axes.plot(decades, errors, mark, color=colour, label=label, ms=4, mew=1.2)
        for dtype, bound in bounds.items():
            colour = pictures.COLOURS[list(MARKS).index(dtype)]
            axes.axhline(bound, color=colour, lw=1, ls=(0, (4, 3)))
        axes.set_ylim(-0.03 * max(bounds.values()), 1.08 * max(bounds.values()))
        axes.set_ylabel("largest error, ulp")
        axes.set_xlabel("size of the true value, decades apart; dashed: bounds")
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(8, integer=True))
        axes.xaxis.set_major_formatter(lambda x, _: f"$10^{{{x:.0f}}}$")
        axes.grid(axis="y", lw=0.6)
        figure.legend(loc="outside upper center", ncols=3 if len(sizes) < 5 else 5,
                      fontsize=9, handletextpad=0.2, columnspacing=1.2)  # fmt: skip
        figure.suptitle("")
        return pictures.themed(figure)


class UlpPlot(SphinxDirective):
    """``.. ulp-plot:: function``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Draw, for what writes HTML."""
        from names import recorded

        (name,) = self.arguments
        (record,) = {id(r): r for r in recorded().values() if r.name == name}.values()
        bounds = {dtype: record.ulp[dtype] for dtype in ("float64", "float32")}
        return [nodes.raw("", drawn(name, bounds), format="html")]


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_directive("ulp-plot", UlpPlot)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
