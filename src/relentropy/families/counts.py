"""Relative entropy between distributions of counts."""

from __future__ import annotations

from typing import Any

from .._call import elementwise
from .._formulas.counting import POISSON
from .._records import closed_form

Array = Any


@closed_form("Kullback (1959); the term of one pair of weights")
def kl_poisson(rate_p: Array, rate_q: Array, *, where: Any = None, dtype: Any = None) -> Array:
    r"""Relative entropy between Poisson distributions.

    .. math:: D(p \| q) = \lambda_p \log \frac{\lambda_p}{\lambda_q} - \lambda_p + \lambda_q

    Parameters
    ----------
    rate_p : array
        Rates of p, at least 0.
    rate_q : array
        Rates of q, at least 0.

    See Also
    --------
    relentropy.special.kl_div : the same function, with SciPy's conventions.

    Notes
    -----
    A rate of 0 counts nothing for certain: the result is rate_q where rate_p is 0, and inf
    where rate_q alone is.

    References
    ----------
    S. Kullback, "Information Theory and Statistics" (1959).

    Examples
    --------
    >>> from relentropy.families import kl_poisson
    >>> float(kl_poisson(0.0, 3.0))
    3.0
    >>> print(f"{kl_poisson(3.0, 3.0 + 1e-9):.6e}")
    1.666667e-19
    """
    operands = {"rate_p": rate_p, "rate_q": rate_q}
    return elementwise(POISSON, operands, where=where, dtype=dtype, widen=True)
