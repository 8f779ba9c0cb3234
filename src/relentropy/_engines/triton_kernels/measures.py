"""The functions of every measure that Triton has kernels of; see `frame`.

The manifest declares the measures, and the fields of their states and residuals.
"""

from typing import Any, NamedTuple

from ..manifest import TRITON
from . import kl_logits, logit_table, surprise, table, weights

Function = Any
_INF = float("inf")


class Pass(NamedTuple):
    """One reading of the row."""

    step: Function
    merge: Function
    finish: Function
    fields: int
    """Number of numbers of a state."""
    numbers: int
    """Number of a row's numbers that it ends in."""


class Measure(NamedTuple):
    passes: tuple[Pass, ...]
    slopes: Function
    kind: int
    fill: float
    """Stands for an entry that does not exist."""
    empty: float
    """Value of a row without entries."""
    values: int
    pair: bool
    """Whether there are two operands."""
    tokens: bool
    """Whether one entry of every row is looked for."""


class _Functions(NamedTuple):
    """Functions of the passes (step, merge, finish), and of the slopes."""

    passes: tuple[tuple[Function, Function, Function], ...]
    slopes: Function


_SURPRISE = _Functions(((surprise.step, surprise.merge, surprise.finish),), surprise.slopes)
_TOKEN = _Functions(((surprise.step, surprise.merge_tokens, surprise.finish),), surprise.slopes)
_KL = _Functions(((kl_logits.step, kl_logits.merge, kl_logits.finish),), kl_logits.slopes)
_LOGITS = _Functions(
    (
        (kl_logits.step, kl_logits.merge, kl_logits.settle),
        (logit_table.step, table.merge, logit_table.finish),
    ),
    logit_table.slopes,
)
_WEIGHTS = _Functions(
    (
        (weights.step, weights.merge, weights.settle),
        (weights.terms, table.merge, weights.finish),
    ),
    weights.slopes,
)
_KINDS = {"kl": table.KL, "js": table.JENSEN_SHANNON, "hellinger": table.HELLINGER,
          "tv": table.TOTAL_VARIATION}  # fmt: skip
_FUNCTIONS: dict[str, tuple[_Functions, Any]] = {
    "logsumexp": (_SURPRISE, surprise.LOGSUMEXP),
    "entropy": (_SURPRISE, surprise.ENTROPY),
    "cross_entropy": (_SURPRISE, surprise.CROSS_ENTROPY),
    "token": (_TOKEN, surprise.TOKEN),
    "token_entropy": (_TOKEN, surprise.TOKEN_ENTROPY),
    "tempered_token": (_TOKEN, surprise.TEMPERED),
    "tempered_token_entropy": (_TOKEN, surprise.TEMPERED_ENTROPY),
    "kl_logits": (_KL, table.KL),
    **{f"{name}_logits": (_LOGITS, kind) for name, kind in _KINDS.items() if name != "kl"},
    **{f"{name}_weights": (_WEIGHTS, kind) for name, kind in _KINDS.items()},
}


def _measure(name: str) -> Measure:
    declared, (functions, kind) = TRITON[name], _FUNCTIONS[name]
    passes = tuple(
        Pass(*own, len(one.fields), len(one.residuals))
        for own, one in zip(functions.passes, declared.passes, strict=True)
    )
    return Measure(
        passes,
        functions.slopes,
        kind.value,
        fill=0.0 if functions is _WEIGHTS else -_INF,
        empty=-_INF if name == "logsumexp" else 0.0,
        values=declared.values,
        pair=declared.operands == 2,
        tokens=declared.tokens,
    )


MEASURES = {name: _measure(name) for name in TRITON}
