"""Estimates from whole rows of a position, or from their top entries."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from .. import _arguments
from .._arrays.dtypes import EPS, name_of
from .._arrays.operands import Array, Generic, Operand
from .._arrays.plain import Plain
from .._call import elementwise, reduce
from .._formulas.kl_logits import KLFromLogits
from .._formulas.partial import PartialKL as _PartialKL
from .._formulas.surrogate import REACHED
from .._formulas.tempered import tempered
from .._records import estimate


@estimate(
    "Amini, Vieira and Cotterell (2025); relative entropy from logits",
    float64=4.0,
    float32=2.0,
    slopes=(6.0, 2.0),
    tiled=6.0,
)
def rao_blackwell_kl(
    logits: Operand[Array],
    ref_logits: Operand[Array],
    *,
    gradient: Literal["partial", "full"] = "partial",
    log_probs: Any = None,
    temperature: float = 1.0,
    axis: int = -1,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the exact relative entropy at every position, the estimate of least variance.

    .. math:: D\bigl(\pi(\cdot | x_{<t}) \,\|\, \pi_\mathrm{ref}(\cdot | x_{<t})\bigr)

    Summed over the positions of a sequence that the model has sampled, it is an unbiased
    estimate of the divergence of all sequences, with less variance than any that sees only the
    sampled tokens.

    Parameters
    ----------
    logits : array
        The model's logits at the positions of its own samples, (batch, time, vocabulary).
    ref_logits : array
        The reference's logits at the same positions.
    gradient : {"partial", "full"}, default "partial"
        "partial" differentiates the divergence at each position, as if the positions were
        given. "full" adds how often they are visited: summed over positions, its mean is the
        gradient of the sequences' divergence. The value is the same.
    log_probs : array, optional
        For the full gradient: the log-probabilities of the sampled tokens under the model
        (`token_log_probs`), of the result's shape, whose last axis is time. Masked positions
        do not count.

    Returns
    -------
    array
        Divergences in nats, (batch, time); 0 where the mask excludes.

    Raises
    ------
    TypeError
        If the gradient is full and there are no log_probs, or there are log_probs and it is
        not.

    See Also
    --------
    relentropy.kl_divergence : for any two distributions.
    partial_kl : if only the largest log-probabilities are available.

    Notes
    -----
    As for `relentropy.kl_divergence`, the result is exactly 0 with gradient 0 if the models
    agree, and accurate if they are close. It is inf if the model has mass where the reference
    has none, nan for a logit of nan or +inf, and 0 if nothing is selected. With samples of
    another model than ``logits`` (old log-probabilities), the sum is a biased estimate.

    References
    ----------
    A. Amini, T. Vieira, R. Cotterell, "Better estimation of the KL divergence between language
    models" (2025), arXiv:2504.10637.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import rao_blackwell_kl
    >>> logits = np.array([[[1.0, 0.0], [0.0, 0.0]]])
    >>> print(rao_blackwell_kl(logits, np.zeros((1, 2, 2))))
    [[0.11094407 0.        ]]
    """
    gradient = _arguments.chosen("gradient", gradient, ("partial", "full"))
    if gradient == "full" and log_probs is None:
        raise TypeError("a full gradient needs log_probs, those of the sampled tokens")
    if gradient == "partial" and log_probs is not None:
        raise TypeError("log_probs are for the full gradient; pass gradient='full'")
    measure = tempered(
        KLFromLogits((True, True), True, None), _arguments.positive("temperature", temperature)
    )
    operands = {"logits": logits, "ref_logits": ref_logits}
    axis, mask = _arguments.mask_of_rows(where, operands, axis)
    value: Any
    (value,) = reduce(measure, operands, axis=axis, where=mask, dtype=dtype, widen=True)
    if gradient == "partial":
        return value
    if not value.shape:
        raise ValueError("a full gradient needs positions in time: logits of at least two axes")
    given = Plain({"divergence": value, "log_probs": log_probs}, where)
    shape = tuple(value.shape)
    if tuple(given.arrays["log_probs"].shape) != shape:
        raise ValueError(
            f"log_probs must have the shape of the positions, {shape}, "
            f"not {tuple(given.arrays['log_probs'].shape)}"
        )
    before = given.before(given.kept(given.arrays["log_probs"]))
    return elementwise(REACHED, {"divergence": value, "log_probs": before}, dtype=given.name)


class PartialKL(NamedTuple, Generic[Array]):
    """Result of `partial_kl`.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import partial_kl
    >>> found = partial_kl(np.log([0.6, 0.3]), np.log([0.5, 0.3]))
    >>> print(f"{found.kl:.4f} of {found.teacher_mass:.1f} and {found.student_mass:.1f}")
    0.0401 of 0.9 and 0.8
    """

    kl: Array
    """Divergences in nats."""
    teacher_mass: Array
    """The teacher's mass in the known entries."""
    student_mass: Array
    """The student's."""


@estimate(
    "a sum of non-negative terms, and the rests' difference by those of the entries",
    float64=4.0,
    float32=2.0,
    slopes=(6.0, 2.0),
    conditioned=True,
)
def partial_kl(
    teacher_log_probs: Operand[Array],
    student_log_probs: Operand[Array],
    *,
    rest: Literal["bucket", "renormalize", "drop"] = "bucket",
    axis: int = -1,
    where: Any = None,
    dtype: Any = None,
) -> PartialKL[Array]:
    r"""Return the relative entropy from some log-probabilities, such as a teacher's top k.

    .. math::
        \sum_{i \in K} p_i \log \frac{p_i}{q_i} + P \log \frac{P}{Q}, \quad
        P = 1 - \sum_{i \in K} p_i, \; Q = 1 - \sum_{i \in K} q_i

    Parameters
    ----------
    teacher_log_probs : array
        Log-probabilities of the k entries that are known, normalized over the whole
        vocabulary; -inf for padding.
    student_log_probs : array
        The other model's log-probabilities of the same entries, normalized likewise.
    rest : {"bucket", "renormalize", "drop"}, default "bucket"
        Treatment of all other entries. "bucket" makes one outcome of them: a divergence of k +
        1 outcomes, never negative and never above the whole one. "renormalize" divides the
        known masses by their sums: a divergence of conditional distributions, even if the
        masses differ. "drop" leaves the rest out: the sum of known terms, which can be negative
        and is no divergence.
    axis : int, default -1
        The axis of the known entries.

    Returns
    -------
    PartialKL
        The divergences, and the masses in known entries of both models, as constants. A small
        teacher's mass says how much the divergence cannot see.

    See Also
    --------
    rao_blackwell_kl : the divergence from all logits.
    token_log_probs

    Notes
    -----
    The condition number is that of the mass outside the known entries for the bucket (if the
    known masses are nearly 1, the rest is as accurate as the log-probabilities determine it),
    and that of a sum of terms of both signs for "drop". Equal log-probabilities give exactly 0
    with gradient 0.

    Known masses that sum to 1 or more leave no rest. If only the student's do, the teacher has
    mass where the student has none, and the bucket is inf; up to 16 eps of the
    log-probabilities' dtype, which their rounding can leave for a teacher whose entries are all
    known, do not count as mass. The result is inf as well for an entry where the teacher has
    mass and the student none, nan for a log-probability of nan or +inf and, renormalized, for a
    row without mass, and 0 if nothing is selected.

    Derivatives by the student's log-probabilities are ``p*expm1(d - D)`` with the log-ratios d
    of the entry and D of the rest, for "drop" -p.

    References
    ----------
    T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition (2006),
    section 2.7: the log sum inequality, by which a bucket is a lower bound.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import partial_kl
    >>> teacher, student = np.log([0.6, 0.3]), np.log([0.5, 0.3])
    >>> found = partial_kl(teacher, student)
    >>> print(f"{found.kl:.6f} of {found.teacher_mass:.1f}")
    0.040078 of 0.9
    >>> print(f"{partial_kl(student, teacher, rest='drop').kl:.6f}")
    -0.091161
    """
    rest = _arguments.chosen("rest", rest, ("bucket", "renormalize", "drop"))
    eps = rounding_of(teacher_log_probs, student_log_probs)
    return of_some(teacher_log_probs, student_log_probs, rest, axis, where, dtype, eps)


def rounding_of(*log_probs: Any) -> float:
    """The eps of the least exact ones."""
    kinds = (name_of(getattr(one, "dtype", "float64")) for one in log_probs)
    return max(EPS.get(kind, EPS["float64"]) for kind in kinds)


def of_some(
    teacher: Any, student: Any, rest: str, axis: int, where: Any, dtype: Any, eps: float
) -> PartialKL[Any]:
    """The same of log-probabilities that were rounded by ``eps``, whatever they are now."""
    operands = {"teacher_log_probs": teacher, "student_log_probs": student}
    axis, mask = _arguments.mask_of_rows(where, operands, axis)
    options = {"axis": axis, "where": mask, "dtype": dtype, "widen": True}
    # Roundings of log-probabilities of entropy H move their mass by H/2 of these at most.
    kl, *masses = reduce(_PartialKL(rest == "bucket", 16 * eps), operands, **options)
    if rest == "renormalize":
        (kl,) = reduce(KLFromLogits((True, True), True, None), operands, **options)
    return PartialKL(kl, *masses)
