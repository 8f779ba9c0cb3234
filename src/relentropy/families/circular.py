"""Relative entropy between distributions of angles."""

from __future__ import annotations

from typing import Any

from .._arrays.operands import Array, Operand
from .._call import elementwise
from .._formulas.circular import VON_MISES
from .._records import closed_form


@closed_form(
    "Mardia and Jupp (2000); the Bregman divergence of log(I0) by intervals",
    float64=10.0,
)
def kl_von_mises(
    location_p: Operand[Array],
    concentration_p: Operand[Array],
    location_q: Operand[Array],
    concentration_q: Operand[Array],
    *,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between von Mises distributions of angles.

    .. math::
        D(p \| q) = \log \frac{I_0(\kappa_q)}{I_0(\kappa_p)}
        + \frac{I_1(\kappa_p)}{I_0(\kappa_p)} (\kappa_p - \kappa_q \cos(\mu_p - \mu_q))

    Parameters
    ----------
    location_p : array
        Directions μ of p, in radians.
    concentration_p : array
        Concentrations κ of p, at least 0.
    location_q : array
        Directions of q.
    concentration_q : array
        Concentrations of q. Both are meant to be at most 1e300.

    See Also
    --------
    kl_normal : what it becomes for large concentrations, with variances of 1/κ.

    Notes
    -----
    A concentration of 0 is the uniform distribution on the circle, whatever its direction.
    Directions a whole turn apart are as far apart as their difference in floating point is from
    a multiple of 2π, which is none.

    References
    ----------
    K. V. Mardia and P. E. Jupp, "Directional Statistics" (2000), section 3.5.4: the density and
    its moments. A. Banerjee, S. Merugu, I. S. Dhillon and J. Ghosh, "Clustering with Bregman
    divergences", Journal of Machine Learning Research 6 (2005).

    Examples
    --------
    >>> from relentropy.families import kl_von_mises
    >>> print(f"{kl_von_mises(0.0, 2.0, 1.0, 3.0):.6f}")
    1.025836
    >>> print(f"{kl_von_mises(0.0, 2.0, 1e-9, 2.0):.6e}")
    6.977747e-19
    """
    operands = {
        "location_p": location_p, "concentration_p": concentration_p,
        "location_q": location_q, "concentration_q": concentration_q,
    }  # fmt: skip
    return elementwise(VON_MISES, operands, where=where, dtype=dtype, widen=True)
