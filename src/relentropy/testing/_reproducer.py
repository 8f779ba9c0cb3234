"""Python that shows a finding to whoever pastes it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._cases import HardCase
from ._kinds import KINDS
from ._libraries import Library

MOST = 12
"""Entries of a row that are written out; a longer one is fetched."""


def of_case(
    case: HardCase, library: Library, row: int, *, gradient: bool = False, batched: bool = True
) -> str:
    """The call for one row, or point, of a case."""
    names = KINDS[case.kind].operands
    point = case.operands[0].ndim == 1
    pick = [x[row : row + 1] if batched or point else x[row] for x in case.operands]
    if case.operands[0].shape[-1] > MOST and not point:
        return _fetched(case, library, gradient)
    return written(library, dict(zip(names, pick, strict=True)), case.dtype, gradient=gradient)


def written(
    library: Library, operands: dict[str, NDArray[Any]], dtype: str, *, gradient: bool = False
) -> str:
    """Operands as literals, and the call."""
    lines = library.module.splitlines()
    if library.name == "numpy":
        lines.append("from numpy import nan, inf")
        if dtype == "bfloat16":
            lines.append("from ml_dtypes import bfloat16")
    for name, values in operands.items():
        if values.dtype == bool:
            literal = library.literal.format(values.tolist(), "bool")
            lines.append(f"{name} = {literal}")
            continue
        literal = library.literal.format(_numbers(values), dtype)
        if library.name == "numpy" and dtype == "bfloat16":
            literal = literal.replace("'bfloat16'", "bfloat16")
        lines.append(f"{name} = {literal}")
    return "\n".join([*_used(lines), *_call(library, tuple(operands), gradient)])


def _used(lines: list[str]) -> list[str]:
    """Without imports of words that no line uses."""
    text = "\n".join(line for line in lines if not line.startswith("from"))
    return [
        line
        for line in lines
        if not line.endswith("import nan, inf") or "nan" in text or "inf" in text
    ]


def _fetched(case: HardCase, library: Library, gradient: bool) -> str:
    names = KINDS[case.kind].operands
    wanted = f"{case.kind!r}, {case.inputs!r}, {case.dtype!r}"
    lines = [
        *library.module.splitlines()[:1],
        "from relentropy.testing import hard_cases",
        f"(case,) = [c for c in hard_cases({wanted}) if c.label == {case.label!r}]",
    ]
    for i, name in enumerate(names):
        literal = library.literal.format(f"case.operands[{i}]", case.dtype)
        lines.append(f"{name} = {literal}")
    return "\n".join([*lines, *_call(library, names, gradient)])


def _call(library: Library, names: tuple[str, ...], gradient: bool) -> list[str]:
    call = f"fn({', '.join(names)})"
    if not gradient:
        return [call]
    first = names[:2] if len(names) == 2 else names[:1]
    if library.name == "torch":
        leaves = [f"{name}.requires_grad_()" for name in first]
        return [
            "; ".join(leaves),
            f"torch.autograd.grad({call}.sum(), [{', '.join(first)}], allow_unused=True)",
        ]
    if library.name == "jax":
        which = tuple(range(len(first)))
        inside = f"lambda {', '.join(first)}: {call}.sum()"
        return ["import jax", f"jax.grad({inside}, {which})({', '.join(first)})"]
    return [f"gradient({', '.join(names)})"]


def _numbers(values: NDArray[Any]) -> str:
    """Digits that read back exactly in any precision."""
    listed = np.asarray(values, np.float64).tolist()
    return repr(listed)
