"""Write what is made from the manifest of kernels; ``--check`` fails where a file differs.

``src/relentropy/_engines/manifest.py`` declares the kernels. This program writes the C++ table
and structs (``native/manifest.hpp``) and the tables of engines in ``docs/how``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from relentropy._engines import manifest
from relentropy._engines.manifest import KERNELS, Kernel

from . import write

ROOT = Path(__file__).parents[1]
HEADER = Path("src/relentropy/_engines/native/manifest.hpp")
PAGES = (Path("docs/how/engine.md"),)
_BLOCK = re.compile(r"(<!-- kernels -->\n).*?(<!-- /kernels -->)", re.DOTALL)


# --- C++ --------------------------------------------------------------------------------------


def header() -> str:
    """Return the text of ``native/manifest.hpp``."""
    structs = "\n".join(
        line
        for _, group in groupby(KERNELS, key=lambda kernel: kernel.function)
        for line in _structs(list(group))
    )
    rows = "".join(f"  {row}, \\\n" for row in _rows())
    return f"""\
// Written by `python -m tools.kernels` from _engines/manifest.py.
#pragma once
#include "options.hpp"

namespace relentropy {{
namespace RELENTROPY_SET {{

// clang-format off
{structs}
// In the order of the fields of `Kernel`.
#define RELENTROPY_KERNELS \\
{rows.removesuffix(f", {chr(92)}{chr(10)}")}
// clang-format on

}}  // namespace RELENTROPY_SET
}}  // namespace relentropy
"""


def _structs(kernels: list[Kernel]) -> Iterator[str]:
    """Yield the structs of the kernels of one C++ function."""
    own = kernels[0].options
    stem = _camel(kernels[0].function)
    reads = [
        f"{option.name}(call.options[{_SHARED + i}]{' != 0' if option.type is bool else ''})"
        for i, option in enumerate(own)
    ]
    yield f"struct {stem}Options : Options {{"
    yield from (f"  {_TYPES[option.type]} {option.name};" for option in own)
    start = ", ".join((f"Options(call, {len(own)})", *reads))
    yield f"  explicit {stem}Options(const Call& call) : {start} {{}}\n}};"
    for kernel in {kernel.numbers: kernel for kernel in kernels}.values():
        if kernel.residuals:
            yield _numbers(f"{_camel(kernel.numbers)}Residuals", kernel.residuals)
        if kernel.state is not None:
            yield _numbers(f"{_camel(kernel.numbers)}Leaves", kernel.state.components)


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _numbers(name: str, fields: tuple[str, ...]) -> str:
    return f"struct {name} {{\n  double {', '.join(fields)};\n}};"


_TYPES = {bool: "bool", float: "double"}
_SHARED = 3
"""Number of options that all kernels have: the base as hi and lo, and the mask."""


def _rows() -> Iterator[str]:
    """Yield the initializers of the compiled module's table."""
    for kernel in KERNELS:
        for variant in kernel.variants:
            for exact in (False, True):
                name = f"{kernel.name}{variant}{'_exact' if exact else ''}"
                numbers = ", ".join(map(str, _counts(kernel, variant)))
                yield f'{{"{name}", {manifest.EXPRESSIONS[name]}, {numbers}}}'


def _counts(kernel: Kernel, variant: str) -> tuple[int, ...]:
    """Return the counts that the module checks a call against."""
    operands, row = kernel.operands, int(kernel.row_operand)
    options = _SHARED + len(kernel.options)
    if variant == "_state":
        assert kernel.state is not None
        count = len(kernel.state.components)
        return operands, row, count, count, options, 0
    if variant == "_slopes":
        of_entries = not kernel.residuals
        given = 0 if of_entries else 2 * kernel.values + len(kernel.residuals)
        return operands + of_entries, row, 0, operands, options + operands, given
    kept = 2 * kernel.values + len(kernel.residuals) if kernel.residuals else kernel.values
    return operands, row, kernel.values, kept, options, 0


# --- pages ------------------------------------------------------------------------------------


def table() -> str:
    """Return the table of which engine serves which function, from weights and from logits."""
    sides: dict[str, dict[str, str]] = {}
    elementwise = [kernel.functions for kernel in KERNELS if kernel.function == "elementwise"]
    for kernel in KERNELS:
        if kernel.function == "elementwise":
            functions, side = ", ".join(elementwise), "weights"
        else:
            functions = kernel.functions
            side = "weights" if kernel.name.endswith("_weights") else "logits"
        engines = "CPU, CuPy, Triton" if kernel.triton else "CPU, CuPy"
        sides.setdefault(functions, {})[side] = engines
    rows = ["| functions | of weights | of logits |", "|---|---|---|"]
    rows += [
        f"| {_code(functions)} | {of.get('weights', '')} | {of.get('logits', '')} |"
        for functions, of in sides.items()
    ]
    return "\n".join(rows) + "\n"


def _code(functions: str) -> str:
    """Return a list of functions with their names as code."""
    return re.sub(r"\b[a-z]\w*[_.]\w+|\bentropy\b", r"`\g<0>`", functions)


def page(text: str) -> str:
    """Return a page with its tables of kernels written anew."""
    return _BLOCK.sub(lambda match: f"{match[1]}{table()}{match[2]}", text)


# --- command ----------------------------------------------------------------------------------


def outputs(root: Path = ROOT) -> dict[Path, str]:
    """Return the text of every file that this program writes."""
    pages = {root / path: page((root / path).read_text("utf-8")) for path in PAGES}
    return {root / HEADER: header(), **pages}


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the files, or name those that differ."""
    return write(outputs(root), root, "tools.kernels", check="--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
