"""What is measured of each row; everything else is made of these numbers."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import relentropy
from relentropy.cli.inputs import Rows
from relentropy.estimators import token_log_probs

Numbers = NDArray[np.float64]

# In float32 4 MB: large enough that the cost of a call does not show, small enough for several
# students in several processes.
_BLOCK_ELEMENTS = 2**20

OF_TEACHER = ("entropy", "top", "top_probability", "log_prob")
OF_STUDENT = (
    "kl", "reverse_kl", "js", "total_variation",
    "entropy", "top", "top_probability", "log_prob",
)  # fmt: skip
"""A row's numbers. ``top`` is the likeliest token, ``top_probability`` that of the teacher's
top token; ``log_prob`` is that of the token that follows, in nats (nan where none is known)."""


@dataclass(frozen=True)
class Job:
    """All that a process needs to measure any block of rows."""

    teacher: Rows
    students: tuple[Rows, ...]
    probs: bool = False
    base: float | None = None
    mask: NDArray[np.bool_] | None = None
    tokens: NDArray[np.int64] | None = None
    block_rows: int | None = None

    @property
    def sources(self) -> tuple[Rows, ...]:
        """The teacher, then the students."""
        return (self.teacher, *self.students)

    @property
    def step(self) -> int:
        """Rows of a block."""
        return self.block_rows or max(1, _BLOCK_ELEMENTS // self.teacher.shape[-1])

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return -(-self.teacher.count // self.step)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a row's numbers, with the student's place before them.

        Check sums of what was read come last; they go where the numbers go, through pipes and
        checkpoints, to be put together at the end.
        """
        of_students = (f"{i}.{name}" for i in range(len(self.students)) for name in OF_STUDENT)
        return (*OF_TEACHER, *of_students, *self.check_sums)

    @property
    def check_sums(self) -> dict[str, Rows]:
        """Columns of check sums, and whose they are."""
        return {_sum_of(i): one for i, one in enumerate(self.sources) if one.checked}

    def rows_of(self, block: int) -> slice:
        """The rows of a block."""
        start = block * self.step
        return slice(start, min(start + self.step, self.teacher.count))

    def measure(self, block: int) -> Numbers:
        """The numbers of a block's rows; nan where the mask excludes."""
        rows = self.rows_of(block)
        chosen = np.ones(rows.stop - rows.start, bool) if self.mask is None else self.mask[rows]
        found = np.full((len(chosen), len(self.columns)), np.nan)

        def read(place: int) -> NDArray[Any]:
            source = self.sources[place]
            whole, sums = source.block_and_sums(rows.start, rows.stop)
            if source.checked:
                found[:, self.columns.index(_sum_of(place))] = sums
            return whole if chosen.all() else whole[chosen]

        if not chosen.any():
            for place, source in enumerate(self.sources):
                if source.checked:
                    read(place)
            return found
        tokens = None if self.tokens is None else self.tokens[rows][chosen]
        p = read(0)
        top = np.argmax(p, axis=-1)
        numbers = [self._of_one(p, top, tokens)]
        for place in range(len(self.students)):
            q = read(1 + place)
            numbers += [self._of_two(p, q), self._of_one(q, top, tokens)]
        measured = np.concatenate(numbers, axis=-1)
        found[chosen, : measured.shape[-1]] = measured
        return found

    def _of_two(self, p: NDArray[Any], q: NDArray[Any]) -> Numbers:
        shared: dict[str, Any] = {"from_logits": not self.probs, "dtype": np.float64}
        numbers = [
            relentropy.kl_divergence(p, q, base=self.base, **shared),
            relentropy.kl_divergence(q, p, base=self.base, **shared),
            relentropy.js_divergence(p, q, base=self.base, **shared),
            relentropy.total_variation(p, q, **shared),
        ]
        return np.stack(numbers, axis=-1)

    def _of_one(
        self, rows: NDArray[Any], top: NDArray[np.int64], tokens: NDArray[np.int64] | None
    ) -> Numbers:
        if self.probs:
            entropy = relentropy.entropy(rows, base=self.base, dtype=np.float64)
            of_top = _log_probs(rows, top)
            of_token = None if tokens is None else _log_probs(rows, tokens)
        else:
            nats: dict[str, Any] = {"dtype": np.float64}
            of_top, entropy = token_log_probs(rows, top, return_entropy=True, **nats)
            entropy = entropy if self.base is None else entropy / math.log(self.base)
            of_token = (
                None if tokens is None else np.asarray(token_log_probs(rows, tokens, **nats))
            )
        following = np.full(len(rows), np.nan) if of_token is None else of_token
        numbers = [entropy, np.argmax(rows, axis=-1), np.exp(of_top), following]
        return np.stack(numbers, axis=-1)


def _sum_of(place: int) -> str:
    return f"{place}.sum"


def _log_probs(weights: NDArray[Any], tokens: NDArray[np.int64]) -> Numbers:
    """Logarithms of the shares of tokens; nan where there is none."""
    known = tokens >= 0
    taken = weights[np.arange(len(weights)), np.where(known, tokens, 0)].astype(np.float64)
    with np.errstate(all="ignore"):  # of no weight at all, or of negative ones
        top = np.max(weights, axis=-1, initial=0).astype(np.float64)
        # Sums of weights may leave the range; sums of shares of the largest do not.
        shares = np.sum(weights / top[:, None], axis=-1, dtype=np.float64)
        logs = np.log(taken / top / shares)
    return np.where(known, logs, np.nan)
