"""Measures of data that arrive in parts, as states that can be kept, sent and merged."""

from ._measures import CrossEntropyState, EntropyState, KLState, LogSumExpState
from ._running import RunningStatistics
from ._state import State

__all__ = [
    "CrossEntropyState",
    "EntropyState",
    "KLState",
    "LogSumExpState",
    "RunningStatistics",
    "State",
]
