"""What docstrings of measures have in common, said once.

A public function describes what is its own; `complete` adds, from its signature and its record,
the parameters that all measures share, what they raise, and the error bounds.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

from ._formulas.generators import NAMES

_WIDTH = 96
_PARAMETERS = {
    "p": """\
p : array
    The reference distribution: non-negative weights, such as probabilities or counts, or
    logits.""",
    "q": """\
q : array
    The other distribution, of the same size along ``axis``; the other axes broadcast.""",
    "alpha": """\
alpha : float or array
    The order. An array broadcasts against the result, so that several orders make several
    results; it has no derivative.""",
    "generator": "generator : str or Generator\n"
    + textwrap.fill(
        ", ".join(f'"{name}"' for name in NAMES) + "; or a `Generator`.",
        _WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    ),
    "axis": """\
axis : int, tuple of ints or None, default -1
    The axes that hold one distribution; None for all of them.""",
    "from_logits": """\
from_logits : bool or pair of bools, default False
    Whether the operands are logits (unnormalised log-probabilities; log-probabilities are
    logits too); a pair says it of each.""",
    "normalize": """\
normalize : bool, default True
    Normalise along ``axis``. If False, the measure of unnormalised masses as they are.""",
    "base": """\
base : float, optional
    Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.""",
    "where": """\
where : array of bool, optional
    Entries to include; broadcasts to the operands' common shape. What it excludes is replaced
    before any arithmetic. A mask of tokens is ``where=mask[..., None]``.""",
    "keepdims": """\
keepdims : bool, default False
    Keep reduced axes with size one.""",
    "dtype": """\
dtype : dtype or str, optional
    Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as any
    library's dtype. By default the promoted dtype of the operands; the library's default for
    integers alone. With float64 all its digits are computed also for narrower operands.""",
}
_RAISES = """\
Raises
------
TypeError
    For arrays of two libraries, for arrays that are not dense (masked, sparse, data frames),
    and for boolean and complex dtypes.
ValueError
    For shapes that do not match along ``axis`` or do not broadcast elsewhere, for a mask that
    does not broadcast, and for an impossible option. Values of arrays never raise.
"""
_ROWS = """\
A negative, infinite or nan weight gives nan, and so do a logit of nan or +inf and, if
normalised, a side without any mass; where nothing is selected, or the axis is empty, the result
is 0. Entries that are zero (or -inf) on both sides contribute nothing."""


_NOTES = "Notes\n-----\n"
_ORDER = (
    "",
    "Parameters",
    "Returns",
    "Raises",
    "See Also",
    "Notes",
    "References",
    "Examples",
)
_CLOSED_FORM = {
    "Returns": """\
Returns
-------
array
    Divergences in nats, of the parameters' common shape, library and device.
""",
    "Raises": """\
Raises
------
TypeError
    For arrays of two libraries, for arrays that are not dense (masked, sparse, data frames),
    and for boolean and complex dtypes.
ValueError
    For shapes that do not broadcast, and for an impossible option. Values of arrays never
    raise.
""",
    "where": """\
where : array of bool, optional
    Entries to include; broadcasts to the parameters' common shape. What it excludes is replaced
    before any arithmetic, and is 0 with gradient 0.""",
    "dtype": """\
dtype : dtype or str, optional
    Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as any
    library's dtype. By default that of the parameters (the library's default for integers
    alone), but float32 for 16-bit ones.""",
    "limits": """\
Parameters outside their domain, infinite and nan ones give nan; parameters that are equal bit
for bit give exactly 0, with a gradient of 0 inside their domain.""",
}


def complete(function: Callable[..., Any], bounds: str, slopes: str) -> None:
    """Fill in a measure's docstring."""
    shared = _PARAMETERS | {"Raises": _RAISES}
    _complete(function, shared, lambda own: [bounds, own, _ROWS, slopes])


def add_names(function: Callable[..., Any], aliases: tuple[str, ...]) -> None:
    """Add a function's other names, and those by which `f_divergence` has it, to its notes."""
    titles = {name: n.title for name, n in NAMES.items() if n.function == function.__name__}
    notes = [f"Also known as {' or '.join(aliases)}."] if aliases else []
    if titles:
        names = (
            f'"{name}"' + (f" ({title})" if title else "") for name, title in titles.items()
        )
        notes.append(f"Names in `f_divergence`: {', '.join(names)}.")
    if notes:
        sections = _sections(inspect.getdoc(function) or "")
        note = textwrap.fill(" ".join(notes), _WIDTH, break_on_hyphens=False)
        sections["Notes"] = f"{sections.get('Notes', _NOTES).rstrip()}\n\n{note}\n"
        _write(function, sections)


def complete_closed_form(
    function: Callable[..., Any], ulp: dict[str, float], slope_ulp: dict[str, float]
) -> None:
    """Fill in the docstring of a family's closed form, given its error bounds."""
    bounds = (
        f"Errors are at most {ulp['float64']:g} ulp in float64 and {ulp['float32']:g} in "
        "float32 (the result of\n16-bit parameters too), near or far as the parameters may be."
    )
    slopes = (
        f"Derivatives (torch, jax) are at most {slope_ulp['float64']:g} ulp off in float64 and "
        f"{slope_ulp['float32']:g} in float32,\ntimes the component's condition number by p's "
        "parameters and by the differences to q's."
    )
    _complete(function, _CLOSED_FORM, lambda own: [bounds, own, _CLOSED_FORM["limits"], slopes])


def _complete(
    function: Callable[..., Any], shared: dict[str, str], notes_with: Callable[[str], list[str]]
) -> None:
    """Fill in a docstring's shared parts, in the order that numpydoc wants."""
    text = inspect.getdoc(function) or ""
    sections = _sections(text)
    described = dict(_described(sections.get("Parameters", "")))
    names = inspect.signature(function).parameters
    parameters = "\n".join(described.get(name) or shared[name] for name in names)
    sections["Parameters"] = f"Parameters\n----------\n{parameters}\n"
    for title in ("Returns", "Raises"):
        if title in shared:
            sections.setdefault(title, shared[title])
    own = sections.get("Notes", _NOTES).split("-----\n", 1)[1].strip()
    notes = notes_with(own)
    body = "\n\n".join(note for note in notes if note)
    sections["Notes"] = f"{_NOTES}{body}\n"
    _write(function, sections)


def _write(function: Callable[..., Any], sections: dict[str, str]) -> None:
    """Make a docstring of its sections, in the order that numpydoc wants."""
    function.__doc__ = "\n".join(sections[title] for title in _ORDER if title in sections)


def _sections(text: str) -> dict[str, str]:
    """The head of a docstring, under an empty title, and its sections with their titles."""
    found = {}
    starts = [(m.start(), m.group(1)) for m in re.finditer(r"^(\w[\w ]*)\n-+\n", text, re.M)]
    found[""] = text[: starts[0][0]] if starts else text
    ends = [start for start, _ in starts[1:]] + [len(text)]
    for (start, title), end in zip(starts, ends, strict=True):
        found[title] = text[start:end].rstrip() + "\n"
    return found


def _described(section: str) -> list[tuple[str, str]]:
    """The parameters that a section describes, each with its whole text."""
    entries = re.split(r"^(?=\w+ : )", section, flags=re.M)[1:]
    return [(entry.split(" : ", 1)[0], entry.rstrip()) for entry in entries]
