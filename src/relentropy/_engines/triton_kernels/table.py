"""What rows of the table of divergences have in common: the twin of _formulas/f_divergence.py.

The second pass has the normalisers as numbers of the row. Its state is the sum of the terms,
and the sums of x*df/dx and y*df/dy; the last two are the means that normalised shares
take from their derivatives, 0 where nobody asks for derivatives. Every number is on the scale
of the entries, whose mass is ``mass``.
"""

import triton
import triton.language as tl

from .arithmetic import add_pairs, divide
from .places import state_places

VALUE, VALUE_LO, BY_P, BY_Q = state_places("js_logits", "value value_lo by_p by_q", 1)

KL = tl.constexpr(0)
JENSEN_SHANNON = tl.constexpr(1)
HELLINGER = tl.constexpr(2)
TOTAL_VARIATION = tl.constexpr(3)


@triton.jit
def merge(one, other, extra):
    total, low = add_pairs(one[VALUE], one[VALUE_LO], other[VALUE], other[VALUE_LO])
    finite = tl.abs(total) < float("inf")
    plain = one[VALUE] + other[VALUE]
    return (
        tl.where(finite, total, plain),
        tl.where(finite, low, 0.0),
        one[BY_P] + other[BY_P],
        one[BY_Q] + other[BY_Q],
    )


@triton.jit
def finished(sums, known, mass, possible):
    """The value, and the known numbers with the means behind them."""
    value, low = divide(sums[VALUE], sums[VALUE_LO], mass, mass * 0.0)
    value = tl.where(tl.abs(sums[VALUE]) < float("inf"), value + low, sums[VALUE])
    value = tl.where(possible > 0, value, float("nan"))
    return (value,), known + (sums[BY_P] / mass, sums[BY_Q] / mass)
