"""Relative entropy between distributions of counts."""

from __future__ import annotations

from typing import Any

from .. import _arguments
from .._arrays.operands import Array, Operand
from .._call import elementwise, reduce
from .._formulas.counting import BERNOULLI, BINOMIAL, GEOMETRIC, POISSON
from .._formulas.measures import kl_measure
from .._formulas.odds import Form
from .._records import closed_form


@closed_form(
    "Kullback (1959); the term of one pair of weights",
    float64=4.0,
)
def kl_poisson(
    rate_p: Operand[Array], rate_q: Operand[Array], *, where: Any = None, dtype: Any = None
) -> Array:
    r"""Return the relative entropy between Poisson distributions.

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


@closed_form(
    "Kullback and Leibler (1951); both outcomes' terms from one exact difference",
    float64=4.0,
)
def kl_bernoulli(
    p: Operand[Array],
    q: Operand[Array],
    *,
    from_logits: _arguments.FromLogits = False,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between Bernoulli distributions.

    .. math:: D(p \| q) = p \log \frac{p}{q} + (1 - p) \log \frac{1 - p}{1 - q}

    Parameters
    ----------
    p : array
        Probabilities of success, or their logits.
    q : array
        The same of the other side.
    from_logits : bool or pair of bools, default False
        Whether p and q are logits; a pair says it of each.

    See Also
    --------
    relentropy.binary_kl_divergence : the same, where 1 - p needs digits of its own.

    Notes
    -----
    inf where p has mass and q has none; infinite logits are certain outcomes.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951).

    Examples
    --------
    >>> from relentropy.families import kl_bernoulli
    >>> print(f"{kl_bernoulli(0.5, 0.25):.6f}")
    0.143841
    """
    function = BERNOULLI[_forms(from_logits)]
    return elementwise(function, {"p": p, "q": q}, where=where, dtype=dtype, widen=True)


@closed_form(
    "Kullback (1959); a number of Bernoulli trials",
    float64=5.0,
)
def kl_binomial(
    count: Operand[Array],
    p: Operand[Array],
    q: Operand[Array],
    *,
    from_logits: _arguments.FromLogits = False,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between binomial distributions of one number of trials.

    .. math:: D(p \| q) = n p \log \frac{p}{q} + n (1 - p) \log \frac{1 - p}{1 - q}

    Parameters
    ----------
    count : array
        The number n of trials, the same for both.
    p : array
        Probabilities of success, or their logits.
    q : array
        The same of the other side.
    from_logits : bool or pair of bools, default False
        Whether p and q are logits; a pair says it of each.

    See Also
    --------
    kl_bernoulli : of one trial.

    Notes
    -----
    0 for no trials; inf where p has mass and q has none.

    References
    ----------
    S. Kullback, "Information Theory and Statistics" (1959).

    Examples
    --------
    >>> from relentropy.families import kl_binomial
    >>> print(f"{kl_binomial(10, 0.5, 0.25):.5f}")
    1.43841
    """
    function = BINOMIAL[_forms(from_logits)]
    operands = {"count": count, "p": p, "q": q}
    return elementwise(function, operands, where=where, dtype=dtype, widen=True)


@closed_form(
    "Kullback (1959); as many Bernoulli trials as it takes on average",
    float64=6.0,
)
def kl_geometric(
    p: Operand[Array],
    q: Operand[Array],
    *,
    from_logits: bool = False,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between geometric distributions of trials up to a success.

    .. math:: D(p \| q) = \log \frac{p}{q} + \frac{1 - p}{p} \log \frac{1 - p}{1 - q}

    Parameters
    ----------
    p : array
        Probabilities of success, or their logits.
    q : array
        The same of the other side.
    from_logits : bool, default False
        Whether both are logits.

    See Also
    --------
    kl_bernoulli : of one trial.

    Notes
    -----
    It does not matter whether the last trial is counted. Where p is 0 there is no distribution,
    and the result is nan; inf where q alone is 0, or q is 1 and p is less.

    References
    ----------
    S. Kullback, "Information Theory and Statistics" (1959).

    Examples
    --------
    >>> from relentropy.families import kl_geometric
    >>> print(f"{kl_geometric(0.5, 0.25):.6f}")
    0.287682
    """
    form: Form = "logit" if _arguments.one_flag("from_logits", from_logits) else "probability"
    operands = {"p": p, "q": q}
    return elementwise(GEOMETRIC[form], operands, where=where, dtype=dtype, widen=True)


def _forms(from_logits: Any) -> tuple[Form, Form]:
    one, other = _arguments.both_flags(from_logits)
    return "logit" if one else "probability", "logit" if other else "probability"


@closed_form(
    "Kullback and Leibler (1951); weights by exact residuals, logits by a centred log-ratio",
    float64=6.0,
    float32=2.0,
    slopes=(6.0, 2.0),
)
def kl_categorical(
    p: Operand[Array],
    q: Operand[Array],
    *,
    from_logits: _arguments.FromLogits = False,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between categorical distributions, along the last axis.

    .. math:: D(p \| q) = \sum_i p_i \log \frac{p_i}{q_i}

    Parameters
    ----------
    p : array of shape (..., categories)
        Weights, which are normalized, or logits.
    q : array of shape (..., categories)
        The same of the other side.
    from_logits : bool or pair of bools, default False
        Whether p and q are logits; a pair says it of each.
    where : array of bool, optional
        Categories to include; broadcasts to the common shape. What it excludes is replaced
        before any arithmetic. 0 where none is included.

    Returns
    -------
    array
        Divergences in nats, of the shape without the last axis, of the parameters' library and
        device.

    See Also
    --------
    relentropy.kl_divergence : along any axes, of unnormalized measures, in other units.

    Notes
    -----
    inf where p has mass and q has none.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951).

    Examples
    --------
    >>> from relentropy.families import kl_categorical
    >>> print(f"{kl_categorical([0.5, 0.25, 0.25], [0.25, 0.25, 0.5]):.6f}")
    0.173287
    """
    _arguments.refuse_labels(p, q)
    flags = _arguments.both_flags(from_logits)
    measure = kl_measure(flags, True, None)
    (value,) = reduce(measure, {"p": p, "q": q}, where=where, dtype=dtype, widen=True)
    return value
