"""Entropies and relative entropy of two outcomes, given by a probability or by a logit.

Every entry is a distribution of its own: of the outcome that is said and of its complement.
"""

from __future__ import annotations

from typing import Any, TypeVar

from . import _arguments
from ._call import elementwise
from ._formulas import binary as _binary
from ._formulas.odds import Form
from ._records import record

Array = TypeVar("Array")


@record("elementwise", "Shannon (1948); log1p of the odds and their logarithm", float64=3.0)
def binary_entropy(
    p: Array,
    *,
    complement: Any = None,
    from_logits: bool = False,
    base: float | None = None,
    dtype: Any = None,
) -> Array:
    r"""Entropy of two outcomes.

    .. math:: H(p) = -p \log p - (1 - p) \log(1 - p)

    Parameters
    ----------
    p : array
        The probability of one of the two, or its logit ``log(p/(1 - p))``.
    complement : array, optional
        The probability of the other, where ``1 - p`` would be rounded away. The two add up to
        1 but for rounding, and are normalised.
    from_logits : bool, default False
        Whether p is a logit.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default the promoted dtype of the operands, for integers the
        library's default. With float64 all its digits are computed also for narrower operands.


    Returns
    -------
    array
        Entropies, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, boolean or complex dtypes, and
        for a complement of a logit.
    ValueError
        For shapes that do not broadcast, and for an impossible base. Values never raise.

    See Also
    --------
    entropy, binary_cross_entropy, binary_kl_divergence

    Notes
    -----
    The error is at most 3 ulp in float64 and 1 in float32, float16 and bfloat16, also where
    one outcome is all but certain. For complements that holds where p and complement add up to
    something between 1/2 and 2.

    Limits: 0 at p = 0 and 1, and at logits of -inf and inf; nan for a probability outside
    [0, 1] and where p and complement are both 0.

    The derivative (torch, jax) is log((1 - p)/p) by p and -a*p*(1 - p) by a logit a, at most
    3 ulp off in float64 and 1 in float32, float16 and bfloat16; infinite by p at 0 and 1, 0 by
    infinite logits. By p and complement it is that of the normalised pair.

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
    p: Array,
    q: Array,
    *,
    p_complement: Any = None,
    q_complement: Any = None,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    dtype: Any = None,
) -> Array:
    r"""Cross-entropy of two outcomes under another distribution of them.

    .. math:: H(p, q) = -p \log q - (1 - p) \log(1 - q)

    Parameters
    ----------
    p : array
        The reference distribution: the probability of one of two outcomes, or its logit
        ``log(p/(1 - p))``.
    q : array
        The model, likewise. Broadcasts with p.
    p_complement : array, optional
        The probability of p's other outcome, where ``1 - p`` would be rounded away. The two
        add up to 1 but for rounding, and are normalised.
    q_complement : array, optional
        The same for q.
    from_logits : bool or pair of bools, default False
        Whether p and q are logits; a pair ``(p_is_log, q_is_log)`` says it of each.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default the promoted dtype of the operands, for integers the
        library's default. With float64 all its digits are computed also for narrower operands.


    Returns
    -------
    array
        Cross-entropies, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, boolean or complex dtypes, and
        for a complement of a logit.
    ValueError
        For shapes that do not broadcast, and for an impossible base. Values never raise.

    See Also
    --------
    cross_entropy, binary_entropy, binary_kl_divergence

    Notes
    -----
    The error is at most 3 ulp in float64 and 1 in float32, float16 and bfloat16. For
    complements that holds where a probability and its complement add up to something between
    1/2 and 2.

    Limits: ``0*log(0) = 0``; inf where p has mass and q has none; infinite logits are certain
    outcomes; nan for a probability outside [0, 1] and where it and its complement are both 0.

    Derivatives (torch, jax) are log((1 - q)/q) by p and q - p by q's logit, at most 3 ulp off
    in float64 and 1 in float32, float16 and bfloat16, also where p and q are close. By p the
    derivative is 0 where p and q are certain of the same outcome.

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
    p: Array,
    q: Array,
    *,
    p_complement: Any = None,
    q_complement: Any = None,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    dtype: Any = None,
) -> Array:
    r"""Relative entropy (Kullback-Leibler divergence) of two outcomes.

    .. math:: D(p \| q) = p \log \frac{p}{q} + (1 - p) \log \frac{1 - p}{1 - q}

    Parameters
    ----------
    p : array
        The reference distribution: the probability of one of two outcomes, or its logit
        ``log(p/(1 - p))``.
    q : array
        The model, likewise. Broadcasts with p.
    p_complement : array, optional
        The probability of p's other outcome, where ``1 - p`` would be rounded away. The two
        add up to 1 but for rounding, and are normalised.
    q_complement : array, optional
        The same for q.
    from_logits : bool or pair of bools, default False
        Whether p and q are logits; a pair ``(p_is_log, q_is_log)`` says it of each.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default the promoted dtype of the operands, for integers the
        library's default. With float64 all its digits are computed also for narrower operands.


    Returns
    -------
    array
        Divergences, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, boolean or complex dtypes, and
        for a complement of a logit.
    ValueError
        For shapes that do not broadcast, and for an impossible base. Values never raise.

    See Also
    --------
    kl_divergence, binary_entropy, binary_cross_entropy

    Notes
    -----
    The error is at most 4 ulp in float64 and 1 in float32, float16 and bfloat16, also where p
    and q are close, or both all but certain. For complements that holds where a probability and
    its complement add up to something between 1/2 and 2.

    Limits: 0, and never less, where p and q are equal; inf where p has mass and q has none;
    infinite logits are certain outcomes; nan for a probability outside [0, 1] and where it and
    its complement are both 0.

    The probability of one side beside the logit of the other, in float64, is compared by a
    logarithm in three words, which takes jax long to compile.


    Derivatives (torch, jax) are the difference of p's and q's logits by p and q - p by q's
    logit, at most 3 ulp off in float64 and 1 in float32, float16 and bfloat16, also where p and
    q are close. By p the derivative is 0 where p and q are certain of the same outcome.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951).


    Examples
    --------
    >>> from relentropy import binary_kl_divergence
    >>> print(f"{binary_kl_divergence(40.0, 41.0, from_logits=True):.6e}")
    1.562882e-18

    Both say that an outcome is certain but for what float64 cannot hold beside 1:

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
