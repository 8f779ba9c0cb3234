"""Numbers that depend on options alone: constants to whoever traces or compiles."""

from __future__ import annotations

from typing import Any

import numpy as np


def normal_quantile(level: float) -> float:
    """How many standard deviations around a normal mean hold a probability of ``level``."""
    from statistics import NormalDist

    # From below: what is left of a level next to 1 is exact, half of it next to 1 would not be.
    return -NormalDist().inv_cdf((1 - level) / 2)


def entropy(seed: Any) -> int:
    """What the weights of resamples are drawn from."""
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    if seed is None:
        return int(np.random.default_rng().integers(2**63))
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise TypeError(f"seed must be an integer, a numpy Generator or None, not {seed!r}")
    if seed.__index__() < 0:
        raise ValueError(f"seed must not be negative, not {seed!r}")
    return int(seed.__index__())


def exponentials(entropy: int, block: int, rows: int, resamples: int) -> np.ndarray:
    """Exponentially distributed weights, a row for each sequence of a block.

    Sequences behind the others do not change what those get.
    """
    seeds = np.random.SeedSequence(entropy, spawn_key=(block,))
    return np.random.default_rng(seeds).standard_exponential((rows, resamples))
