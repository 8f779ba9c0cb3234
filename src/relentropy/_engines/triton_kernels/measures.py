"""What every measure's kernels are made of; see `frame`."""

from typing import Any, NamedTuple

from . import kl_logits, logit_table, surprise, table, weights

Function = Any
_INF = float("inf")


class Pass(NamedTuple):
    """One reading of the row."""

    step: Function
    merge: Function
    finish: Function
    fields: int
    """How many numbers a state has."""
    numbers: int
    """How many numbers of a row it ends in."""


class Measure(NamedTuple):
    passes: tuple[Pass, ...]
    slopes: Function
    kind: int = 0
    fill: float = -_INF
    """What stands for an entry that does not exist."""
    empty: float = 0.0
    """The value of a row without entries."""
    values: int = 1
    pair: bool = True
    """Whether there are two operands."""
    tokens: bool = False
    """Whether one entry of every row is looked for."""


def _surprise(kind: int, numbers: int, **more: Any) -> Measure:
    of = Pass(surprise.step, surprise.merge, surprise.finish, 7, numbers)
    return Measure((of,), surprise.slopes, kind, **more)


def _token(kind: int, numbers: int, values: int) -> Measure:
    of = Pass(surprise.step, surprise.merge_tokens, surprise.finish, 9, numbers)
    return Measure((of,), surprise.slopes, kind, values=values, pair=False, tokens=True)


def _of_logits(kind: int) -> Measure:
    first = Pass(kl_logits.step, kl_logits.merge, kl_logits.settle, 12, 8)
    then = Pass(logit_table.step, table.merge, logit_table.finish, 4, 10)
    return Measure((first, then), logit_table.slopes, kind)


def _of_weights(kind: int) -> Measure:
    first = Pass(weights.step, weights.merge, weights.settle, 9, 10)
    then = Pass(weights.terms, table.merge, weights.finish, 4, 12)
    return Measure((first, then), weights.slopes, kind, fill=0.0)


MEASURES = {
    "logsumexp": _surprise(0, 2, empty=-_INF, pair=False),
    "entropy": _surprise(1, 5, pair=False),
    "cross_entropy": _surprise(2, 5),
    "token": _token(3, 2, 1),
    "token_entropy": _token(4, 5, 2),
    "tempered_token": _token(5, 2, 1),
    "tempered_token_entropy": _token(6, 5, 2),
    "kl_logits": Measure(
        (Pass(kl_logits.step, kl_logits.merge, kl_logits.finish, 12, 9),), kl_logits.slopes
    ),
    "kl_weights": _of_weights(0),
    "js_logits": _of_logits(1),
    "js_weights": _of_weights(1),
    "hellinger_logits": _of_logits(2),
    "hellinger_weights": _of_weights(2),
    "tv_logits": _of_logits(3),
    "tv_weights": _of_weights(3),
}
