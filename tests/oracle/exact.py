"""Floating-point numbers to and from text, and one step up or down, without rounding."""

import math
from dataclasses import dataclass

import ml_dtypes
import numpy as np


@dataclass(frozen=True)
class Format:
    """A binary floating-point format, as numpy holds it.

    Attributes
    ----------
    name : str
        The dtype's name.
    dtype : numpy.dtype
    precision : int
        Significant bits, the hidden one included.
    emin, emax : int
        Exponents of the smallest normal number and of the largest power of two.
    """

    name: str
    dtype: np.dtype
    precision: int
    emin: int
    emax: int

    @property
    def tiny(self):
        """The smallest subnormal number."""
        return math.ldexp(1.0, self.emin - self.precision + 1)

    @property
    def largest(self):
        return math.ldexp(2.0 - math.ldexp(1.0, 1 - self.precision), self.emax)

    def round(self, values):
        """Round float64 values to the format; too large ones become infinite."""
        values = np.asarray(values)
        with np.errstate(over="ignore", under="ignore"):
            if self.name == "bfloat16" and values.dtype == np.float64:
                # Rows are drawn anew from recipes: ml_dtypes rounded twice until 0.7.
                values = values.astype(np.float32)
            return values.astype(self.dtype)

    def step(self, values, steps):
        """Move by `steps` representable numbers away from zero (negative: towards it)."""
        values = self.round(values)
        bits = values.view(f"i{self.dtype.itemsize}")
        return (bits + np.asarray(steps).astype(bits.dtype)).view(self.dtype)


FORMATS = {
    f.name: f
    for f in (
        Format("float16", np.dtype(np.float16), 11, -14, 15),
        Format("bfloat16", np.dtype(ml_dtypes.bfloat16), 8, -126, 127),
        Format("float32", np.dtype(np.float32), 24, -126, 127),
        Format("float64", np.dtype(np.float64), 53, -1022, 1023),
    )
}


def to_hex(value):
    """Write a float in hexadecimal, without the 0x, as `float.fromhex` reads it."""
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    mantissa, exponent = value.hex().replace("0x", "").split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{int(exponent)}"


def to_text(values):
    """Write a 1-D array as hexadecimal literals with blanks between them."""
    return " ".join(to_hex(v) for v in values)


def from_text(text, dtype):
    """Read what `to_text` wrote into an array of a dtype that holds the values."""
    return np.array([float.fromhex(t) for t in text.split()], dtype=np.float64).astype(dtype)
