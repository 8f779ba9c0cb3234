"""Entropies and relative entropy of two outcomes, by a probability or a logit.

Every entry is a distribution of its own, over an outcome and its complement.
"""

from __future__ import annotations

from typing import Any

from . import _arguments
from ._arrays.operands import Array, Operand
from ._call import elementwise
from ._formulas import binary as _binary
from ._formulas.odds import Form
from ._records import record


@record("elementwise", "Shannon (1948); log1p of the odds and their logarithm", float64=3.0)
def binary_entropy(
    p: Operand[Array],
    *,
    complement: Any = None,
    from_logits: bool = False,
    base: float | None = None,
    dtype: Any = None,
) -> Array:
    r"""Return the entropy of two outcomes.

    .. math:: H(p) = -p \log p - (1 - p) \log(1 - p)

    Parameters
    ----------
    p : array
        The probability of one of the two, or its logit ``log(p/(1 - p))``.
    complement : array, optional
        The probability of the other outcome, for which ``1 - p`` would be rounded. The two sum
        to 1 but for rounding, and are normalized.
    from_logits : bool, default False
        Whether p is a logit.

    Returns
    -------
    array
        Entropies, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        If a complement is given with a logit.

    See Also
    --------
    entropy, binary_cross_entropy, binary_kl_divergence

    Notes
    -----
    The result is accurate if one outcome is nearly certain. With a complement, the bounds hold
    if p and complement sum to between 1/2 and 2.

    The result is 0 at p = 0 and 1, and at logits of -inf and inf. It is nan for a probability
    outside [0, 1], and if p and complement are both 0.

    The derivative is log((1 - p)/p) by p and -a*p*(1 - p) by a logit a; infinite by p at 0 and
    1, 0 by infinite logits. By p and complement it is that of the normalized pair.

    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948).

    Examples
    --------
    >>> from relentropy import binary_entropy
    >>> print(f"{binary_entropy(0.5, base=2):.1f}")
    1.0

    A probability of 1 - 1e-20, which float64 rounds to 1:

    >>> print(f"{binary_entropy(1.0, complement=1e-20):.6e}")
    4.705170e-19
    """
    flag = _arguments.one_flag("from_logits", from_logits)
    form, operands = _side({"p": p, "complement": complement}, flag)
    function = _binary.entropy(form, _arguments.checked_base(base))
    return elementwise(function, operands, dtype=dtype)  # type: ignore[no-any-return]


@record("elementwise", "Shannon (1948); log1p of the odds and their logarithm", float64=3.0)
def binary_cross_entropy(
    p: Operand[Array],
    q: Operand[Array],
    *,
    p_complement: Any = None,
    q_complement: Any = None,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    dtype: Any = None,
) -> Array:
    r"""Return the cross-entropy of two outcomes under another distribution of them.

    .. math:: H(p, q) = -p \log q - (1 - p) \log(1 - q)

    Returns
    -------
    array
        Cross-entropies, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        If a complement is given with a logit.

    See Also
    --------
    cross_entropy, binary_entropy, binary_kl_divergence

    Notes
    -----
    With complements, the bounds hold if a probability and its complement sum to between 1/2 and
    2.

    Terms ``0*log(0)`` are 0. The result is inf if p has mass where q has none; infinite logits
    are certain outcomes. It is nan for a probability outside [0, 1], and if a probability and
    its complement are both 0.

    The derivatives are log((1 - q)/q) by p and q - p by q's logit, accurate for close p and q.
    By p the derivative is 0 if p and q are certain of the same outcome.

    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948).

    Examples
    --------
    >>> from relentropy import binary_cross_entropy
    >>> print(f"{binary_cross_entropy(1.0, 40.0, from_logits=(False, True)):.6e}")
    4.248354e-18
    """
    forms, operands = _sides(p, q, p_complement, q_complement, from_logits)
    function = _binary.cross_entropy(forms, _arguments.checked_base(base))
    return elementwise(function, operands, dtype=dtype)  # type: ignore[no-any-return]


@record(
    "elementwise",
    "Kullback and Leibler (1951); both outcomes' terms from one exact difference",
    float64=4.0,
)
def binary_kl_divergence(
    p: Operand[Array],
    q: Operand[Array],
    *,
    p_complement: Any = None,
    q_complement: Any = None,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy (Kullback-Leibler divergence) of two outcomes.

    .. math:: D(p \| q) = p \log \frac{p}{q} + (1 - p) \log \frac{1 - p}{1 - q}

    Returns
    -------
    array
        Divergences, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        If a complement is given with a logit.

    See Also
    --------
    kl_divergence, binary_entropy, binary_cross_entropy

    Notes
    -----
    The result is accurate for close p and q, and if both are nearly certain. With complements,
    the bounds hold if a probability and its complement sum to between 1/2 and 2.

    The result is never negative, 0 for equal p and q, and inf if p has mass where q has none;
    infinite logits are certain outcomes. It is nan for a probability outside [0, 1], and if a
    probability and its complement are both 0.

    The probability of one side and the logit of the other are compared, in float64, by a
    logarithm in triple-double arithmetic, which takes jax long to compile.

    The derivatives are the difference of p's and q's logits by p and q - p by q's logit,
    accurate for close p and q. By p the derivative is 0 if p and q are certain of the same
    outcome.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951).

    Examples
    --------
    >>> from relentropy import binary_kl_divergence
    >>> print(f"{binary_kl_divergence(40.0, 41.0, from_logits=True):.6e}")
    1.562882e-18

    Both distributions are certain of an outcome but for less than float64 resolves beside 1:

    >>> print(f"{binary_kl_divergence(1.0, 1.0, p_complement=1e-20, q_complement=2e-20):.6e}")
    3.068528e-21
    """
    forms, operands = _sides(p, q, p_complement, q_complement, from_logits)
    function = _binary.kl_divergence(forms, _arguments.checked_base(base))
    return elementwise(function, operands, dtype=dtype)  # type: ignore[no-any-return]


def _side(given: dict[str, Any], from_logits: bool) -> tuple[Form, dict[str, Any]]:
    """How one distribution is given, and its operands by name."""
    name, complement = given
    if given[complement] is None:
        return "logit" if from_logits else "probability", {name: given[name]}
    if from_logits:
        raise TypeError(
            f"{complement} and from_logits exclude each other, as a logit says both outcomes; "
            "pass one of the two"
        )
    return "pair", given


def _sides(
    p: Any, q: Any, p_complement: Any, q_complement: Any, from_logits: Any
) -> tuple[tuple[Form, Form], dict[str, Any]]:
    p_is_log, q_is_log = _arguments.both_flags(from_logits)
    p_form, p_operands = _side({"p": p, "p_complement": p_complement}, p_is_log)
    q_form, q_operands = _side({"q": q, "q_complement": q_complement}, q_is_log)
    return (p_form, q_form), p_operands | q_operands
