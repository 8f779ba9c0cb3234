"""Relative entropy between distributions of shares: beta and Dirichlet."""

from __future__ import annotations

from typing import Any

from .. import _arguments
from .._arrays.operands import Array, Operand
from .._call import elementwise, reduce
from .._formulas.dirichlet import DirichletKL
from .._formulas.shapes import BETA
from .._records import closed_form


@closed_form(
    "Penny (2001); Bregman divergences of shares and of shapes",
    float64=12.0,
)
def kl_beta(
    alpha_p: Operand[Array],
    beta_p: Operand[Array],
    alpha_q: Operand[Array],
    beta_q: Operand[Array],
    *,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between beta distributions.

    .. math::
        D(p \| q) = \log \frac{B(\alpha_q, \beta_q)}{B(\alpha_p, \beta_p)}
        + (\alpha_p - \alpha_q) \psi(\alpha_p) + (\beta_p - \beta_q) \psi(\beta_p)
        - (\alpha_p + \beta_p - \alpha_q - \beta_q) \psi(\alpha_p + \beta_p)

    Parameters
    ----------
    alpha_p : array
        First shapes of p, greater than 0.
    beta_p : array
        Second shapes of p, greater than 0.
    alpha_q : array
        First shapes of q.
    beta_q : array
        Second shapes of q.

    See Also
    --------
    kl_dirichlet : of more than two shares.

    Notes
    -----
    That holds where one shape is thousands of times the other, too. Shapes are meant to be
    between 1e-100 and 1e100.

    References
    ----------
    W. D. Penny, "Kullback-Leibler divergences of normal, gamma, Dirichlet and Wishart
    densities" (2001), Wellcome Department of Cognitive Neurology.

    Examples
    --------
    A pair of which the textbook formula makes -5.2e-13 in float64:

    >>> from relentropy.families import kl_beta
    >>> print(f"{kl_beta(230.0, 170.0, 230 * (1 + 1e-8), 170 * (1 - 1e-8)):.6e}")
    1.959952e-14
    """
    operands = {"alpha_p": alpha_p, "beta_p": beta_p, "alpha_q": alpha_q, "beta_q": beta_q}
    return elementwise(BETA, operands, where=where, dtype=dtype, widen=True)


@closed_form(
    "Penny (2001); Bregman divergences of shares and of shapes",
    float64=12.0,
    slopes=(8.0, 1.0),
)
def kl_dirichlet(
    alpha_p: Operand[Array],
    alpha_q: Operand[Array],
    *,
    axis: int = -1,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between Dirichlet distributions, along an axis.

    .. math::
        D(p \| q) = \log \frac{\Gamma(\alpha_p^+)}{\Gamma(\alpha_q^+)}
        + \sum_i \left[ \log \frac{\Gamma(\alpha_{q,i})}{\Gamma(\alpha_{p,i})}
        + (\alpha_{p,i} - \alpha_{q,i}) (\psi(\alpha_{p,i}) - \psi(\alpha_p^+)) \right],
        \quad \alpha^+ = \sum_i \alpha_i

    Parameters
    ----------
    alpha_p : array
        Parameters (concentrations) of p, greater than 0, one for each category along ``axis``.
    alpha_q : array
        Parameters of q, of the same size along ``axis``. Other axes broadcast.
    axis : int, default -1
        The axis of the categories.
    where : array of bool, optional
        Categories to include; broadcasts to the common shape. What it excludes is replaced
        before any arithmetic and has gradient 0; where it leaves no category the result is 0.
    keepdims : bool, default False
        Whether the axis stays, with size one.

    Returns
    -------
    array
        Divergences in nats, of the common shape without ``axis``, of the parameters' library
        and device.

    See Also
    --------
    kl_beta : two categories, as separate arrays.
    kl_categorical

    Notes
    -----
    A category whose parameters are 0 on both sides is absent, as if ``where`` excluded it; 0 on
    one side gives nan.

    By one parameter, a derivative is a difference of what the parameter does by itself and
    what it does by the sum. The size of these over their difference is its condition number.

    References
    ----------
    W. D. Penny, "Kullback-Leibler divergences of normal, gamma, Dirichlet and Wishart
    densities" (2001), Wellcome Department of Cognitive Neurology.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.families import kl_dirichlet
    >>> alpha = np.array([1e5, 0.25, 3.0])
    >>> print(f"{kl_dirichlet(alpha, alpha * (1 + 1e-9)):.6e}")
    6.896200e-19
    """
    _arguments.integer("axis", axis, -(2**31))
    operands = {"alpha_q": alpha_q, "alpha_p": alpha_p}
    (value,) = reduce(
        DirichletKL(), operands, axis=axis, where=where, keepdims=keepdims, dtype=dtype,
        widen=True, positions=True,
    )  # fmt: skip
    return value
