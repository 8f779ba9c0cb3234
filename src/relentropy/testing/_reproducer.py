"""Python that shows a finding to whoever pastes it."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ._cases import HardCase, hard_cases, seeds
from ._kinds import KINDS
from ._libraries import Library

MOST = 12
"""Entries of a row that are written out; a longer one is fetched."""


def of_case(
    case: HardCase, library: Library, row: int, *, gradient: bool = False, batched: bool = True
) -> str:
    """The call for one row, or point, of a case."""
    kind = KINDS[case.kind]
    seed = ""
    if kind.form == "map" and gradient:
        weights = seeds(case.operands[0].shape[-1:]).tolist()
        seed = f"*{library.literal(repr(weights), case.dtype)}"
    point = case.operands[0].ndim == 1
    if case.operands[0].shape[-1] > MOST and not point:
        return _fetched(case, library, gradient, seed)
    pick = [x[row : row + 1] if batched or point else x[row] for x in case.operands]
    named = dict(zip(kind.operands, pick, strict=True))
    return written(library, named, case.dtype, gradient=gradient, seed=seed)


def written(
    library: Library,
    operands: dict[str, NDArray[Any]],
    dtype: str,
    *,
    gradient: bool = False,
    seed: str = "",
    by: tuple[str, ...] | None = None,
) -> str:
    """Operands as literals, and the call, or its derivative by all operands or by some."""
    lines = _imports(library, dtype)
    literals = []
    for name, values in operands.items():
        of = "bool" if values.dtype == bool else dtype
        literals.append(f"{name} = {library.literal(repr(values.tolist()), of)}")
    if any("inf" in line or "nan" in line for line in literals):
        lines.append("from math import inf, nan")
    call = _call(library, tuple(operands), by or tuple(operands), gradient, seed)
    return "\n".join([*lines, *literals, *call])


def _imports(library: Library, dtype: str) -> list[str]:
    lines = [library.module]
    if (library.name, dtype) == ("numpy", "bfloat16"):
        lines.append("from ml_dtypes import bfloat16")
    if (library.name, dtype) == ("jax", "float64"):
        lines.append('jax.config.update("jax_enable_x64", True)')
    return lines


def _fetched(case: HardCase, library: Library, gradient: bool, seed: str) -> str:
    names = KINDS[case.kind].operands
    lines = _imports(library, case.dtype)
    if any(case is one for one in hard_cases(case.kind, case.inputs, case.dtype)):
        wanted = f"{case.kind!r}, {case.inputs!r}, {case.dtype!r}"
        lines += [
            "from relentropy.testing import hard_cases",
            f"cases = [c for c in hard_cases({wanted}) if c.label == {case.label!r}]",
            "case = cases[-1]",
        ]
    else:
        lines.append(f"# case: yours, {case.label!r}")
    lines += [
        f"{name} = {library.literal(f'case.operands[{i}]', case.dtype)}"
        for i, name in enumerate(names)
    ]
    return "\n".join([*lines, *_call(library, names, names, gradient, seed)])


def _call(
    library: Library, names: tuple[str, ...], by: tuple[str, ...], gradient: bool, seed: str
) -> list[str]:
    call = f"fn({', '.join(names)})"
    if not gradient:
        return [call]
    total = f"({call}{seed}).sum()" if seed else f"{call}.sum()"
    if library.name == "torch":
        leaves = [f"{name}.requires_grad_()" for name in by]
        return [
            "; ".join(leaves),
            f"torch.autograd.grad({total}, [{', '.join(by)}], allow_unused=True)",
        ]
    if library.name == "jax":
        which = tuple(names.index(name) for name in by)
        return [f"jax.grad(lambda {', '.join(names)}: {total}, {which})({', '.join(names)})"]
    return [f"gradient({', '.join(names)})"]


def halves(library: Library, operands: dict[str, NDArray[Any]], dtype: str) -> str:
    """The call for a batch, and the mean of those for its halves."""
    whole = written(library, operands, dtype)
    batch = len(next(iter(operands.values())))
    names = ", ".join(operands)
    part = f"x[i:i + {batch // 2}] for x in ({names})"
    return f"{whole}, sum(fn(*({part})) for i in (0, {batch // 2})) / 2"
