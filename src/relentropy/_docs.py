"""Completion of docstrings from signatures and records.

A public function's docstring states what is its own; `complete` adds the parameters, errors,
limits and error bounds that functions of its kind share.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
from dataclasses import fields
from typing import Any, NamedTuple

_INDENT = re.compile(r"\n( +)\S")
_TITLES = re.compile(r"\n([A-Z][A-Za-z ]*)\n---")
_ENTRIES = re.compile(r"^(?=[*\w][\w, *]* : )", re.MULTILINE)
_ERRORS = re.compile(r"^(?=\w+$)", re.MULTILINE)
_WIDTH = 92
_NOTES = "Notes\n-----\n"
# The order that numpydoc wants.
_ORDER = (
    "Parameters",
    "Returns",
    "Raises",
    "Warns",
    "See Also",
    "Notes",
    "References",
    "Examples",
)


class Texts(NamedTuple):
    """Texts that functions of one kind share."""

    parameters: dict[str, str]
    """Entries of the Parameters section, by name."""
    raises: dict[str, str]
    """Reasons of errors, by the error's name."""
    returns: str = ""
    """Returns section, without its title, for functions that have none of their own."""
    limits: str = ""
    """Note about special values."""
    more: str = ""
    """Note after the bounds of derivatives."""


def complete(
    target: Any,
    texts: Texts,
    *,
    bounds: str = "",
    slopes: str = "",
    aliases: str = "",
) -> None:
    """Complete the docstring of a function or a dataclass.

    Adds the shared sections, the error bounds of values and slopes, and aliases.
    """
    if sys.flags.optimize > 1 or target.__doc__ is None:  # python -OO drops docstrings
        return
    sections = _sections(_dedented(target.__doc__))
    described = _described(sections.get("Parameters", ""))
    entries = [
        described.get(name) or _shared(texts, name, target) for name in _parameters(target)
    ]
    if entries:
        sections["Parameters"] = "Parameters\n----------\n" + "\n".join(entries) + "\n"
    if texts.returns:
        sections.setdefault("Returns", f"Returns\n-------\n{texts.returns}\n")
    if texts.raises:
        own = sections.get("Raises", "").removeprefix("Raises\n------\n")
        sections["Raises"] = f"Raises\n------\n{_raises(texts.raises, own)}\n"
    own = sections.get("Notes", _NOTES).removeprefix(_NOTES).strip()
    notes = (fill(bounds), own, texts.limits, fill(slopes), texts.more, fill(aliases))
    if any(notes):
        sections["Notes"] = _NOTES + "\n\n".join(filter(None, notes)) + "\n"
    ordered = [sections[title] for title in ("", *_ORDER) if title in sections]
    target.__doc__ = "\n".join(ordered)


def _parameters(target: Any) -> list[str]:
    if isinstance(target, type):
        return [field.name for field in fields(target) if field.init]
    code = target.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return [name for name in names if name != "self"]


def _shared(texts: Texts, name: str, target: Any) -> str:
    text = texts.parameters[name]
    if "{default}" in text:
        end = target.__code__.co_argcount
        values = target.__defaults__ or ()
        positional = _parameters(target)[end - len(values) : end]
        defaults = dict(zip(positional, values, strict=True)) | (target.__kwdefaults__ or {})
        text = text.replace("{default}", str(defaults[name]))
    return text


def _raises(shared: dict[str, str], own: str) -> str:
    """Return errors with the shared reasons, and then the function's own."""
    reasons = dict(shared)
    for entry in _ERRORS.split(own)[1:]:
        name, _, reason = entry.partition("\n")
        reasons[name] = f"{reasons.get(name, '')} {reason}"
    return "\n".join(f"{name}\n{fill(text, '    ')}" for name, text in reasons.items())


@functools.cache  # many functions share their texts
def fill(text: str, indent: str = "") -> str:
    """Return the words of a text in lines of the width of docstrings."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else indent + word
    return "\n".join(lines)


def _dedented(text: str) -> str:
    """Return a docstring without its indentation, which is that of its second paragraph."""
    indented = _INDENT.search(text)
    return text.replace(f"\n{indented[1]}", "\n") if indented else text


def _sections(text: str) -> dict[str, str]:
    """Return the sections of a docstring by title; its head has an empty title."""
    starts = [(match.start() + 1, match[1]) for match in _TITLES.finditer(text)]
    starts.append((len(text), ""))
    sections = {"": text[: starts[0][0]].rstrip() + "\n"}
    for (start, title), (end, _) in itertools.pairwise(starts):
        sections[title] = text[start:end].rstrip() + "\n"
    return sections


def _described(section: str) -> dict[str, str]:
    """Return the entries of a Parameters section by name."""
    entries = _ENTRIES.split(section)[1:]
    return {entry.partition(" : ")[0]: entry.rstrip() for entry in entries}
