"""Entropies and relative entropy of two outcomes, given by a probability or by a logit.

Every entry is a distribution of its own: of the outcome that is said and of its complement.
"""

from __future__ import annotations

from typing import Any, TypeVar

from . import _arguments
from ._call import elementwise
from ._formulas import binary as _binary
from ._formulas.odds import Form
from ._records import record

Array = TypeVar("Array")


@record(
    "elementwise", "Shannon (1948); log1p of the smaller odds, and the other's logarithm", float64=4.0
)
def binary_entropy(
    p: Array,
    *,
    complement: Any = None,
    from_logits: bool = False,
    base: float | None = None,
    dtype: Any = None,
) -> Array:
    r"""x"""
    flag = _arguments.one_flag("from_logits", from_logits)
    form, operands = _side({"p": p, "complement": complement}, flag)
    function = _binary.entropy(form, _arguments.checked_base(base))
    return elementwise(function, operands, dtype=dtype)  # type: ignore[no-any-return]


def binary_cross_entropy(
    p: Array,
    q: Array,
    *,
    p_complement: Any = None,
    q_complement: Any = None,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    dtype: Any = None,
) -> Array:
    r"""x"""
    forms, operands = _sides(p, q, p_complement, q_complement, from_logits)
    function = _binary.cross_entropy(forms, _arguments.checked_base(base))
    return elementwise(function, operands, dtype=dtype)  # type: ignore[no-any-return]


def binary_kl_divergence(
    p: Array,
    q: Array,
    *,
    p_complement: Any = None,
    q_complement: Any = None,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    dtype: Any = None,
) -> Array:
    r"""x"""
    forms, operands = _sides(p, q, p_complement, q_complement, from_logits)
    function = _binary.kl_divergence(forms, _arguments.checked_base(base))
    return elementwise(function, operands, dtype=dtype)  # type: ignore[no-any-return]


def _side(given: dict[str, Any], from_logits: bool) -> tuple[Form, dict[str, Any]]:
    """How one distribution is given, and its operands by name."""
    name, complement = given
    if given[complement] is None:
        return "logit" if from_logits else "probability", {name: given[name]}
    if from_logits:
        raise TypeError(
            f"{complement} and from_logits exclude each other: a logit says both outcomes; "
            f"pass one of the two"
        )
    return "pair", given


def _sides(
    p: Any, q: Any, p_complement: Any, q_complement: Any, from_logits: Any
) -> tuple[tuple[Form, Form], dict[str, Any]]:
    p_is_log, q_is_log = _arguments.both_flags(from_logits)
    p_form, p_operands = _side({"p": p, "p_complement": p_complement}, p_is_log)
    q_form, q_operands = _side({"q": q, "q_complement": q_complement}, q_is_log)
    return (p_form, q_form), p_operands | q_operands
