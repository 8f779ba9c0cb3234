"""From a row of the table of generators to a public function's result."""

from __future__ import annotations

from typing import Any

from . import _arguments
from ._call import reduce
from ._formulas.f_divergence import FDivergence
from ._formulas.generators import Row


def of_row(
    row: Row,
    operands: dict[str, Any],
    from_logits: Any,
    normalize: Any,
    *,
    base: Any = None,
    root: bool = False,
    parameters: dict[str, Any] | None = None,
    **keywords: Any,
) -> Any:
    """What a row of the table sums to over two operands."""
    _arguments.refuse_labels(**operands)
    measure = FDivergence(
        row,
        _arguments.both_flags(from_logits),
        _arguments.one_flag("normalize", normalize),
        _arguments.checked_base(base),
        root,
    )
    (value,) = reduce(measure, operands, parameters=parameters, **keywords)
    return value
