"""Divergences from one table of generators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from . import _arguments
from ._arrays.operands import Array, Operand
from ._call import reduce
from ._formulas import generators as rows
from ._formulas.measures import measure_of
from ._records import record


def divergence_of(
    generator: rows.Variant,
    operands: dict[str, Operand[Array]],
    from_logits: Any,
    normalize: Any,
    *,
    base: Any = None,
    root: bool = False,
    **keywords: Any,
) -> Array:
    """Return a generator's divergence of two operands, after the checks that all share."""
    _arguments.refuse_labels(**operands)
    flags = _arguments.both_flags(from_logits)
    if isinstance(generator, rows.Swapped):
        generator, flags = generator.generator, flags[::-1]
        operands = dict(reversed(operands.items()))
    measure = measure_of(
        generator,
        flags,
        _arguments.one_flag("normalize", normalize),
        _arguments.checked_base(base),
        root=root,
    )
    (value,) = reduce(measure, operands, **keywords)
    return value


@record(
    "reduction",
    "Jeffreys (1946); the difference of the masses times the logarithm of their ratio",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def jeffreys_divergence(
    p: Operand[Array],
    q: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Jeffreys divergence, the sum of the relative entropies in both directions.

    .. math:: J(p, q) = D(p \| q) + D(q \| p) = \sum_i (p_i - q_i) \log \frac{p_i}{q_i}

    See Also
    --------
    kl_divergence, js_divergence

    Notes
    -----
    The divergence is symmetric, and inf if one side has mass where the other has none. It is
    the sum, not the mean, of the two directions.

    References
    ----------
    H. Jeffreys, "An invariant form for the prior probability in estimation problems",
    Proceedings of the Royal Society A 186 (1946).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import jeffreys_divergence
    >>> round(float(jeffreys_divergence(np.array([0.5, 0.5]), np.array([0.25, 0.75]))), 12)
    0.274653072167
    """
    return divergence_of(
        rows.Jeffreys(), {"p": p, "q": q}, from_logits, normalize, base=base,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "Hellinger (1909); differences of roots from the differences of masses",
    float64=4.0,
    tiled=6.0,
    lost_below=1e-153,
    without_float64=6.0,
)
def hellinger_distance(
    p: Operand[Array],
    q: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Hellinger distance.

    .. math:: \sqrt{\tfrac12 \sum_i \left(\sqrt{p_i} - \sqrt{q_i}\right)^2}

    Returns
    -------
    array
        Distances, between 0 and 1 for distributions, of the same library and on the same device
        as the operands.

    See Also
    --------
    bhattacharyya_distance : -log(1 - H**2).

    Notes
    -----
    The distance is exactly 0 for equal operands, where its gradient is taken as 0 and its
    second derivatives are nan. The derivative by a weight of 0 is infinite if the other side
    has mass. A distance below 1e-153 (1e-18 if float64 is not available) is lost, as its square
    underflows.

    References
    ----------
    E. Hellinger, "Neue Begründung der Theorie quadratischer Formen von unendlichvielen
    Veränderlichen", Journal für die reine und angewandte Mathematik 136 (1909).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import hellinger_distance
    >>> float(hellinger_distance(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    return divergence_of(
        rows.SquaredHellinger(), {"p": p, "q": q}, from_logits, normalize, root=True,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "half the sum of exact differences, without their sign",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def total_variation(
    p: Operand[Array],
    q: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the total variation distance, the largest difference of an event's probabilities.

    .. math:: \tfrac12 \sum_i |p_i - q_i|

    Returns
    -------
    array
        Distances, between 0 and 1 for distributions, of the same library and on the same device
        as the operands.

    See Also
    --------
    hellinger_distance, kl_divergence : twice its square is at most the relative entropy.

    Notes
    -----
    An entry with equal masses adds 0 to the value and to the gradient, even if the sides' total
    masses differ or make other entries infinite.

    References
    ----------
    I. Csiszár, "Information-type measures of difference of probability distributions and
    indirect observations", Studia Scientiarum Mathematicarum Hungarica 2 (1967).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import total_variation
    >>> float(total_variation(np.array([0.5, 0.5]), np.array([0.25, 0.75])))
    0.25
    """
    return divergence_of(
        rows.TotalVariation(), {"p": p, "q": q}, from_logits, normalize,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "Pearson (1900), Neyman (1949); the difference times the relative difference",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
    aliases=("Kagan's divergence (some authors define it as half of this)",),
)
def chi2_divergence(
    p: Operand[Array],
    q: Operand[Array],
    *,
    kind: Literal["pearson", "neyman"] = "pearson",
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the chi-squared divergence.

    .. math::
        \chi^2(p \| q) = \sum_i \frac{(p_i - q_i)^2}{q_i} \ \text{(Pearson)}, \qquad
        \sum_i \frac{(p_i - q_i)^2}{p_i} \ \text{(Neyman)}

    Parameters
    ----------
    kind : {"pearson", "neyman"}, default pearson
        The distribution that divides: q for "pearson", p for "neyman".

    See Also
    --------
    renyi_divergence : of order 2 it is log(1 + chi2).

    Notes
    -----
    The divergence is inf if the distribution that divides has no mass where the other has some.

    References
    ----------
    K. Pearson, "On the criterion that a given system of deviations from the probable in the
    case of a correlated system of variables is such that it can be reasonably supposed to have
    arisen from random sampling", Philosophical Magazine 50 (1900). J. Neyman, "Contribution to
    the theory of the chi-squared test", Berkeley Symposium on Mathematical Statistics and
    Probability (1949).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import chi2_divergence
    >>> float(chi2_divergence(np.array([0.25, 0.75]), np.array([0.5, 0.5])))
    0.25
    """
    kind = _arguments.chosen("kind", kind, ("pearson", "neyman"))
    return divergence_of(
        rows.NAMES[kind].generator, {"p": p, "q": q}, from_logits, normalize,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "Topsøe (2000); the difference times the relative difference",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def triangular_discrimination(
    p: Operand[Array],
    q: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the triangular discrimination, twice the Le Cam distance.

    .. math:: \Delta(p, q) = \sum_i \frac{(p_i - q_i)^2}{p_i + q_i}

    Returns
    -------
    array
        Divergences, between 0 and 2 for distributions, of the same library and on the same
        device as the operands.

    See Also
    --------
    js_divergence : between a quarter of it and log(2)/2 times it.

    Notes
    -----
    The divergence is finite even if one side has mass where the other has none.

    References
    ----------
    F. Topsøe, "Some inequalities for information divergence and related measures of
    discrimination", IEEE Transactions on Information Theory 46 (2000).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import triangular_discrimination
    >>> float(triangular_discrimination(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    2.0
    """
    return divergence_of(
        rows.Triangular(), {"p": p, "q": q}, from_logits, normalize,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@dataclass(frozen=True)
class Generator:
    """A row of the table of f-divergences, as functions of the log-ratio.

    The divergence is ``sum(p*value(d))`` with ``d = log(q/p)``. Adding a multiple of
    ``exp(d) - 1`` changes nothing for distributions; with the multiple that makes ``value``
    flat at 0 every term is non-negative, and the result is as accurate as ``value`` is near 0
    (``relentropy.special.expm1mx`` is how that of relative entropy is written).

    Parameters
    ----------
    value : callable
        g(d), of an array, with g(0) = 0; by array operations of the operands' library.
    derivative : callable
        g'(d), of an array.
    p_zero : float
        The limit of ``g(d)*exp(-d)`` as d goes to infinity: what q's mass is worth where p has
        none. May be inf.
    q_zero : float
        The limit of ``g(d)`` as d goes to minus infinity: what p's mass is worth where q has
        none. May be inf.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import Generator, f_divergence
    >>> from relentropy.special import expm1mx
    >>> kl = Generator(expm1mx, np.expm1, p_zero=1.0, q_zero=np.inf)
    >>> round(float(f_divergence(np.array([0.5, 0.5]), np.array([0.25, 0.75]), kl)), 12)
    0.143841036226
    """

    value: Callable[[Any], Any]
    derivative: Callable[[Any], Any]
    p_zero: float
    q_zero: float

    def __post_init__(self) -> None:
        for name in ("value", "derivative"):
            if not callable(getattr(self, name)):
                raise TypeError(f"{name} must be a function of an array of log-ratios")
        for name in ("p_zero", "q_zero"):
            limit = getattr(self, name)
            if isinstance(limit, bool) or not isinstance(limit, int | float | np.number):
                raise TypeError(f"{name} must be a number, or inf, not {limit!r}")


@record(
    "reduction",
    "Csiszár (1967); a row of the table of generators",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def f_divergence(
    p: Operand[Array],
    q: Operand[Array],
    generator: rows.GeneratorName | Generator,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return an f-divergence, by its name or for a custom generator.

    .. math:: D_f(p \| q) = \sum_i p_i\, g(d_i), \quad d_i = \log \frac{q_i}{p_i}

    Returns
    -------
    array
        Divergences in nats, of the same library and on the same device as the operands.

    See Also
    --------
    Generator : a custom f-divergence.
    alpha_divergence : a family of f-divergences.

    Notes
    -----
    The bounds are those of the named divergences; a custom one is as accurate as its functions.
    If one side has mass where the other has none, the generator's limits apply, which may be
    inf.

    References
    ----------
    I. Csiszár, "Information-type measures of difference of probability distributions and
    indirect observations", Studia Scientiarum Mathematicarum Hungarica 2 (1967).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import f_divergence
    >>> p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    >>> round(float(f_divergence(p, q, "reverse-kl")), 12)
    0.130812035941
    """
    if isinstance(generator, Generator):
        row: rows.Variant = rows.FromGenerator(
            generator.value, generator.derivative, float(generator.p_zero),
            float(generator.q_zero),
        )  # fmt: skip
    elif isinstance(generator, str):
        row = rows.NAMES[_arguments.chosen("generator", generator, tuple(rows.NAMES))].generator
    else:
        raise TypeError(f"generator must be a name or a Generator, not {generator!r}")
    return divergence_of(
        row, {"p": p, "q": q}, from_logits, normalize,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip
