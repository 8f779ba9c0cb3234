"""A mean and its error from data that arrive in parts, on one machine or on many."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from .. import _arguments
from ._clusters import PER, Clusters, of_sequences
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
    It holds the mean m and, of sequences with sums S and weights N, the sums of their residuals
    :math:`R = S - m N` squared, of R times N, and of N squared. To a mean that is larger by d
    they are :math:`\sum R^2 - 2 d \sum R N + d^2 \sum N^2` and
    :math:`\sum R N - d \sum N^2`: the update of Chan, Golub and LeVeque where all N are 1, and
    like it without the cancellation of sums of squares.

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
        total = sum(states, start=RunningEstimate())
    """

    per: Literal["token", "sequence"] = "token"
    count: int = 0
    """How many sequences have had a selected entry."""
    weight: float = 0.0
    """How many entries (or sequences); with weights their sum, times ``exp(-log_scale)``."""
    mean: float = 0.0
    """Of what has a weight; `estimate` says what it is worth."""
    squares: float = 0.0
    """Of residuals."""
    products: float = 0.0
    """Of residuals and weights of sequences."""
    weight_squares: float = 0.0
    log_scale: float = 0.0

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
            return replace(other if self.weight == 0 else self, count=count)
        scale = max(self.log_scale, other.log_scale)
        one, two = self._rescaled(scale), other._rescaled(scale)
        weight = one.weight + two.weight
        mean = one.mean + (two.mean - one.mean) * (two.weight / weight)
        one, two = one._moved(mean), two._moved(mean)
        return RunningEstimate(
            self.per,
            count,
            weight,
            mean,
            one.squares + two.squares,
            one.products + two.products,
            one.weight_squares + two.weight_squares,
            scale,
        )

    def __add__(self, other: RunningEstimate) -> RunningEstimate:
        return self.merge(other)

    @property
    def estimate(self) -> float:
        """The mean; 0 without data, nan where all weights were zero."""
        return math.nan if self.weight == 0 and self.count else self.mean

    @property
    def standard_error(self) -> float:
        """The cluster-robust standard error; nan for fewer than two sequences."""
        if self.count < 2:
            return math.nan
        if self.weight == 0:
            return math.nan
        correction = self.count / (self.count - 1)
        return math.sqrt(self.squares * correction) / self.weight

    def interval(self, level: float = 0.95) -> Interval:
        """The estimate and its normal confidence interval."""
        reach = normal_quantile(checked_level(level)) * self.standard_error
        return Interval(self.estimate, self.estimate - reach, self.estimate + reach)

    def _state(self, found: Clusters) -> RunningEstimate:
        """The numbers of one batch."""
        raw = found.plain.raw
        numbers = (
            found.count,
            found.total,
            found.mean,
            raw.sum(found.residuals**2),
            raw.sum(found.residuals * found.weights),
            raw.sum(found.weights**2),
            found.log_scale,
        )
        together = raw.stack([found.plain.constant(number) for number in numbers])
        if found.plain.library == "dask":
            together = together.compute()
        count, weight, mean, *others = (float(together[i]) for i in range(len(numbers)))
        return RunningEstimate(
            self.per, int(count), weight, 0.0 if weight == 0 else mean, *others
        )

    def _rescaled(self, log_scale: float) -> RunningEstimate:
        factor = math.exp(self.log_scale - log_scale)
        return replace(
            self,
            weight=self.weight * factor,
            squares=self.squares * factor**2,
            products=self.products * factor**2,
            weight_squares=self.weight_squares * factor**2,
        )

    def _moved(self, mean: float) -> RunningEstimate:
        """With residuals to another mean."""
        d = mean - self.mean
        squares = self.squares - d * (2 * self.products - d * self.weight_squares)
        return replace(
            self,
            squares=squares if not squares < 0 else 0.0,  # by rounding; nan stays
            products=self.products - d * self.weight_squares,
        )
