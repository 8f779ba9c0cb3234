"""Hard cases: operands that are drawn, and their truths, which are stored.

The truths of each kind are a file of JSON, compressed by xz and read when the kind is used.
"""

from __future__ import annotations

import json
import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from .._ulp import FORMATS
from ._drawing import Numbers
from ._kinds import KINDS, Kind
from ._points import points
from ._rows import Regime, rows

STORE, SUFFIX = "truths", ".json.xz"


@dataclass(frozen=True)
class Exact:
    """Numbers to twice the digits of float64, and the condition number of each.

    Examples
    --------
    A third is ``high + low``, unevaluated:

    >>> from fractions import Fraction
    >>> from relentropy.testing import Exact
    >>> third = Exact(1 / 3, float(Fraction(1, 3) - Fraction(1 / 3)), 1.0)
    >>> off = Fraction(float(third.high)) + Fraction(float(third.low)) - Fraction(1, 3)
    >>> abs(off) < Fraction(1, 2**106)
    True
    """

    high: Numbers
    """The nearest float64."""
    low: Numbers
    """What it lacks."""
    condition: Numbers
    """The condition number."""

    def __post_init__(self) -> None:
        for name in ("high", "low", "condition"):
            array = np.array(getattr(self, name), np.float64)
            if array.shape != np.shape(self.high):
                msg = f"{name} has shape {array.shape}, high has {np.shape(self.high)}"
                raise ValueError(msg)
            array.flags.writeable = False
            object.__setattr__(self, name, array)


@dataclass(frozen=True)
class Slopes:
    """Derivatives by every operand, of the value or, for maps, with the seeds `SEEDS`.

    Examples
    --------
    >>> from relentropy.testing import hard_cases
    >>> case = hard_cases("kl_div", dtype="float64")[0]
    >>> slopes = case.slopes[0]
    >>> len(slopes.of) == len(case.operands)
    True
    """

    meaning: str
    """Of which function: of what is normalised, or of sums as they stand."""
    of: tuple[Exact, ...]
    """One for each operand."""


@dataclass(frozen=True)
class HardCase:
    """Operands that share what makes them hard, and the truth.

    Attributes
    ----------
    kind, inputs, dtype : str
    regime : str
        What makes them hard, in one word without dots.
    gap : float
        How close the operands are, relatively; nan where that says nothing.
    operands : tuple of numpy arrays
        In float64, representable in `dtype`: rows, or points of an elementwise function.
    value : Exact
    slopes : tuple of Slopes
        What the derivatives may be; empty where nothing is said of them.

    Examples
    --------
    >>> from relentropy.testing import hard_cases
    >>> case = [one for one in hard_cases("kl_div", dtype="float64") if one.gap < 1e-6][0]
    >>> case.regime, len(case.operands), case.value.high.shape == case.operands[0].shape
    ('close', 2, True)
    """

    kind: str
    inputs: str
    dtype: str
    regime: str
    gap: float
    operands: tuple[Numbers, ...]
    value: Exact
    slopes: tuple[Slopes, ...] = ()

    def __post_init__(self) -> None:
        kind = KINDS.get(self.kind)
        if kind is None or kind.form in {"sample", "loss"} or self.inputs not in kind.inputs:
            msg = f"there are no cases of the kind {self.kind!r} with inputs {self.inputs!r}"
            raise ValueError(msg)
        if self.dtype not in FORMATS:
            msg = f"dtype is {self.dtype!r}; expected one of {', '.join(FORMATS)}"
            raise ValueError(msg)
        if not self.regime or {".", " "} & set(self.regime):
            msg = f"regime is {self.regime!r}; expected one word without dots"
            raise ValueError(msg)
        operands = tuple(np.array(x, np.float64) for x in self.operands)
        shapes = [x.shape for x in operands]
        dimensions = 1 if kind.form == "point" else 2
        if len(operands) != len(kind.operands) or {len(s) for s in shapes} != {dimensions}:
            msg = (
                f"operands have the shapes {shapes}; {kind.name} takes {len(kind.operands)} of "
                f"{dimensions} dimension{'s' * (dimensions - 1)}"
            )
            raise ValueError(msg)
        right = shapes[0] if kind.form != "row" else shapes[0][:1]
        if len(set(shapes)) > 1 or np.shape(self.value.high) != right:
            msg = f"value has shape {np.shape(self.value.high)} for operands of {shapes}"
            raise ValueError(msg)
        for x in operands:
            x.flags.writeable = False
        object.__setattr__(self, "operands", operands)

    @property
    def label(self) -> str:
        """The regime, with its gap."""
        return self.regime if np.isnan(self.gap) else f"{self.regime} {self.gap:.0e}"


def seeds(shape: tuple[int, ...]) -> Numbers:
    """What the results of maps are weighted with for a derivative."""
    return np.resize(np.array([1.0, -2.0, 3.0, 0.5]), shape)


def regimes(kind: Kind, inputs: str, dtype: str) -> Iterator[Regime]:
    """The operands of a kind, without what would be said twice."""
    count = len(kind.operands)
    if kind.form == "point":
        drawn: Iterable[Regime] = points(kind.name, inputs, dtype)
    else:
        drawn = rows(inputs, dtype, long=kind.name in _LONG)
    seen = set()
    for regime in drawn:
        own = regime._replace(operands=regime.operands[:count])
        text = b"".join(x.tobytes() for x in own.operands)
        if text in seen:
            continue
        if count == 1 and own.name in {"close", "equal", "uncovered"} and kind.form != "point":
            continue
        if count == 1 and own.name == "nan" and not np.isnan(own.operands[0]).any():
            continue
        seen.add(text)
        yield own


# What sums so many entries of one sign.
_LONG = {"kl_divergence", "js_divergence", "entropy", "logsumexp"}


@cache
def hard_cases(kind: str, inputs: str, dtype: str) -> tuple[HardCase, ...]:
    """All cases of a kind, form of the operands and dtype."""
    stored = truths(kind)[inputs][dtype]
    drawn = list(regimes(KINDS[kind], inputs, dtype))
    if [checksum(regime) for regime in drawn] != [one["crc"] for one in stored]:
        msg = f"the operands of {kind} that this machine draws are not those of the truths"
        raise RuntimeError(msg)
    return tuple(
        _case(kind, inputs, dtype, regime, one)
        for regime, one in zip(drawn, stored, strict=True)
    )


@cache
def truths(kind: str) -> Any:
    """Return the stored truths of a kind, by the form of the operands and by dtype."""
    path = resources.files(__package__) / STORE / f"{kind}{SUFFIX}"
    return json.loads(lzma.decompress(path.read_bytes()))


def checksum(regime: Regime) -> int:
    """By which a machine that draws other numbers is found out."""
    # Adding zero makes of the two zeros one.
    return zlib.crc32(b"".join((x + 0.0).astype("<f8").tobytes() for x in regime.operands))


def _case(kind: str, inputs: str, dtype: str, regime: Regime, stored: Any) -> HardCase:
    operands = regime.operands
    entries = operands[0].shape
    value = entries if KINDS[kind].form != "row" else entries[:1]
    found = tuple(
        Slopes(
            meaning, tuple(_exact(of, x.shape) for of, x in zip(texts, operands, strict=True))
        )
        for meaning, texts in stored.get("slopes", {}).items()
    )
    truth = _exact(stored["value"], value)
    return HardCase(kind, inputs, dtype, regime.name, regime.gap, operands, truth, found)


def _exact(stored: Sequence[str], shape: tuple[int, ...]) -> Exact:
    """Of a text of the numbers, and one of their condition numbers where one is not 1."""
    high, low = pairs(stored[0].split())
    condition = np.ones(shape)
    if len(stored) > 1:
        condition = np.array([float(word) for word in stored[1].split()]).reshape(shape)
    return Exact(high.reshape(shape), low.reshape(shape), condition)


def pairs(words: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Decimal numbers as sums of two float64, the first being the nearest."""
    high = np.array([float(word) for word in words])
    low = np.zeros_like(high)
    with localcontext(prec=60):
        for i in map(int, np.flatnonzero(np.isfinite(high) & (high != 0))):
            low[i] = float(Decimal(words[i]) - Decimal(high[i]))
    return high, low
