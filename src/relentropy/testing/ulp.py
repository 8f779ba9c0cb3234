"""Errors in units in the last place, for your own tests.

`ulp_error` measures, `assert_ulp` asserts. The true value may be given more digits than any
floating-point type has: as a `fractions.Fraction`, a `decimal.Decimal`, an ``mpmath.mpf``, or
as the unevaluated sum of two float64 numbers.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from .._ulp import Received, Truth, as_float64, measure, received, truth, unit_exponent

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["assert_ulp", "ulp_error"]


def ulp_error(
    actual: object,
    desired: object,
    *,
    desired_low: object = None,
    dtype: object = None,
) -> NDArray[np.float64]:
    """Return the error of `actual` in units in the last place (ulp) of its dtype.

    One ulp is the distance between neighbouring numbers of that dtype in the binade
    (from one power of two to the next) of the true value; below the normal range it is the
    smallest subnormal number. A correctly rounded result has an error of at most 0.5.

    Parameters
    ----------
    actual : array of any library, or float
        Computed values, in float16, bfloat16, float32 or float64.
    desired : array of any library, float, or exact number or nested list of them
        True values: a scalar, or the shape of `actual`. Exact numbers are `int`,
        `fractions.Fraction`, `decimal.Decimal` and ``mpmath.mpf``.
    desired_low : array or float, optional
        What `desired` lacks: the true value is ``desired + desired_low``, unevaluated.
    dtype : dtype or str, optional
        The precision whose ulp is the unit, by default that of `actual`. It is what you want
        when a result has been widened on its way here.

    Returns
    -------
    numpy.ndarray
        The absolute error, float64, of the shape of `actual`. Its own relative error is below
        1e-15, or its absolute error below 1e-10 where that is more.

    Raises
    ------
    TypeError
        If a dtype is none of the four, or a value of `desired` is not a real number.
    ValueError
        If the shapes differ.

    Notes
    -----
    Two nan are equal, and so are two infinities of the same sign. A finite true value that
    rounds to an infinity in the dtype is equal to that infinity. Any other nan or infinity on
    one side only is an error of ``inf``. The sign of a zero does not count.

    Examples
    --------
    >>> import numpy as np
    >>> from fractions import Fraction
    >>> from relentropy.testing import ulp_error
    >>> ulp_error(np.float32([1, 1.0000001]), 1.0)
    array([0., 1.])

    The float64 number nearest to 1/3 is a third of an ulp off:

    >>> print(ulp_error(1 / 3, Fraction(1, 3)).round(6))
    0.333333

    The same through a pair whose second word holds the digits that float64 lacks:

    >>> print(ulp_error(1 / 3, 1 / 3, desired_low=1.850371707708594e-17).round(6))
    0.333333
    """
    return measure(received(actual, dtype), truth(desired, desired_low))


def assert_ulp(
    actual: object,
    desired: object,
    maxulp: float,
    *,
    condition: object = None,
    err_msg: str = "",
    desired_low: object = None,
    dtype: object = None,
) -> None:
    """Raise AssertionError unless `actual` is within `maxulp` ulp of `desired`.

    Parameters
    ----------
    actual, desired, desired_low, dtype
        As for `ulp_error`.
    maxulp : float
        The largest error that passes.
    condition : array or float, optional
        Condition number of the problem: by how much it amplifies a relative error of its
        inputs, a scalar or the shape of `actual`. The error is divided by it. Numbers
        below one count as one, since the result itself must be rounded.
    err_msg : str, optional
        Begins the message.

    Raises
    ------
    AssertionError
        Naming the worst element, what it is and what it should be.
    TypeError, ValueError
        As for `ulp_error`.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.testing import assert_ulp
    >>> assert_ulp(np.exp(1.0), 2.718281828459045, 1)
    >>> assert_ulp(np.float32([1, 3]), [1, 3.000001], 3)
    Traceback (most recent call last):
        ...
    AssertionError: 1 of 2 elements is more than 3 ulp off, the worst at index (1,)
      error    4.19 ulp of float32, where one ulp is 2.38e-7
      actual   3
      desired  3.000001000000000139777967
    """
    got, true = received(actual, dtype), truth(desired, desired_low)
    errors = measure(got, true)
    factor = _factor(condition, errors.shape)
    with np.errstate(invalid="ignore"):
        # Where both are infinite the error stays so: it must not pass.
        weighed = np.where(np.isinf(errors), errors, errors / factor)
    failed = ~(weighed <= maxulp)  # a nan in `condition` fails
    if not failed.any():
        return

    worst = np.unravel_index(int(np.argmax(weighed)), errors.shape)
    report = _describe(got, true, worst, float(errors[worst]))
    if condition is not None:
        report.append(
            f"weighed  {weighed[worst]:.3g} ulp, the condition number being {factor[worst]:.3g}"
        )
    count = int(failed.sum())
    head = f"{count} of {failed.size} elements {'is' if count == 1 else 'are'}"
    if errors.ndim == 0:
        head = "the result is"
    head += f" more than {maxulp:g} ulp off"
    if errors.ndim:
        head += f", the worst at index {tuple(int(i) for i in worst)}"
    if err_msg:
        head = f"{err_msg}\n{head}"
    raise AssertionError("\n  ".join([head, *report]))


def _factor(condition: object, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """What divides the errors, in their shape; never below one."""
    if condition is None:
        return np.ones(shape)
    factor = np.maximum(as_float64(condition, "condition"), 1.0)
    if factor.ndim and factor.shape != shape:
        msg = f"condition has shape {factor.shape}, actual has {shape}"
        raise ValueError(msg)
    return np.broadcast_to(factor, shape)


def _describe(
    got: Received, true: Truth, worst: tuple[np.intp, ...], error: float
) -> list[str]:
    """Lines on the worst element."""
    one = Truth(*(part[worst if part.ndim else ()].reshape(()) for part in true))
    ulp = _decimal(_two_to(int(unit_exponent(one, got.format))), digits=3)
    actual = float(got.values[worst])
    high, low = float(one.high), float(one.low)
    shown, wanted = str(actual), str(high)
    if np.isfinite(actual):
        shown = _decimal(Fraction(actual), digits=25)
    if np.isfinite(high):
        exact = (Fraction(high) + Fraction(low)) * _two_to(int(one.shift))
        wanted = _decimal(exact, digits=25)
    return [
        f"error    {error:.3g} ulp of {got.format.name}, where one ulp is {ulp}",
        f"actual   {shown}",
        f"desired  {wanted}",
    ]


def _two_to(exponent: int) -> Fraction:
    return Fraction(1 << exponent) if exponent >= 0 else Fraction(1, 1 << -exponent)


def _decimal(number: Fraction, *, digits: int) -> str:
    with localcontext(prec=digits):
        quotient = Decimal(number.numerator) / Decimal(number.denominator)
    plain = quotient == 0 or -5 <= quotient.adjusted() < 16
    return format(quotient, "f" if plain else "e")
