"""The log-probability of one entry of every row, and the row's entropy, in one pass.

A row knows its largest logit and the sum of the others beside it, as for log-softmax; the entry
that was chosen is found on the way. At the entry the derivative is 1 - p, which is the share of
all others and is added up as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.array import Array
from .._arrays.namespace import Namespace
from .._arrays.protocols import Block, Measure
from .cross_entropy import CrossEntropy, CrossEntropyFold
from .logsumexp import Peak, PeakFold, log_softmax_entry, softmax_entry

_INF, _NAN = float("inf"), float("nan")
_ENTROPY = CrossEntropy((True, True), None, same=True)


class State(NamedTuple):
    row: Any
    """What log-softmax needs of a row, or what entropy needs, which is more."""
    chosen: Array
    """The token's logit, -inf until it is found."""
    found: Array


@dataclass(frozen=True)
class TokenFold:
    of: PeakFold | CrossEntropyFold

    def step(self, block: Block, stats: Any, *, xp: Namespace) -> State:
        logits, token, position = block
        here = position == token
        chosen = xp.max(xp.where(here, logits, -_INF))
        return State(self.of.step((logits,), stats, xp=xp), chosen, xp.any(here))

    def merge(self, one: State, other: State, *, xp: Namespace) -> State:
        row = self.of.merge(one.row, other.row, xp=xp)
        chosen = xp.maximum(one.chosen, other.chosen)
        return State(row, chosen, one.found | other.found)


@dataclass(frozen=True)
class TokenLogProb(Measure):
    """The chosen entry's log-probability and, if wanted, the row's entropy.

    The operands are logits, the token's position, and the position of every entry.
    """

    with_entropy: bool
    fills = (-_INF, None, None)

    @property
    def empty(self) -> tuple[float, ...]:
        return (0.0,) * self.varying

    @property
    def varying(self) -> int:
        return 1 + self.with_entropy

    def passes(self, *, xp: Namespace) -> tuple[TokenFold]:
        return (TokenFold(_ENTROPY.passes(xp=xp)[0] if self.with_entropy else PeakFold()),)

    def finish(self, stats: tuple[State], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        peak = self._peak(state)
        log_prob = log_softmax_entry(state.chosen, peak.top, peak.others, xp=xp)
        log_prob = xp.where(state.found, log_prob, _NAN)
        if not self.with_entropy:
            return (log_prob,)
        return log_prob, *_ENTROPY.finish((state.row,), xp=xp)

    def numbers(self, stats: tuple[State], *, xp: Namespace) -> tuple[Array, ...]:
        (state,) = stats
        if not self.with_entropy:
            return self._peak(state)
        return *self._peak(state), *_ENTROPY.numbers((state.row,), xp=xp)

    def slopes(
        self, block: Block, numbers: tuple[Array, ...], need: tuple[bool, ...], *, xp: Namespace
    ) -> tuple[tuple[Array | None, ...], ...]:
        logits, token, position = block
        top, others, *rest = numbers
        share = softmax_entry(logits, top, others, xp=xp)
        mass = 1 + others
        # A largest entry is not among the others, and any other entry is.
        beside = xp.where(logits == top, others, mass - share * mass) / mass
        by_logits = xp.where(position == token, beside, 0 - share)
        found: list[tuple[Array | None, ...]] = [(by_logits, None, None)]
        if self.with_entropy:
            (by,) = _ENTROPY.grad((logits,), tuple(rest), (need[0],), xp=xp)
            found.append((by, None, None))
        return tuple(found)

    def _peak(self, state: State) -> Peak:
        if not self.with_entropy:
            return state.row  # type: ignore[no-any-return]
        return Peak(state.row.p_top, state.row.others)
