"""The distance between computed and true values, in units in the last place.

Computed values are widened to float64; true values are two float64 words and an exponent, which
leaves nothing to be lost near the ends of the range. All else is exact scaling by powers of two
and one subtraction.
"""

from __future__ import annotations

from fractions import Fraction
from numbers import Rational
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Format(NamedTuple):
    """A binary floating-point format."""

    name: str
    digits: int  # of the significand, the leading one included
    low: int  # exponent of the smallest normal number
    high: int  # exponent of the largest binade


FORMATS = {
    "float16": Format("float16", 11, -14, 15),
    "bfloat16": Format("bfloat16", 8, -126, 127),
    "float32": Format("float32", 24, -126, 127),
    "float64": Format("float64", 53, -1022, 1023),
}


class Received(NamedTuple):
    """Computed values, widened to float64, and the format that sets the unit."""

    values: NDArray[np.float64]
    format: Format


class Truth(NamedTuple):
    """True values ``(high + low) * 2**shift``.

    ``abs(high)`` is in [1/2, 1), or zero, infinite or nan; ``abs(low)`` is at most half an ulp
    of it. With the exponent apart, the second word keeps its digits also where the value
    itself is near the end of float64's range, or past it.
    """

    high: NDArray[np.float64]
    low: NDArray[np.float64]
    shift: NDArray[np.int32]


def measure(got: Received, true: Truth) -> NDArray[np.float64]:
    """Absolute errors, in ulp of the format that `got` names, in the shape of its values."""
    values, form = got
    high, low, _ = true
    if high.ndim and high.shape != values.shape:
        msg = (
            f"desired has shape {high.shape}, actual has {values.shape}; "
            "they must be equal, or desired a scalar"
        )
        raise ValueError(msg)

    # All numbers in units of the ulp: multiplications by powers of two, hence exact. What
    # overflows is an infinite error, what underflows is less than 1e-300 ulp.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        unit = unit_exponent(true, form)
        scaled = np.ldexp(values, -unit)
        # Far past the largest number, a value stands for any: both words must stay finite.
        exponent = np.minimum(true.shift - unit, 900)
        scaled_high = np.ldexp(high, exponent)
        scaled_low = np.ldexp(low, exponent)
        # The first difference is exact wherever it is below 2**22, whatever the two formats.
        error = np.abs((scaled - scaled_high) - scaled_low)

        # From half an ulp above the largest number on, the nearest value is an infinity.
        sign = np.copysign(1.0, high)
        above = (sign * scaled_high - 2.0**form.digits) + (sign * scaled_low + 0.5)
        overflows = (unit == form.high - form.digits + 1) & (above >= 0)
    overflows |= np.isinf(high)
    infinite = np.isinf(values)
    agree = infinite & overflows & (np.signbit(values) == np.signbit(high))
    error = np.where(infinite | np.isinf(high), np.where(agree, 0.0, np.inf), error)
    nans = np.isnan(values).astype(int) + np.isnan(high)
    return np.asarray(np.where(nans == 2, 0.0, np.where(nans == 1, np.inf, error)))


def unit_exponent(true: Truth, form: Format) -> NDArray[np.int32]:
    """Exponent of the power of two that is one ulp at each true value."""
    high, low, shift = true
    binade = shift - 1
    # A power of two from which something is taken off lies in the binade below.
    below = (np.abs(high) == 0.5) & (low != 0) & (np.signbit(high) != np.signbit(low))
    binade = np.where(below, binade - 1, binade)
    binade = np.where(high == 0, form.low, binade)
    return (np.clip(binade, form.low, form.high) - (form.digits - 1)).astype(np.int32)


def received(actual: object, dtype: object) -> Received:
    """Widen computed values of any library, or raise TypeError."""
    array, name = as_named(actual)
    if name not in FORMATS:
        msg = f"actual has dtype {name}; expected one of {', '.join(FORMATS)}"
        raise TypeError(msg)
    unit = name if dtype is None else _name(dtype)
    return Received(array.astype(np.float64), FORMATS[unit])


def _name(dtype: Any) -> str:
    """Name of a format, from any library's dtype object or a string."""
    name = str(dtype).rpartition(".")[2]  # torch's reads "torch.bfloat16"
    if name not in FORMATS:
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = ""
    if name not in FORMATS:
        msg = f"dtype is {dtype!r}; expected one of {', '.join(FORMATS)}"
        raise TypeError(msg)
    return name


def as_named(x: Any) -> tuple[NDArray[Any], str]:
    """Values as a numpy array, without rounding, and the name of the dtype they had."""
    if hasattr(x, "detach") and hasattr(x, "cpu"):  # torch
        name = str(x.dtype).rpartition(".")[2]
        x = x.detach().cpu()
        return np.asarray((x.float() if name == "bfloat16" else x).numpy()), name
    if hasattr(x, "__cuda_array_interface__") and hasattr(x, "get"):  # CuPy
        x = x.get()
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        x = np.from_dlpack(x)
    array = np.asarray(x)
    return array, array.dtype.name


def as_float64(x: object, argument: str) -> NDArray[np.float64]:
    """Widen a floating-point or integer argument, or raise TypeError."""
    array, name = as_named(x)
    if name not in FORMATS and array.dtype.kind not in "iu":
        msg = f"{argument} has dtype {name}; expected one of {', '.join(FORMATS)}"
        raise TypeError(msg)
    return array.astype(np.float64)


def truth(desired: object, desired_low: object) -> Truth:
    """Bring true values, in any of the ways they may be given, into the one form."""
    if desired_low is not None:
        high, low = as_float64(desired, "desired"), as_float64(desired_low, "desired_low")
        if high.shape != low.shape:
            msg = f"desired has shape {high.shape}, desired_low has {low.shape}"
            raise ValueError(msg)
        return _from_pair(high, low)
    array, name = as_named(desired)
    if name in FORMATS:
        high = array.astype(np.float64)
        return _from_pair(high, np.zeros_like(high))
    if array.dtype.kind in "iufO":  # 64-bit integers and long doubles need two words
        return _from_exact(array.astype(object))
    msg = (
        f"desired has dtype {name}; expected one of {', '.join(FORMATS)}, "
        "or exact numbers (int, Fraction, Decimal, mpf)"
    )
    raise TypeError(msg)


def _from_pair(high: NDArray[np.float64], low: NDArray[np.float64]) -> Truth:
    low = np.where(np.isfinite(high), low, 0.0)  # arithmetic on pairs leaves (inf, nan)
    # Scaled by the larger word, the sum can neither overflow nor lose the smaller one.
    _, scale = np.frexp(np.where(np.abs(low) > np.abs(high), low, high))
    with np.errstate(invalid="ignore", under="ignore"):
        high, low = np.ldexp(high, -scale), np.ldexp(low, -scale)
        total = high + low
        part = total - high
        rest = (high - (total - part)) + (low - part)  # Knuth's two-sum: the error of `total`
        fraction, shift = np.frexp(total)
        rest = np.where(np.isfinite(total), np.ldexp(rest, -shift), 0.0)
    return Truth(np.asarray(fraction), np.asarray(rest), np.asarray(scale + shift, np.int32))


def _from_exact(numbers: NDArray[np.object_]) -> Truth:
    high, low = np.empty(numbers.shape), np.empty(numbers.shape)
    shift = np.empty(numbers.shape, np.int32)
    for index in np.ndindex(numbers.shape):
        high[index], low[index], shift[index] = _split(numbers[index])
    return Truth(high, low, shift)


def _split(number: object) -> tuple[float, float, int]:
    """One number as two words and an exponent; see `Truth`."""
    scaled, shift = _fraction(number)
    if isinstance(scaled, float):
        return scaled, 0.0, 0
    # Python divides integers with correct rounding, so `float` of a fraction is the nearest.
    high = float(scaled)
    low = float(scaled - Fraction(high))
    if abs(high) == 1.0:  # rounded up to a power of two
        high, low, shift = high / 2, low / 2, shift + 1
    # Past float64's range by more than any of its formats can see.
    return high, low, max(-10_000, min(10_000, shift))


def _fraction(number: Any) -> tuple[Fraction | float, int]:
    """``(f, s)`` with the number equal to ``f * 2**s`` and ``abs(f)`` in [1/2, 1).

    A zero, an infinity or a nan comes back as a float.
    """
    if hasattr(number, "man_exp"):  # mpmath.mpf; its exponent may be too large to multiply out
        man, exp = (int(part) for part in number.man_exp)
        if man == 0:
            return float(number), 0
        size = abs(man).bit_length()
        return Fraction(-abs(man) if number < 0 else man, 1 << size), exp + size
    if isinstance(number, bool) or not hasattr(number, "__float__"):
        msg = (
            f"desired holds {number!r} of type {type(number).__name__}; expected a float or an "
            "exact number (int, Fraction, Decimal, mpf)"
        )
        raise TypeError(msg)
    try:
        ratio = number if isinstance(number, Rational) else number.as_integer_ratio()
        exact = Fraction(ratio) if isinstance(ratio, Rational) else Fraction(*ratio)
    except (OverflowError, ValueError):  # so say infinities and nan
        return float(number), 0
    if exact == 0:
        return 0.0, 0
    size = abs(exact.numerator).bit_length() - exact.denominator.bit_length()
    exact = exact / (1 << size) if size >= 0 else exact * (1 << -size)
    return (exact / 2, size + 1) if abs(exact) >= 1 else (exact, size)
