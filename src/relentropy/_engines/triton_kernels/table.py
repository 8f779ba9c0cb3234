"""What rows of the table of divergences have in common: the twin of _formulas/f_divergence.py.

The second pass has the normalisers as numbers of the row. Its state is (sum of the terms, its
low word, sum of x*df/dx, sum of y*df/dy); the last two are the means that normalised shares
take from their derivatives, 0 where nobody asks for derivatives. Every number is on the scale
of the entries, whose mass is ``mass``.
"""

import triton
import triton.language as tl

from .arithmetic import add_pairs, divide

KL = tl.constexpr(0)
JENSEN_SHANNON = tl.constexpr(1)
HELLINGER = tl.constexpr(2)
TOTAL_VARIATION = tl.constexpr(3)


@triton.jit
def merge(one, other, extra):
    total, low = add_pairs(one[0], one[1], other[0], other[1])
    finite = tl.abs(total) < float("inf")
    plain = one[0] + other[0]
    return (
        tl.where(finite, total, plain),
        tl.where(finite, low, 0.0),
        one[2] + other[2],
        one[3] + other[3],
    )


@triton.jit
def finished(sums, known, mass, possible):
    """The value, and the known numbers with the means behind them."""
    value, low = divide(sums[0], sums[1], mass, mass * 0.0)
    value = tl.where(tl.abs(sums[0]) < float("inf"), value + low, sums[0])
    value = tl.where(possible > 0, value, float("nan"))
    return (value,), known + (sums[2] / mass, sums[3] / mass)
