"""The worst of a function on one backend, in numbers and words that pass between processes."""

import contextlib
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from relentropy._engines import front, manifest
from relentropy.testing import ulp_error

FLUSHED = "XLA on CPU flushes subnormal inputs, intermediate and final results to zero"
FINE = 20
"""Decades of true values on both sides of 1 that are kept apart; others are so by tens."""


class Points(NamedTuple):
    """What one call gave, beside what is true."""

    regime: str
    truth: np.ndarray
    """In float64, one for each result."""
    error: np.ndarray
    """In ulp, over the condition number where the record says so."""
    allowed: float
    say: Callable[[tuple[int, ...]], tuple[str, str]]
    """Of one result: where it is from, and the call in words."""
    exempt: Any = False
    """Where an exemption of the record holds."""
    cause: str = ""


@dataclass(frozen=True)
class Worst:
    """The largest error of one function, dtype and backend."""

    function: str
    dtype: str
    backend: str
    ulp: float
    allowed: float
    """The bound that holds for the worst case: long rows and missing float64 have their own."""
    points: int
    where: str
    """Regime and length of the row."""
    call: str
    above: int = 0
    """Points above their bound."""
    exempt_points: int = 0
    exempt_ulp: float = 0.0
    cause: str = ""
    regimes: dict[str, float] = field(default_factory=dict)
    """The largest error of each regime."""
    sizes: dict[int, float] = field(default_factory=dict)
    """And of each decade of the true value."""
    kernels: dict[str, list[str]] = field(default_factory=dict)
    """By engine, those that there are for what was called."""

    @property
    def fails(self) -> bool:
        return not self.ulp <= self.allowed


def compared(
    got: np.ndarray, truth: np.ndarray, backend: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors in ulp, truths in float64, and where jax flushes what is not normal."""
    form = np.finfo(got.dtype)
    truth = np.where(truth > float(form.max), np.inf, truth)
    rounded = truth.astype(np.float64)
    size = np.abs(rounded)
    exempt = (size > 0) & (size < float(form.tiny)) & (backend.library == "jax")
    return ulp_error(got, truth), rounded, exempt


@contextlib.contextmanager
def quiet(backend: Any) -> Iterator[None]:
    """A backend at work; what must not warn is a test's business."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), backend.active():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def kernels_noted() -> Iterator[dict[str, set[str]]]:
    """The names of the kernels that engines have for what is called meanwhile.

    Triton's kernels are noted as well, though nothing is on their devices.
    """
    found: dict[str, set[str]] = {"compiled": set(), "triton": set()}
    spec_of, state_spec_of = manifest.spec_of, manifest.state_spec_of

    def noted(function: Any) -> Any:
        spec, device = spec_of(function), manifest.triton_of(function)
        if spec is not None:
            found["compiled"].add(spec.kernel.name)
            if spec.vjp:
                found["compiled"].add(f"{spec.kernel.name}_slopes")
        if device is not None:
            found["triton"].add(device.name)
        return spec

    def state_noted(fold: Any) -> Any:
        spec = state_spec_of(fold)
        if spec is not None:
            found["compiled"].add(f"{spec.kernel.name}_state")
        return spec

    manifest.spec_of, manifest.state_spec_of = noted, state_noted
    front.forget()  # a cached call looks nothing up
    try:
        yield found
    finally:
        manifest.spec_of, manifest.state_spec_of = spec_of, state_spec_of


def worst(function: str, dtype: str, backend: str, every: Iterable[Points]) -> Worst:
    """The worst of all points, and what the report says beside it."""
    found, key = None, None
    points = above = exempt_points = 0
    exempt_ulp, cause = 0.0, ""
    regimes: dict[str, float] = {}
    sizes: dict[int, float] = {}
    with kernels_noted() as kernels:
        for one in every:
            exempt = np.broadcast_to(one.exempt, one.error.shape)
            error = np.where(exempt, 0.0, one.error)
            points += error.size - int(exempt.sum())
            above += int((~(error <= one.allowed)).sum())
            if exempt.any():
                exempt_points += int(exempt.sum())
                exempt_ulp = max(exempt_ulp, float(one.error[exempt].max()))
                cause = one.cause
            if error.size == 0:
                continue
            at = np.unravel_index(int(np.argmax(error)), error.shape)
            ulp = float(error[at])
            regimes[one.regime] = max(regimes.get(one.regime, 0.0), ulp)
            _by_size(sizes, one.truth, error)
            # What is above its bound goes before what is larger but allowed.
            own = (not ulp <= one.allowed, math.inf if math.isnan(ulp) else ulp)
            if key is None or own > key:
                found, key = (one, at, ulp), own
    if found is None:
        msg = f"{function} has no hard cases in {dtype}"
        raise ValueError(msg)
    one, at, ulp = found
    where, call = one.say(at)
    named = {engine: sorted(names) for engine, names in kernels.items()}
    return Worst(
        function, dtype, backend, ulp, one.allowed, points, where, call, above,
        exempt_points, exempt_ulp, cause, regimes, sizes, named,
    )  # fmt: skip


def _by_size(sizes: dict[int, float], truth: np.ndarray, error: np.ndarray) -> None:
    """The largest error of each decade; of zeros, infinities and nan there is none."""
    size = np.abs(np.asarray(truth, np.float64)).ravel()
    inside = (size > 0) & (size < np.inf)
    decades = np.floor(np.log10(size[inside])).astype(int)
    decades = np.where(np.abs(decades) > FINE, 10 * np.round(decades / 10).astype(int), decades)
    own = error.ravel()[inside]
    for decade in np.unique(decades):
        largest = float(own[decades == decade].max())
        sizes[int(decade)] = max(sizes.get(int(decade), 0.0), largest)
