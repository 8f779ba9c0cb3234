"""Numbers that every machine draws alike, exactly representable in a given precision.

Everything is float64 that the narrower format holds; what is drawn are integers.
"""

from __future__ import annotations

import zlib
from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

from .._ulp import FORMATS

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]


def rounded(values: Numbers | float, dtype: str) -> Numbers:
    """To the nearest number of a dtype, ties to even; no overflow is looked for."""
    form = FORMATS[dtype]
    values = np.asarray(values, np.float64)
    _, exponent = np.frexp(values)
    unit = np.maximum(exponent, form.low + 1) - form.digits
    with np.errstate(invalid="ignore"):  # infinities and nan stay what they are
        nearest = np.ldexp(np.rint(np.ldexp(values, -unit)), unit)
    return np.asarray(np.where(np.isfinite(values), nearest, values))


def integers(name: str, shape: tuple[int, ...], bits: int) -> Integers:
    """Uniform in ``[0, 2**bits)``, the same for a name wherever they are drawn."""
    # A bit generator's raw words are what numpy promises not to change.
    words = np.random.PCG64(zlib.crc32(name.encode())).random_raw(int(np.prod(shape)))
    return (
        (np.asarray(words, np.uint64) >> np.uint64(64 - bits)).astype(np.int64).reshape(shape)
    )


def symmetric(name: str, shape: tuple[int, ...]) -> Numbers:
    """Multiples of 2**-20 in ``(-1, 1)``, none of them zero."""
    return np.asarray((2.0 * integers(name, shape, 20) + 1) * 2.0**-20 - 1, np.float64)


def logarithms(values: Numbers) -> Numbers:
    """Correctly rounded, since libraries differ in the last digit; of 0 it is -inf."""
    with localcontext(prec=40):
        logs = [float(Decimal(float(x)).ln()) for x in values.ravel()]
    return np.array(logs).reshape(values.shape)


def simplex(name: str, shape: tuple[int, int], dtype: str) -> tuple[Integers, int]:
    """Rows of positive integers that add up to exactly ``2**bits``, and the bits.

    In those units they are probabilities that are representable and add up to 1 without a
    rounding, so that a function that normalises and one that does not have the same to say.
    """
    n = shape[1]
    bits = min(62, FORMATS[dtype].digits + max(0, n.bit_length() - 4))
    weights = 256 + integers(name, shape, 10)  # none much smaller than others
    # Python's integers: the products pass 64 bits.
    shares = weights.astype(object) * (1 << bits) // weights.sum(axis=1, keepdims=True)
    units = shares.astype(np.int64)
    left = (1 << bits) - units.sum(axis=1)  # less than one for each entry
    units += np.arange(n) < left[:, None]
    return units, bits


def shares(bits: int, *units: Integers) -> tuple[Numbers, ...]:
    """Such integers as the probabilities that they are."""
    return tuple(np.ldexp(one.astype(np.float64), -bits) for one in units)


def moved(name: str, units: Integers, gap: float) -> Integers:
    """Neighbours exchange about ``gap`` of the smaller one, so that the sums stay."""
    rows, n = units.shape
    pairs = units[:, : n - n % 2].reshape(rows, -1, 2)
    step = gap * pairs.min(axis=2) * symmetric(name, pairs.shape[:2])
    step = np.rint(step).astype(np.int64)
    step[:, 0] += (step == 0).all(axis=1)  # at least a unit
    other = units.copy()
    other[:, 0 : n - n % 2 : 2] += step
    other[:, 1 : n - n % 2 : 2] -= step
    return other
