"""Relative entropy between gamma and between inverse gamma distributions."""

from __future__ import annotations

from typing import Any, Literal

from .. import _arguments
from .._arrays.operands import Array, Operand
from .._call import elementwise
from .._formulas.shapes import GAMMA
from .._records import closed_form


@closed_form(
    "Penny (2001); Bregman divergences of shapes at equal means and of means",
    float64=10.0,
)
def kl_gamma(
    shape_p: Operand[Array],
    rate_p: Operand[Array],
    shape_q: Operand[Array],
    rate_q: Operand[Array],
    *,
    parameter: Literal["rate", "scale"] = "rate",
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between gamma distributions.

    .. math::
        D(p \| q) = (\alpha_p - \alpha_q) \psi(\alpha_p)
        + \log \frac{\Gamma(\alpha_q)}{\Gamma(\alpha_p)}
        + \alpha_q \log \frac{\beta_p}{\beta_q}
        + \alpha_p \frac{\beta_q - \beta_p}{\beta_p}

    Parameters
    ----------
    shape_p : array
        Shapes (concentrations) α of p, greater than 0.
    rate_p : array
        Rates β of p, greater than 0, or scales 1/β, as ``parameter`` says.
    shape_q : array
        Shapes of q.
    rate_q : array
        Rates of q, or scales.
    parameter : {"rate", "scale"}, default "rate"
        Whether rates or their inverses, the scales, are given.

    See Also
    --------
    kl_inverse_gamma : the same function of the inverse's parameters.
    kl_exponential : shapes of 1.

    Notes
    -----
    Nothing is evaluated that cancels: with m the ratio of the means, the divergence is that of
    shapes while means stay, plus ``shape_q*(m - 1 - log(m))``. Shapes, and ratios of rates, are
    meant to be between 1e-100 and 1e100.

    A chi-squared distribution of n degrees of freedom has the shape n/2 and the rate 1/2.

    References
    ----------
    W. D. Penny, "Kullback-Leibler divergences of normal, gamma, Dirichlet and Wishart
    densities" (2001), Wellcome Department of Cognitive Neurology.

    Examples
    --------
    >>> from relentropy.families import kl_gamma
    >>> print(f"{kl_gamma(2.0, 1.0, 3.0, 2.0):.6f}")
    0.190921
    >>> print(f"{kl_gamma(1e5, 1.0, 1e5 + 1e-4, 1.0 + 1e-9):.6e}")
    2.500009e-19
    """
    kind = _arguments.chosen("parameter", parameter, tuple(GAMMA))
    operands = {"shape_p": shape_p, "rate_p": rate_p, "shape_q": shape_q, "rate_q": rate_q}
    return elementwise(GAMMA[kind], operands, where=where, dtype=dtype, widen=True)


@closed_form(
    "Penny (2001), of the inverses; Bregman divergences of shapes and of means",
    float64=10.0,
)
def kl_inverse_gamma(
    shape_p: Operand[Array],
    scale_p: Operand[Array],
    shape_q: Operand[Array],
    scale_q: Operand[Array],
    *,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between inverse gamma distributions.

    .. math::
        D(p \| q) = (\alpha_p - \alpha_q) \psi(\alpha_p)
        + \log \frac{\Gamma(\alpha_q)}{\Gamma(\alpha_p)}
        + \alpha_q \log \frac{\beta_p}{\beta_q}
        + \alpha_p \frac{\beta_q - \beta_p}{\beta_p}

    Parameters
    ----------
    shape_p : array
        Shapes (concentrations) α of p, greater than 0.
    scale_p : array
        Scales β of p, greater than 0: those of x, which are rates of 1/x.
    shape_q : array
        Shapes of q.
    scale_q : array
        Scales of q.

    See Also
    --------
    kl_gamma : of the inverses, whose divergence it is.

    Notes
    -----
    Shapes, and ratios of scales, are meant to be between 1e-100 and 1e100.

    References
    ----------
    W. D. Penny, "Kullback-Leibler divergences of normal, gamma, Dirichlet and Wishart
    densities" (2001), Wellcome Department of Cognitive Neurology.

    Examples
    --------
    >>> from relentropy.families import kl_inverse_gamma
    >>> print(f"{kl_inverse_gamma(3.0, 1.0, 3.0, 1.0 + 1e-9):.6e}")
    1.500000e-18
    """
    operands = {
        "shape_p": shape_p, "scale_p": scale_p, "shape_q": shape_q, "scale_q": scale_q,
    }  # fmt: skip
    return elementwise(GAMMA["rate"], operands, where=where, dtype=dtype, widen=True)
