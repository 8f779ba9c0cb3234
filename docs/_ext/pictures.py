"""Figures as SVG that takes the page's colours: black on light pages, light on dark ones.

matplotlib draws black and greys on nothing. A grey is black seen through glass, so that greys
become the colour of text at the same opacity, and white the colour of the page. Other colours
stay; those of `COLOURS` can be told apart by the colour-blind, on either ground.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

# Okabe and Ito's, the three that stand out on white and on black first.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.color": "0.85",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.transparent": True,
    "svg.fonttype": "path",
}
# Of its width on a wide page, a picture keeps so much; narrower screens scroll.
NARROWEST = 0.75

_GREY = re.compile(r"#([0-9a-f]{2})\1\1\b")


def register(shell: Any) -> None:
    """Have a shell show figures so."""
    try:
        import matplotlib as mpl
    except ImportError:
        return
    mpl.rcParams.update(STYLE)
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(color=COLOURS)
    html = shell.display_formatter.formatters["text/html"]
    html.for_type_by_name("matplotlib.figure", "Figure", themed)


def themed(figure: Any) -> str:
    """A figure as HTML."""
    import matplotlib as mpl

    label = description(figure)
    # A salt of its own: several pictures share a page, and so the names in it.
    with mpl.rc_context({"svg.hashsalt": label, "savefig.transparent": True}):
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    text = file.getvalue()
    drawn = text[text.index("<svg ") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = _GREY.sub(_glass, drawn)
    width = NARROWEST * 72 * figure.get_figwidth()
    said = f'role="img" aria-label="{escape(label)}" style="min-width:{width:.0f}pt"'
    return f'<div class="picture"><svg {said} {drawn.removeprefix("<svg ")}</div>'


def _glass(grey: re.Match[str]) -> str:
    level = int(grey[1], 16) / 255
    if level == 1:
        return "var(--color-background-primary)"
    if level == 0:
        return "currentColor"
    return f"color-mix(in srgb, currentColor {100 * (1 - level):.0f}%, transparent)"


def description(figure: Any) -> str:
    """What the panels are called and what is along their axes."""
    panels = []
    for axes in figure.axes:
        titles = [axes.get_title(where) for where in ("left", "center", "right")]
        along = [axes.get_ylabel(), axes.get_xlabel()]
        words = " over ".join(word for word in along if word)
        title = " ".join(title for title in titles if title)
        panels.append(": ".join(part for part in (title, words) if part))
    return "; ".join(panel for panel in panels if panel).replace("\n", " ")
