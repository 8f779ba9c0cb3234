"""The minimax polynomials that everything near equality is evaluated with.

Coefficients, highest power first, by mpmath at 50 digits (a Chebyshev fit, whose error is
within a small factor of the minimax one):

>>> # P(y) = (atanh(sqrt(y))/sqrt(y) - 1)/y = sum(y**k/(2*k + 3)), 14 terms, 2.0e-17 off
>>> # mpmath.chebyfit(P, [0, 0.2501], 14)
>>> # Q(x) = (exp(x) - 1 - x)/x**2 = sum(x**k/(k + 2)!), 17 terms, 1.2e-18 off
>>> # mpmath.chebyfit(Q, [-2, 2], 17)
>>> # R(y) = ((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*y), t = sqrt(y), 16 terms, 4.9e-19 off
>>> # mpmath.chebyfit(R, [0, 0.3601], 16)
>>> # K(z) = t**2*R(t**2)/z, t = tanh(sqrt(z)/2), 14 terms, 1.7e-19 off
>>> # mpmath.chebyfit(K, [0, 2.2501], 14)

The same coefficients, rounded, serve float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .array import Array

if TYPE_CHECKING:
    from .namespace import Namespace


_P = (
    0.21115109506841148,
    -0.14477005451011898,
    0.13576149109826188,
    0.012219494246581248,
    0.05443792667937839,
    0.051604446522550286,
    0.058931382593187094,
    0.06665883232659046,
    0.07692346108805066,
    0.09090907875688518,
    0.1111111113405809,
    0.14285714285488846,
    0.2000000000000087,
    0.3333333333333333,
)
_Q = (
    1.633329863609043e-16,
    2.9545866471328475e-15,
    4.7744431721110966e-14,
    7.63706638519095e-13,
    1.147093322535863e-11,
    1.6059420302296456e-10,
    2.0876753010996743e-09,
    2.5052100404490446e-08,
    2.755731927176626e-07,
    2.7557319319885053e-06,
    2.4801587301283017e-05,
    0.00019841269840659067,
    0.001388888888888976,
    0.00833333333333508,
    0.04166666666666666,
    0.16666666666666652,
    0.5,
)
_R = (
    0.009726911299664137,
    -0.017182089651190374,
    0.017509278689021034,
    -0.009140550405554159,
    0.00485978877980514,
    -3.5108998330468935e-05,
    0.0015439572243417295,
    0.001600134691945897,
    0.002086960014160431,
    0.002746977096460574,
    0.003787893193864247,
    0.005555555063338788,
    0.00892857143870637,
    0.016666666666557407,
    0.04166666666666713,
    0.25,
)
_K = (
    -2.642538371874435e-15,
    6.761226382509255e-14,
    -9.574936617052197e-13,
    1.0622619421172687e-11,
    -1.0761450298490129e-10,
    1.06197798091842e-09,
    -1.0412146488155117e-08,
    1.0179233389531726e-07,
    -9.917762244773508e-07,
    9.610615020371722e-06,
    -9.223090276792109e-05,
    0.0008680555555546939,
    -0.0078124999999999705,
    0.0625,
)

# Where working precision is wider than the data, a short Taylor series near zero is enough:
# beyond, subtracting loses fewer bits than there are to spare.
_SHORT_P = (1 / 9, 1 / 7, 1 / 5, 1 / 3)
_SHORT_Q = (1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2)
_SHORT_R = (1 / 180, 1 / 112, 1 / 60, 1 / 24, 1 / 4)
_SHORT_K = (-17 / 184320, 1 / 1152, -1 / 128, 1 / 16)


def _horner(coefficients: tuple[float, ...], x: Array, *, xp: Namespace) -> Array:
    value = coefficients[0] * x
    if xp.writes_in_place():  # two operations of three move half as much, and allocate nothing
        value += coefficients[1]
        for coefficient in coefficients[2:]:
            value *= x
            value += coefficient
        return value
    value = value + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value


def atanh_reach(*, xp: Namespace) -> float:
    """Up to which abs(s) `atanh_tail` is meant to be used."""
    return 0.5 if xp.exact else 2.0**-6


def atanh_tail(y: Array, *, xp: Namespace) -> Array:
    """``(atanh(s)/s - 1)/s**2`` for ``y = s**2``, abs(s) up to `atanh_reach`."""
    return _horner(_P if xp.exact else _SHORT_P, y, xp=xp)


def exp_reach(*, xp: Namespace) -> float:
    """Up to which abs(x) `exp_tail` is meant to be used."""
    return 2.0 if xp.exact else 2.0**-5


def exp_tail(x: Array, *, xp: Namespace) -> Array:
    """``(exp(x) - 1 - x)/x**2`` for abs(x) up to `exp_reach`."""
    return _horner(_Q if xp.exact else _SHORT_Q, x, xp=xp)


def js_reach(*, xp: Namespace) -> float:
    """Up to which abs(t) `js_tail` is meant to be used."""
    return 0.6 if xp.exact else 2.0**-5


def js_tail(y: Array, *, xp: Namespace) -> Array:
    """``((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2)`` for ``y = t**2``."""
    return _horner(_R if xp.exact else _SHORT_R, y, xp=xp)


def js_log_reach(*, xp: Namespace) -> float:
    """Up to which abs(u) `js_log_tail` is meant to be used."""
    return 1.5 if xp.exact else 2.0**-5


def js_log_tail(z: Array, *, xp: Namespace) -> Array:
    """``t**2*js_tail(t**2)/u**2`` with t = tanh(u/2), for ``z = u**2``."""
    return _horner(_K if xp.exact else _SHORT_K, z, xp=xp)


def log1pmx_near(x: Array, *, xp: Namespace) -> Array:
    """``log(1 + x) - x`` for x from -0.66 to 2, where ``x/(2 + x)`` is at most a half."""
    r = x / (2 + x)
    y = r * r
    return r * (2 * y * _horner(_P, y, xp=xp) - x)
