"""Random numbers that are the same on every machine.

splitmix64 in integer arithmetic, and nothing but single correctly rounded operations on
top of it: no libm function, no vectorised sum whose order might differ.
"""

import math
import zlib

import numpy as np

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_LOW, _EVEN = np.uint64(0xFFFFFFFF), np.uint64(0x0000FFFF0000FFFF)


def _size(shape):
    return math.prod(shape) if isinstance(shape, tuple) else shape


class Draw:
    """A stream of draws, named by text so that regimes do not disturb each other."""

    def __init__(self, name):
        self.name = name
        self._state = np.uint64(zlib.crc32(name.encode()))
        self._count = 0

    def bits(self, shape):
        """Uniform 64-bit integers."""
        size = _size(shape)
        z = np.arange(self._count + 1, self._count + size + 1, dtype=np.uint64)
        self._count += size
        z *= _GAMMA
        z += self._state << np.uint64(32)
        for shift, factor in ((30, _MIX1), (27, _MIX2)):
            z ^= z >> np.uint64(shift)
            z *= factor
        z ^= z >> np.uint64(31)
        return z.reshape(shape)

    def uniform(self, shape):
        """Multiples of 2**-53 in [0, 1)."""
        return (self.bits(shape) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, low, high, shape):
        """Integers from low to high - 1."""
        return low + (self.bits(shape) % np.uint64(high - low)).astype(np.int64)

    def signs(self, shape):
        return 1.0 - 2.0 * self.integers(0, 2, shape)

    def chance(self, share, shape):
        """True with probability `share`."""
        return self.uniform(shape) < share

    def power(self, low, high, shape):
        """``m * 2**k``, m uniform in [1, 2) and k an integer from low to high - 1."""
        mantissa = 1.0 + self.uniform(shape)
        return np.ldexp(mantissa, self.integers(low, high, shape).astype(np.int32))

    def gaussian(self, shape):
        """Nearly normal: twelve uniforms of 16 bits each, minus their mean.

        One more uniform fills the bits below, so that values are not on a coarse grid.
        """
        size = _size(shape)
        words = self.bits((3, size))
        # Sums of 32 bits have room for six uniforms: two of them side by side in a word.
        sums = sum((word & _EVEN) + ((word >> np.uint64(16)) & _EVEN) for word in words)
        total = ((sums >> np.uint64(32)) + (sums & _LOW)).astype(np.int64).reshape(shape)
        coarse = (total - 12 * 32768 + 6).astype(np.float64) * 2.0**-16
        return coarse + (self.uniform(shape) - 0.5) * 2.0**-16
