"""Relative entropy between normal distributions."""

from __future__ import annotations

from typing import Any, Literal

from .. import _arguments
from .._arrays.operands import Array, Operand
from .._call import elementwise
from .._formulas.locations import NORMAL
from .._records import closed_form


@closed_form(
    "Kullback (1959); the relative difference of scales and the standardised one of means",
    float64=6.0,
)
def kl_normal(
    mean_p: Operand[Array],
    scale_p: Operand[Array],
    mean_q: Operand[Array] = 0.0,
    scale_q: Operand[Array] | None = None,
    *,
    scale: Literal["std", "variance", "log_variance"] = "std",
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between normal distributions, or from the standard one.

    .. math::
        D(p \| q) = \log \frac{\sigma_q}{\sigma_p}
        + \frac{\sigma_p^2 + (\mu_p - \mu_q)^2}{2 \sigma_q^2} - \frac12

    Parameters
    ----------
    mean_p : array
        Means of p.
    scale_p : array
        Scales of p: standard deviations, variances or logarithms of variances, as ``scale``
        says.
    mean_q : array, default 0
        Means of q.
    scale_q : array, optional
        Scales of q, given like those of p. By default those of the standard normal
        distribution.
    scale : {"std", "variance", "log_variance"}, default "std"
        What the scales are.

    See Also
    --------
    kl_multivariate_normal, kl_lognormal

    Notes
    -----
    A scale of zero (or a log-variance of -inf) makes a point: 0 from itself and inf from and to
    everything else. The term of a variational autoencoder is
    ``kl_normal(mean, log_variance, scale="log_variance").sum(-1)``.

    References
    ----------
    S. Kullback, "Information Theory and Statistics" (1959).

    Examples
    --------
    >>> from relentropy.families import kl_normal
    >>> float(kl_normal(1.0, 1.0))
    0.5
    >>> print(f"{kl_normal(0.0, 1.0 + 1e-9):.6e}")
    1.000000e-18
    """
    return _normal(mean_p, scale_p, mean_q, scale_q, scale, where, dtype)


@closed_form(
    "Kullback (1959); normal distributions of the logarithm",
    float64=6.0,
)
def kl_lognormal(
    mean_p: Operand[Array],
    scale_p: Operand[Array],
    mean_q: Operand[Array] = 0.0,
    scale_q: Operand[Array] | None = None,
    *,
    scale: Literal["std", "variance", "log_variance"] = "std",
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between log-normal distributions, or from the standard one.

    .. math::
        D(p \| q) = \log \frac{\sigma_q}{\sigma_p}
        + \frac{\sigma_p^2 + (\mu_p - \mu_q)^2}{2 \sigma_q^2} - \frac12

    Parameters
    ----------
    mean_p : array
        Means of the logarithm under p.
    scale_p : array
        Its scales under p: standard deviations, variances or logarithms of variances, as
        ``scale`` says.
    mean_q : array, default 0
        Means of the logarithm under q.
    scale_q : array, optional
        Its scales under q, given like those of p. By default those of the standard normal
        distribution.
    scale : {"std", "variance", "log_variance"}, default "std"
        What the scales are.

    See Also
    --------
    kl_normal : of the logarithm, which is the same number.

    Notes
    -----
    A scale of zero makes a point: 0 from itself and inf from and to everything else.

    References
    ----------
    S. Kullback, "Information Theory and Statistics" (1959).

    Examples
    --------
    >>> from relentropy.families import kl_lognormal
    >>> float(kl_lognormal(1.0, 1.0))
    0.5
    """
    return _normal(mean_p, scale_p, mean_q, scale_q, scale, where, dtype)


def _normal(
    mean_p: Any,
    scale_p: Any,
    mean_q: Any,
    scale_q: Any,
    scale: str,
    where: Any,
    dtype: Any,
) -> Any:
    kind = _arguments.chosen("scale", scale, tuple(NORMAL))
    if scale_q is None:
        scale_q = 0.0 if kind == "log_variance" else 1.0
    operands = {"mean_p": mean_p, "scale_p": scale_p, "mean_q": mean_q, "scale_q": scale_q}
    return elementwise(NORMAL[kind], operands, where=where, dtype=dtype, widen=True)
