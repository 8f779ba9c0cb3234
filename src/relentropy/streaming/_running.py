"""What is said of one number per row, of rows that arrive in parts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from .._arrays.plain import Plain
from ..estimators.running import RunningEstimate
from ._dictionaries import FORMAT, VERSION, kind_of, member, number, written

_KIND = "statistics"


@dataclass(frozen=True, slots=True)
class RunningStatistics:
    """Count, mean, variance and extremes of one number per row: a state that merges.

    Of the finite numbers; infinities and nans are counted. An immutable state of a few Python
    numbers: updating gives a new one, and so does merging two with ``+``.

    See Also
    --------
    relentropy.estimators.RunningEstimate : of tokens in sequences, or with weights.

    Notes
    -----
    Mean and variance are those of `relentropy.estimators.RunningEstimate`, whose update is that
    of Chan, Golub and LeVeque: no sum of squares is ever subtracted from another. Updating
    reads values: it waits for a GPU, computes lazy arrays, and cannot be traced.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance:
    analysis and recommendations", The American Statistician 37 (1983).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.streaming import RunningStatistics
    >>> one = RunningStatistics().update(np.array([0.1, 0.3, np.inf]))
    >>> both = one + RunningStatistics().update(np.array([0.2]))
    >>> print(
    ...     f"{both.mean:.3f} +- {both.standard_error:.3f}, {both.count} rows, {both.maximum}"
    ... )
    0.200 +- 0.058, 3 rows, 0.3
    """

    finite: RunningEstimate = field(default=RunningEstimate(), init=False)
    """The mean of the finite numbers, and what its error is made of."""
    minimum: float = field(default=math.inf, init=False)
    """The smallest finite number; inf before there is one."""
    maximum: float = field(default=-math.inf, init=False)
    """The largest; -inf before there is one."""
    infinite: int = field(default=0, init=False)
    """How many numbers were infinite, of either sign."""
    nan: int = field(default=0, init=False)
    """How many were nan."""

    @property
    def count(self) -> int:
        """How many finite numbers there were."""
        return self.finite.count

    @property
    def mean(self) -> float:
        """Their mean; nan of none."""
        return self.finite.estimate if self.count else math.nan

    @property
    def variance(self) -> float:
        """Their variance, with the divisor ``count - 1``; nan for fewer than two."""
        error = self.finite.standard_error
        return error * error * self.count  # inf where a power would raise

    @property
    def standard_error(self) -> float:
        """Of the mean; nan for fewer than two."""
        return self.finite.standard_error

    def update(self, values: Any, *, where: Any = None) -> RunningStatistics:
        """State with more rows.

        Parameters
        ----------
        values : array
            One number per row, of any shape and library.
        where : array of bool, optional
            Rows to include; broadcasts to the values.

        Returns
        -------
        RunningStatistics
            A new state.
        """
        plain = Plain({"values": values}, where)
        raw, x = plain.raw, plain.constant(plain.arrays["values"])
        shape = plain.shape("values")
        with plain.quiet():
            x = raw.reshape(raw.broadcast_to(x, shape), (-1,))
            chosen = raw.reshape(plain.counted(shape), (-1,)) > 0
            usual = chosen & raw.isfinite(x)
            nans = raw.sum(raw.astype(chosen & raw.isnan(x), raw.int64))
            others = raw.sum(raw.astype(chosen & ~usual, raw.int64)) - nans
            state: dict[str, float] = {"nan": int(nans), "infinite": int(others)}
            if math.prod(x.shape):
                low, high = (
                    raw.where(usual, x, plain.full(limit, x)) for limit in (math.inf, -math.inf)
                )
                state |= {"minimum": float(raw.min(low)), "maximum": float(raw.max(high))}
        finite = RunningEstimate().update(x[:, None], usual[:, None])
        return self + _made(finite=finite, **state)

    def merge(self, other: RunningStatistics) -> RunningStatistics:
        """State of the rows of both; also ``self + other``."""
        if not isinstance(other, RunningStatistics):
            raise TypeError(f"other must be a RunningStatistics, not {type(other).__name__}")
        return _made(
            finite=self.finite + other.finite,
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
            infinite=self.infinite + other.infinite,
            nan=self.nan + other.nan,
        )

    def __add__(self, other: RunningStatistics) -> RunningStatistics:
        return self.merge(other)

    def __radd__(self, other: Any) -> RunningStatistics:
        # What `sum` starts with.
        return self if type(other) is int and other == 0 else NotImplemented

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary of the state, that JSON keeps bit for bit; see `State.to_dict`."""
        numbers = {name: written(getattr(self, name)) for name in _names(self)[1:]}
        finite = {name: written(getattr(self.finite, name)) for name in _names(self.finite)[1:]}
        data = {**numbers, "finite": finite}
        return {"format": FORMAT, "version": VERSION, "kind": _KIND, "data": data}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RunningStatistics:
        """State that `to_dict` has written."""
        if kind_of(data) != _KIND:
            raise ValueError(f"a dictionary of kind {_KIND!r} is wanted, not {data['kind']!r}")
        numbers = dict(member(data, "data", dict))
        finite = _read(numbers.pop("finite", None), RunningEstimate())
        return _made(
            finite=RunningEstimate()._with(**finite), **_read(numbers, RunningStatistics())
        )


def _made(**numbers: Any) -> RunningStatistics:
    """A state of numbers that data have decided."""
    state = RunningStatistics()
    for name, one in numbers.items():
        object.__setattr__(state, name, one)
    return state


def _names(state: Any) -> list[str]:
    return [one.name for one in fields(state)]


def _read(numbers: Any, like: Any) -> dict[str, Any]:
    """Numbers as `to_dict` writes them, of the fields of a state."""
    kinds = {name: type(getattr(like, name)) for name in _names(like)[1:]}
    written_as = {name: str if kind is float else kind for name, kind in kinds.items()}
    found = {name: member(numbers, name, kind) for name, kind in written_as.items()}
    return {
        name: number(one, name) if kinds[name] is float else one for name, one in found.items()
    }
