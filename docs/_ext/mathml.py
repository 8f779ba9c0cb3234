"""Formulas as MathML, which browsers set by themselves: no script, and nothing to fetch.

What they need is a font that knows how: of STIX Two Math, which ziamath brings, the site has
the letters and signs of formulas. LaTeX that has no translation is a warning of the build, and
so an error; several lines are an ``align*``.
"""

from __future__ import annotations

import logging
import re
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from docutils import nodes
from fontTools import subset
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

logger = getLogger(__name__)

# ASCII, Greek, punctuation, letters with names, arrows and operators, brackets; italics, hollow
# letters and Greek italics.
SIGNS = (
    (0x20, 0x7F), (0xB0, 0xB8), (0xD7, 0xD8), (0x370, 0x400), (0x2010, 0x2060),
    (0x2100, 0x22D0), (0x2308, 0x230C), (0x23DE, 0x23E0), (0x27E8, 0x27EA), (0x2A00, 0x2B00),
    (0x1D434, 0x1D468), (0x1D538, 0x1D56C), (0x1D6E2, 0x1D71C),
)  # fmt: skip
# The translator takes these for infix operators.
_BAR = re.compile(r"\\([lr])vert(?![a-zA-Z])")
_PAIRED = {"l": r"\left|", "r": r"\right|"}
_NAME = re.compile(
    r"(<mrow>|(?<!&#x00029;)</mo>)?<m[io][^>]*>([a-z]{2,})</m[io]>(<mo[^>]*>&#x00028;)?"
)


def translated(node: nodes.Element, display: str) -> str:
    """The formula of a node."""
    latex = node.astext()
    try:
        formula = convert(_BAR.sub(lambda bar: _PAIRED[bar[1]], latex), display=display)
    except Exception as error:  # noqa: BLE001 - the translator's are of many classes
        logger.warning("no formula: %s (%r)", latex, error, location=node)
        return ""
    # What the translator does not know it passes on as it is.
    if unknown := re.search(r"\\[A-Za-z]+|&(?=<)", formula):
        logger.warning("no translation of %s", unknown.group(), location=node)
    return _NAME.sub(_spaced, formula).replace("<mo>&#x0221E;</mo>", "<mi>&#x0221E;</mi>")


def _spaced(name: re.Match[str]) -> str:
    """The name of a function, apart from what it is no part of."""
    before, after = ("0" if bare is not None else "0.167em" for bare in name.group(1, 3))
    opened = f'{name[1] or ""}<mo form="prefix" lspace="{before}" rspace="{after}">'
    return f"{opened}{name[2]}</mo>{name[3] or ''}"


def visit_inline(self: Any, node: nodes.math) -> None:
    """Write a formula of a line of text."""
    self.body.append(translated(node, "inline"))
    raise nodes.SkipNode


def visit_block(self: Any, node: nodes.math_block) -> None:
    """Write a formula of its own, which may be wider than a telephone."""
    self.body.append(self.starttag(node, "div", CLASS="formula"))
    self.body.append(translated(node, "block"))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def write_font(app: Sphinx, error: Exception | None) -> None:
    """Write the font to where the style sheet has it."""
    if error or app.builder.format != "html":
        return
    logging.getLogger("fontTools.subset").setLevel("WARNING")
    whole = files("ziamath.fonts") / "STIXTwoMath-Regular.ttf"
    # "ssty" has the forms of letters that are indices.
    options = subset.Options(flavor="woff", layout_features=["ssty"], hinting=False)
    font = subset.load_font(str(whole), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=chain.from_iterable(range(*some) for some in SIGNS))
    subsetter.subset(font)
    subset.save_font(font, str(Path(app.outdir, "_static", "math.woff")), options)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("build-finished", write_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
