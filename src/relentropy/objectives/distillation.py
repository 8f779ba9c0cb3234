"""A student's loss against a teacher's whole distributions."""

from __future__ import annotations

from typing import Any, Literal

from .. import _arguments
from .._arrays.axes import agree, broadcasts
from .._arrays.operands import Array, Operand
from .._arrays.plain import Plain
from .._arrays.protocols import Measure
from .._call import reduce
from .._formulas.f_divergence import FDivergence
from .._formulas.generators import JensenShannon, SkewJensenShannon
from .._formulas.kl_logits import KLFromLogits
from .._formulas.tempered import tempered
from ._checks import checked_denominator, checked_length, require_given
from .aggregation import MODES, Mode, aggregate

# A temperature that leaves no divergence, by dtype; its inverse leaves none that is finite.
_HOTTEST = {"float32": 2.0**126, "float64": 2.0**1022}


def distillation_loss(
    teacher_logits: Operand[Array],
    student_logits: Operand[Array],
    *,
    divergence: Literal["forward", "reverse", "js"] = "forward",
    js_weight: float = 0.5,
    temperature: float = 1.0,
    scale: bool = True,
    where: Any = None,
    axis: int = -1,
    aggregation: Mode = "token-mean",
    denominator: Any = None,
    max_length: int | None = None,
) -> Array:
    r"""Return the divergence of a student from a teacher at every token, as a loss.

    With P and Q what the teacher's and the student's logits, divided by the temperature, are
    distributions of:

    ============= ========================================================================
    ``"forward"`` :math:`D(P \| Q)`
    ``"reverse"`` :math:`D(Q \| P)`
    ``"js"``      :math:`\beta D(P \| M) + (1 - \beta) D(Q \| M), \quad
                  M = \beta P + (1 - \beta) Q`
    ============= ========================================================================

    Parameters
    ----------
    teacher_logits : array of shape (batch, time, vocabulary)
        Logits, or log-probabilities, of the teacher.
    student_logits : array of the same shape
        The same of the student.
    divergence : {"forward", "reverse", "js"}, default "forward"
        Which divergence of the table.
    js_weight : float, default 0.5
        For "js" the weight :math:`\beta` of the teacher in the mixture, between 0 and 1.
    temperature : float, default 1.0
        What both logits are divided by.
    scale : bool, default True
        Multiply by the square of the temperature, so that gradients keep their size. TRL's GKD
        does not: ``scale=False``.
    where : array of bool, optional
        The tokens to include, of shape (batch, time) or broadcasting to it. What it excludes is
        replaced before any arithmetic.
    axis : int, default -1
        The axis of the vocabulary.
    aggregation : str, default "token-mean"
        How the tokens' divergences become one number; `aggregate` names them all.
    denominator, max_length
        As in `aggregate`: with the tokens or sequences of the full batch as ``denominator``,
        losses of micro-batches and ranks add up. A denominator that is an array may be traced;
        all other options are settled before.

    Returns
    -------
    array
        A 0-d array of the logits' library, of the dtype that they have together, float32 for 16
        bits; 0 where nothing is selected.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, and a mask that is not boolean.
    ValueError
        For shapes that are not those above, a mask that does not broadcast to (batch, time),
        and impossible options.

    See Also
    --------
    relentropy.kl_divergence, relentropy.js_divergence : the divergences themselves.
    relentropy.estimators.partial_kl : from a teacher's largest log-probabilities alone.

    Notes
    -----
    Generalised Jensen-Shannon is that of GKD: divided by :math:`\beta`, it goes to the forward
    divergence D(P‖Q) as :math:`\beta` goes to 0, and divided by :math:`1 - \beta` to the
    reverse one as it goes to 1, and has the digits of them: the smaller of the two weights is
    nowhere taken from 1. At both ends it is 0 itself, which is no loss: TRL puts the
    forward divergence in its place for 0 and the reverse one for 1, and here they have names of
    their own. `relentropy.js_divergence` takes the weight of its second operand, that is
    :math:`1 - \beta`.

    Values and gradients have the digits of the divergences, also late in training, where
    teacher and student are close. The teacher has a gradient if it asks for one, and costs
    nothing otherwise.

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network",
    arXiv:1503.02531 (2015). R. Agarwal et al., "On-policy distillation of language models"
    (GKD), arXiv:2306.13649 (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.objectives import distillation_loss
    >>> teacher = np.array([[[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> student = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> print(f"{distillation_loss(teacher, student):.6f}")
    0.049443
    >>> print(f"{distillation_loss(teacher, student, divergence='js', temperature=2.0):.6f}")
    0.015491
    """
    divergence = _arguments.chosen("divergence", divergence, ("forward", "reverse", "js"))
    aggregation = _arguments.chosen("aggregation", aggregation, MODES)
    temperature = _arguments.positive("temperature", temperature)
    scale = _arguments.one_flag("scale", scale)
    checked_length(max_length, aggregation)
    denominator = checked_denominator(denominator)
    require_given(teacher_logits=teacher_logits, student_logits=student_logits)
    operands = {"teacher_logits": teacher_logits, "student_logits": student_logits}
    _require_shapes(operands, where, axis)
    vocabulary, mask = _arguments.mask_of_rows(where, operands, axis)
    measure, flipped = _measure(divergence, js_weight)
    if flipped:
        operands = dict(reversed(operands.items()))
    measure = tempered(measure, temperature)
    losses: Any
    (losses,) = reduce(measure, operands, axis=vocabulary, where=mask, widen=True)
    loss: Any = aggregate(
        losses, where, mode=aggregation, denominator=denominator, max_length=max_length
    )
    if not scale or temperature == 1:
        return loss
    plain = Plain({"loss": loss})
    hottest = _HOTTEST[plain.name]
    factor = min(max(temperature, 1 / hottest), hottest)
    with plain.quiet():  # one by one, as their square may be out of range
        return plain.like_the_library(plain.arrays["loss"] * factor * factor)


def _require_shapes(operands: dict[str, Any], where: Any, axis: Any) -> None:
    """Logits of one shape, and a mask of their rows."""
    teacher, student = (_arguments.shape_of(name, one) for name, one in operands.items())
    if not agree(teacher, student):
        raise ValueError(
            f"teacher_logits and student_logits must have the same shape, not {teacher} and "
            f"{student}"
        )
    if len(teacher) != 3:
        raise ValueError(
            "teacher_logits and student_logits must have the shape (batch, time, vocabulary), "
            f"not {teacher}"
        )
    axis = _arguments.one_axis(axis, len(teacher))
    tokens = teacher[:axis] + teacher[axis + 1 :]
    mask = () if where is None else _arguments.shape_of("where", where)
    if not broadcasts(mask, tokens):
        raise ValueError(
            f"where must have the shape (batch, time), {tokens}, or broadcast to it, not {mask}"
        )


def _measure(divergence: str, js_weight: float) -> tuple[Measure, bool]:
    """The measure, and whether its first operand is the student."""
    logits = (True, True)
    if divergence != "js":
        return KLFromLogits(logits, True, None), divergence == "reverse"
    weight = _arguments.checked_share("js_weight", js_weight)
    if weight in (0, 1):
        raise ValueError(
            f"js_weight must be between 0 and 1, where the loss is not 0, not {js_weight!r}; "
            f"the limit is divergence={'forward' if weight == 0 else 'reverse'!r}"
        )
    # The row's weight is that of its second operand, which is the smaller one: what it leaves
    # of 1 would no longer tell a small one.
    row = JensenShannon() if weight == 0.5 else SkewJensenShannon(min(weight, 1 - weight))
    return FDivergence(row, logits, True, None, False), weight < 0.5
