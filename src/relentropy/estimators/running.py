"""A mean and its error from data that arrive in parts, on one machine or on many."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from .. import _arguments
from ._clusters import PER, Clusters, of_sequences, scaled_root
from ._constants import normal_quantile
from .errors import Axis, Interval, checked_level


@dataclass(frozen=True, slots=True)
class RunningEstimate:
    r"""The mean of estimates so far, with its standard error: a state that merges.

    An immutable state of a few Python numbers, which can be pickled and sent. Updating gives a
    new one, and so does merging two with ``+``. The result is that of all the data at once, but
    for rounding, whatever the order and the parts.

    Parameters
    ----------
    per : {"token", "sequence"}, default token
        What is averaged: entries, or sums of sequences.

    See Also
    --------
    standard_error, confidence_interval : of data that are there at once.

    Notes
    -----
    It holds the mean m and, of sequences with sums S and weights N, the lengths of the vectors
    of their residuals :math:`R = S - m N` and of N, and the cosine of the angle between them:
    products would leave the range of numbers where values are far from 1. To a mean that is
    larger by d residuals are :math:`R - d N`: by the law of cosines the update of Chan, Golub
    and LeVeque where all N are 1, and like it without the cancellation of sums of squares.

    A sequence has to be in one update as a whole. Updating reads values: it waits for a GPU,
    computes lazy arrays, and cannot be traced.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance:
    analysis and recommendations", The American Statistician 37 (1983).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import RunningEstimate
    >>> one = RunningEstimate().update(np.array([[0.1, 0.3], [0.2, 0.2]]))
    >>> other = RunningEstimate().update(np.array([[0.4, 0.6]]))
    >>> both = one + other
    >>> print(f"{both.estimate:.3f} +- {both.standard_error:.3f}, {both.count} sequences")
    0.300 +- 0.100, 3 sequences

    Over all ranks of a process group::

        states = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(states, state)
        total = sum(states, start=RunningEstimate(per=state.per))
    """

    per: Literal["token", "sequence"] = "token"
    count: int = field(default=0, init=False)
    """How many sequences have had a selected entry."""
    weight: float = field(default=0.0, init=False)
    """How many entries (or sequences); with weights their sum, times ``exp(-log_scale)``."""
    mean: float = field(default=0.0, init=False)
    """Of what has a weight, divided by the scale; `estimate` says what it is worth."""
    residual_length: float = field(default=0.0, init=False)
    """Of the vector of sequences' residuals, divided by the scale."""
    weight_length: float = field(default=0.0, init=False)
    """Of the vector of sequences' weights."""
    cosine: float = field(default=0.0, init=False)
    """Of the angle between the two."""
    scale: float = field(default=1.0, init=False)
    """What values are divided by, a power of two that is 1 for all but huge ones."""
    log_scale: float = field(default=0.0, init=False)
    """The logarithm of what weights are divided by."""

    def __post_init__(self) -> None:
        _arguments.chosen("per", self.per, PER)

    def update(
        self, values: Any, where: Any = None, *, log_weights: Any = None, axis: Axis = -1
    ) -> RunningEstimate:
        """State with more sequences.

        Parameters
        ----------
        values : array
            Estimates of shape (batch, time), of any library.
        where : array of bool, optional
            Entries to include.
        log_weights : array, optional
            Logarithms of importance weights, on one scale in all updates.
        axis : int, tuple of ints or None, default -1
            The axes along which the entries of one sequence lie.

        Returns
        -------
        RunningEstimate
            A new state.
        """
        operands = {"values": values, "log_weights": log_weights}
        return self + of_sequences(operands, where, self.per, axis, self._state)

    def merge(self, other: RunningEstimate) -> RunningEstimate:
        """State of the data of both; also ``self + other``."""
        if not isinstance(other, RunningEstimate):
            raise TypeError(f"other must be a RunningEstimate, not {type(other).__name__}")
        if other.per != self.per:
            raise ValueError(f'means per "{self.per}" and per "{other.per}" do not merge')
        count = self.count + other.count
        if self.weight == 0 or other.weight == 0:  # one of them has nothing to add but that
            return (other if self.weight == 0 else self)._with(count=count)
        scale = max(self.scale, other.scale)
        log_scale = max(self.log_scale, other.log_scale)
        one, two = (state._rescaled(scale, log_scale) for state in (self, other))
        weight = one.weight + two.weight
        if two.weight > one.weight:  # whose digits the other could cost
            one, two = two, one
        mean = one.mean + (two.mean - one.mean) * (two.weight / weight)
        one, two = one._moved(mean), two._moved(mean)
        residuals = math.hypot(one.residual_length, two.residual_length)
        weights = math.hypot(one.weight_length, two.weight_length)
        cosine = sum(
            state.cosine
            * _share(state.residual_length, residuals)
            * _share(state.weight_length, weights)
            for state in (one, two)
        )
        return one._with(
            count=count,
            weight=weight,
            mean=mean,
            residual_length=residuals,
            weight_length=weights,
            cosine=cosine,
        )

    def __add__(self, other: RunningEstimate) -> RunningEstimate:
        return self.merge(other)

    def __radd__(self, other: Any) -> RunningEstimate:
        # What `sum` starts with.
        return self if type(other) is int and other == 0 else NotImplemented

    @property
    def estimate(self) -> float:
        """The mean; 0 without data, nan where all weights were zero."""
        return math.nan if self.weight == 0 and self.count else self.mean * self.scale

    @property
    def standard_error(self) -> float:
        """The cluster-robust standard error; nan for fewer than two sequences."""
        return self._scaled_error() * self.scale

    def interval(self, level: float = 0.95) -> Interval[float]:
        """The estimate and its normal confidence interval."""
        reach = normal_quantile(checked_level(level)) * self._scaled_error()
        low, high = (self.mean - reach) * self.scale, (self.mean + reach) * self.scale
        return Interval(self.estimate, low, high)

    def _scaled_error(self) -> float:
        if self.count < 2 or self.weight == 0:
            return math.nan
        return self.residual_length / self.weight * math.sqrt(self.count / (self.count - 1))

    def _state(self, found: Clusters) -> RunningEstimate:
        """The numbers of one batch."""
        plain, raw = found.plain, found.plain.raw
        residuals = scaled_root(plain, found.residuals)
        weights = scaled_root(plain, found.weights)
        one = raw.ones_like(residuals)
        cosine = raw.sum(
            (found.residuals / raw.where(residuals == 0, one, residuals))
            * (found.weights / raw.where(weights == 0, one, weights))
        )
        names = ("count", "weight", "mean", "residual_length", "weight_length", "cosine",
                 "scale", "log_scale")  # fmt: skip
        numbers = (found.count, found.total, found.mean, residuals, weights, cosine,
                   found.scale, found.log_scale)  # fmt: skip
        together = raw.stack([plain.constant(number) for number in numbers])
        if plain.library == "dask":
            together = together.compute()
        state = {name: float(together[i]) for i, name in enumerate(names)}
        if state["weight"] == 0:
            state.update(mean=0.0, scale=1.0)
        return self._with(**state | {"count": int(state["count"])})

    def _with(self, **numbers: float) -> RunningEstimate:
        """A state with other numbers, which only data decide."""
        state = RunningEstimate(self.per)
        for one in fields(self)[1:]:
            object.__setattr__(state, one.name, numbers.get(one.name, getattr(self, one.name)))
        return state

    def _rescaled(self, scale: float, log_scale: float) -> RunningEstimate:
        smaller = self.scale / scale
        factor = math.exp(self.log_scale - log_scale)
        return self._with(
            weight=self.weight * factor,
            mean=self.mean * smaller,
            residual_length=self.residual_length * smaller * factor,
            weight_length=self.weight_length * factor,
            scale=scale,
            log_scale=log_scale,
        )

    def _moved(self, mean: float) -> RunningEstimate:
        """With residuals to another mean: those of this one less the difference's weights."""
        a, b = self.residual_length, (mean - self.mean) * self.weight_length
        unit = max(a, abs(b))
        if not 0 < unit < math.inf:  # nothing to move, or nothing to save
            lost = math.nan if unit else 0.0
            return self._with(residual_length=a + lost, cosine=self.cosine + lost)
        a, b = a / unit, b / unit
        square = a * a - 2 * self.cosine * a * b + b * b
        length = math.sqrt(square) if not square < 0 else 0.0  # by rounding; nan stays
        cosine = _share(self.cosine * a - b, length)
        return self._with(residual_length=length * unit, cosine=max(-1.0, min(1.0, cosine)))


def _share(part: float, whole: float) -> float:
    """Quotient of lengths, of which a length of zero has none."""
    return part / whole if whole else 0.0
