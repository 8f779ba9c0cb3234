"""What the variables of a joint table tell of each other.

A table holds one weight (a probability, a count) or one logit for every combination of
outcomes; the arguments name the axes of each variable, and all other axes hold further tables.
There is no ``normalize`` here: of a table that is not divided by its total, the marginals are
no distributions that its entries could be compared with.
"""

from __future__ import annotations

from typing import Any, TypeVar, get_args

from . import _arguments
from ._arguments import Axes
from ._arrays.protocols import Measure
from ._call import reduce
from ._formulas.cross_entropy import CrossEntropy
from ._formulas.normalized import Average
from ._records import record
from ._tables import Table

Array = TypeVar("Array")


@record(
    "table",
    "Shannon (1948); exact differences from the product, corrected guesses for logits",
    float64=4.0,
)
def mutual_information(
    joint: Array,
    *,
    x_axis: int | tuple[int, ...] = -2,
    y_axis: int | tuple[int, ...] = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Mutual information: what two variables tell of each other.

    .. math:: I(X; Y) = \sum_{ij} p_{ij} \log \frac{p_{ij}}{p_{i\cdot}\, p_{\cdot j}}

    It is the relative entropy of the table from the product of its marginals: never negative,
    zero exactly where the two are independent, and with all its digits also where they nearly
    are.

    Parameters
    ----------
    joint : array
        Non-negative weights, such as probabilities or counts, or logits, of every combination
        of outcomes.
    x_axis : int or tuple of ints, default -2
        The axes of the first variable; several make one variable together.
    y_axis : int or tuple of ints, default -1
        The axes of the second variable; several make one variable together.
    from_logits : bool, default False
        Whether joint holds logits (or log-probabilities).
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to joint. An entry left out counts as
        one without mass.
    keepdims : bool, default False
        Keep reduced axes with size one.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default that of joint, for integers the library's default. With
        float64 all its digits are computed also for a narrower joint.

    Returns
    -------
    array
        Mutual information, one number for each table, of the same library and on the same
        device as joint.

    Raises
    ------
    TypeError
        For arrays that are not dense, for boolean and complex dtypes, and for axes that are
        not integers.
    ValueError
        For axes out of bounds or named twice, a mask that does not broadcast, an impossible
        base.

    See Also
    --------
    conditional_mutual_information, total_correlation, normalized_mutual_information

    Notes
    -----
    Errors are at most 4 ulp in float64, 2 in float32 and 1 in float16 and bfloat16, also for
    tables that are independent to the last digit but one.

    Limits: nan for a negative, infinite or nan weight, for a logit of nan or +inf, and where
    there is no mass at all; 0 where nothing is selected, or there are no outcomes. An outcome
    without mass contributes nothing. Integers past 2**53 (2**24 where there is no float64)
    are rounded.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number; those below 2**-100 (for a narrower joint
    2**-70) of one over the table's total, for logits of 1, may be lost. They are
    exactly zero where the table is independent. By a weight of zero the derivative is -inf;
    if it would be the only one of an outcome finite, if of two outcomes inf.
    Second derivatives are those of the same formulas, without a bound of their own.


    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948). T. M. Cover and J. A. Thomas, "Elements of Information Theory" (2006), chapter 2.


    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import mutual_information
    >>> float(mutual_information(np.array([[1, 0], [0, 1]]), base=2))
    1.0

    Two variables that are independent but for a billionth, where the textbook's sum has no
    correct digit:

    >>> table = np.array([[0.1, 0.2], [0.3, 0.4]])
    >>> product = table.sum(1, keepdims=True) * table.sum(0)
    >>> near = product + 1e-9 * np.array([[1.0, -1.0], [-1.0, 1.0]])
    >>> print(f"{mutual_information(near):.4e}")
    9.9206e-18
    """
    table = Table(joint, _arguments.one_flag("from_logits", from_logits), where, dtype)
    groups = table.axes(x_axis=x_axis, y_axis=y_axis)
    base = _arguments.checked_base(base)
    return table.dependence(groups, base=base, keepdims=keepdims)  # type: ignore[no-any-return]


@record(
    "table",
    "Shannon (1948); as mutual information, layer by layer of the given variable",
    float64=4.0,
)
def conditional_mutual_information(
    joint: Array,
    *,
    x_axis: int | tuple[int, ...] = -3,
    y_axis: int | tuple[int, ...] = -2,
    z_axis: int | tuple[int, ...] = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Conditional mutual information: what two variables tell of each other, given a third.

    .. math::

        I(X; Y | Z) = \sum_{ijk} p_{ijk}
        \log \frac{p_{ijk}\, p_{\cdot\cdot k}}{p_{i\cdot k}\, p_{\cdot jk}}

    Parameters
    ----------
    joint : array
        Non-negative weights, such as probabilities or counts, or logits, of every combination
        of outcomes.
    x_axis : int or tuple of ints, default -3
        The axes of the first variable; several make one variable together.
    y_axis : int or tuple of ints, default -2
        The axes of the second variable; several make one variable together.
    z_axis : int or tuple of ints, default -1
        The axes of what is given; several make one variable together.
    from_logits : bool, default False
        Whether joint holds logits (or log-probabilities).
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to joint. An entry left out counts as
        one without mass.
    keepdims : bool, default False
        Keep reduced axes with size one.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default that of joint, for integers the library's default. With
        float64 all its digits are computed also for a narrower joint.

    Returns
    -------
    array
        Information, one number for each table, of the same library and on the same device as
        joint.

    Raises
    ------
    TypeError
        For arrays that are not dense, for boolean and complex dtypes, and for axes that are
        not integers.
    ValueError
        For axes out of bounds or named twice, a mask that does not broadcast, an impossible
        base.

    See Also
    --------
    mutual_information, total_correlation

    Notes
    -----
    Errors are at most 4 ulp in float64, 2 in float32 and 1 in float16 and bfloat16, also where
    the variables are independent given the third to the last digit but one.

    Limits: nan for a negative, infinite or nan weight, for a logit of nan or +inf, and where
    there is no mass at all; 0 where nothing is selected, or there are no outcomes. An outcome
    without mass contributes nothing. Integers past 2**53 (2**24 where there is no float64)
    are rounded.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number; those below 2**-100 (for a narrower joint
    2**-70) of one over the table's total, for logits of 1, may be lost. They are
    exactly zero where the two are independent given the third. By a weight of zero the
    derivative is -inf, finite or inf, as the marginals' limits have it.


    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948). T. M. Cover and J. A. Thomas, "Elements of Information Theory" (2006), chapter 2.


    Examples
    --------
    Two coins, and whether they fell alike: independent, until that is known.

    >>> import numpy as np
    >>> from relentropy import conditional_mutual_information, mutual_information
    >>> table = np.zeros((2, 2, 2))
    >>> table[[0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 0, 1]] = 1
    >>> float(mutual_information(table.sum(-1), base=2))
    0.0
    >>> float(conditional_mutual_information(table, base=2))
    1.0
    """
    table = Table(joint, _arguments.one_flag("from_logits", from_logits), where, dtype)
    *groups, given = table.axes(x_axis=x_axis, y_axis=y_axis, z_axis=z_axis)
    base = _arguments.checked_base(base)
    return table.dependence(  # type: ignore[no-any-return]
        tuple(groups), given, base=base, keepdims=keepdims
    )


@record(
    "table",
    "Watanabe (1960); as mutual information, with one factor for each variable",
    float64=4.0,
)
def total_correlation(
    joint: Array,
    *,
    axes: tuple[Axes, ...] | None = None,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Total correlation: the divergence of a table from the product of all its marginals.

    .. math:: C(X_1, \dots, X_K) = \sum_i p_i \log \frac{p_i}{\prod_k p^{(k)}_{i_k}}

    Parameters
    ----------
    joint : array
        Non-negative weights, such as probabilities or counts, or logits, of every combination
        of outcomes.
    axes : tuple of ints, or of tuples of ints, optional
        The axes of each variable, two variables at least; all axes, one a variable, by
        default.
    from_logits : bool, default False
        Whether joint holds logits (or log-probabilities).
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to joint. An entry left out counts as
        one without mass.
    keepdims : bool, default False
        Keep reduced axes with size one.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default that of joint, for integers the library's default. With
        float64 all its digits are computed also for a narrower joint.

    Returns
    -------
    array
        Total correlation, one number for each table, of the same library and on the same
        device as joint.

    Raises
    ------
    TypeError
        For arrays that are not dense, for boolean and complex dtypes, and for axes that are
        not integers.
    ValueError
        For axes out of bounds or named twice, a mask that does not broadcast, an impossible
        base, or fewer than two variables.

    See Also
    --------
    mutual_information, conditional_mutual_information

    Notes
    -----
    Errors are at most 4 ulp in float64, 2 in float32 and 1 in float16 and bfloat16, also where
    the variables are independent to the last digit but one.

    Limits: nan for a negative, infinite or nan weight, for a logit of nan or +inf, and where
    there is no mass at all; 0 where nothing is selected, or there are no outcomes. An outcome
    without mass contributes nothing. Integers past 2**53 (2**24 where there is no float64)
    are rounded.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number; those below 2**-100 (for a narrower joint
    2**-70) of one over the table's total, for logits of 1, may be lost. They are
    exactly zero where the variables are independent. By a weight of zero the derivative is
    -inf; if it would be the only one of an outcome finite, if of several outcomes inf.


    References
    ----------
    S. Watanabe, "Information theoretical analysis of multivariate correlation", IBM Journal of
    Research and Development 4 (1960).


    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import total_correlation
    >>> table = np.zeros((2, 2, 2))
    >>> table[0, 0, 0] = table[1, 1, 1] = 1
    >>> float(total_correlation(table, base=2))
    2.0
    """
    table = Table(joint, _arguments.one_flag("from_logits", from_logits), where, dtype)
    given = tuple(range(table.ndim)) if axes is None else axes
    if not isinstance(given, tuple | list):
        raise TypeError(f"axes must be a tuple with one entry for each variable, not {axes!r}")
    if len(given) < 2:
        raise ValueError(f"axes must name two variables at least, not {len(given)}")
    groups = table.axes(**{f"axes[{k}]": axis for k, axis in enumerate(given)})
    base = _arguments.checked_base(base)
    return table.dependence(groups, base=base, keepdims=keepdims)  # type: ignore[no-any-return]


@record(
    "table",
    "Shannon (1948); that of the table as one distribution",
    float64=4.0,
)
def joint_entropy(
    joint: Array,
    *,
    axis: Axes = None,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Joint entropy of the variables of a table.

    .. math:: H(X, Y, \dots) = -\sum_i p_i \log p_i

    The entropy of the table as one distribution over combinations of outcomes: `entropy`
    along several axes.

    Parameters
    ----------
    joint : array
        Non-negative weights, such as probabilities or counts, or logits, of every combination
        of outcomes.
    axis : int, tuple of ints or None, default None
        The axes of all variables; None for all axes.
    from_logits : bool, default False
        Whether joint holds logits (or log-probabilities).
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to joint. An entry left out counts as
        one without mass.
    keepdims : bool, default False
        Keep reduced axes with size one.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default that of joint, for integers the library's default. With
        float64 all its digits are computed also for a narrower joint.

    Returns
    -------
    array
        Entropies, of the same library and on the same device as joint.

    Raises
    ------
    TypeError
        For arrays that are not dense, for boolean and complex dtypes, and for axes that are
        not integers.
    ValueError
        For axes out of bounds or named twice, a mask that does not broadcast, an impossible
        base.

    See Also
    --------
    entropy, conditional_entropy

    Notes
    -----
    Errors are at most 4 ulp in float64, 2 in float32 and 1 in float16 and bfloat16, also where
    one combination is all but certain.

    Limits: nan for a negative, infinite or nan weight, for a logit of nan or +inf, and where
    there is no mass at all; 0 where nothing is selected, or there are no outcomes. An outcome
    without mass contributes nothing. Integers past 2**53 (2**24 where there is no float64)
    are rounded.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number. By a weight of 0 the
    derivative is inf, by a logit of -inf 0.


    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948). T. M. Cover and J. A. Thomas, "Elements of Information Theory" (2006), chapter 2.


    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import joint_entropy
    >>> round(float(joint_entropy(np.ones((2, 4)), base=2)), 12)
    3.0
    """
    flags = (_arguments.one_flag("from_logits", from_logits),) * 2
    measure: Measure = CrossEntropy(flags, _arguments.checked_base(base), same=True)
    (value,) = reduce(
        measure, {"joint": joint}, axis=axis, where=where, keepdims=keepdims, dtype=dtype
    )
    return value  # type: ignore[no-any-return]


@record(
    "table",
    "Shannon (1948); log-ratios of marginals and entries from exact differences",
    float64=4.0,
)
def conditional_entropy(
    joint: Array,
    *,
    x_axis: int | tuple[int, ...] = -2,
    given_axis: int | tuple[int, ...] = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Conditional entropy: what is left to know of one variable once another is known.

    .. math:: H(X | Y) = \sum_{ij} p_{ij} \log \frac{p_{\cdot j}}{p_{ij}}

    Parameters
    ----------
    joint : array
        Non-negative weights, such as probabilities or counts, or logits, of every combination
        of outcomes.
    x_axis : int or tuple of ints, default -2
        The axes of the variable; several make one variable together.
    given_axis : int or tuple of ints, default -1
        The axes of what is known; several make one variable together.
    from_logits : bool, default False
        Whether joint holds logits (or log-probabilities).
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to joint. An entry left out counts as
        one without mass.
    keepdims : bool, default False
        Keep reduced axes with size one.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default that of joint, for integers the library's default. With
        float64 all its digits are computed also for a narrower joint.

    Returns
    -------
    array
        Entropies, one for each table, of the same library and on the same device as joint.

    Raises
    ------
    TypeError
        For arrays that are not dense, for boolean and complex dtypes, and for axes that are
        not integers.
    ValueError
        For axes out of bounds or named twice, a mask that does not broadcast, an impossible
        base.

    See Also
    --------
    joint_entropy, mutual_information, variation_of_information

    Notes
    -----
    Errors are at most 4 ulp in float64, 2 in float32 and 1 in float16 and bfloat16, also where
    one variable all but tells the other.

    Limits: nan for a negative, infinite or nan weight, for a logit of nan or +inf, and where
    there is no mass at all; 0 where nothing is selected, or there are no outcomes. An outcome
    without mass contributes nothing. Integers past 2**53 (2**24 where there is no float64)
    are rounded.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number; those below 2**-100 (for a narrower joint
    2**-70) of one over the table's total, for logits of 1, may be lost. By a weight of 0 the
    derivative is inf, but finite if nothing else has mass where it is given; by a logit of
    -inf it is 0.


    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948). T. M. Cover and J. A. Thomas, "Elements of Information Theory" (2006), chapter 2.


    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import conditional_entropy
    >>> float(conditional_entropy(np.array([[1, 1], [1, 1]]), base=2))
    1.0

    A table so nearly deterministic that H(X, Y) - H(Y) is 0:

    >>> print(f"{conditional_entropy(np.array([[0.5, 1e-20], [0.0, 0.5]])):.6e}")
    4.635855e-19
    """
    table = Table(joint, _arguments.one_flag("from_logits", from_logits), where, dtype)
    group, given = table.axes(x_axis=x_axis, given_axis=given_axis)
    base = _arguments.checked_base(base)
    return table.equivocation(  # type: ignore[no-any-return]
        (group,), (group, given), base=base, keepdims=keepdims
    )


@record(
    "table",
    "Meila (2007); both conditional entropies, entry by entry",
    float64=4.0,
)
def variation_of_information(
    joint: Array,
    *,
    x_axis: int | tuple[int, ...] = -2,
    y_axis: int | tuple[int, ...] = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Variation of information: what two variables leave to know of each other.

    .. math:: VI(X, Y) = H(X | Y) + H(Y | X)

    A metric on the partitions that variables are, zero where each tells the other.

    Parameters
    ----------
    joint : array
        Non-negative weights, such as probabilities or counts, or logits, of every combination
        of outcomes.
    x_axis : int or tuple of ints, default -2
        The axes of the first variable; several make one variable together.
    y_axis : int or tuple of ints, default -1
        The axes of the second variable; several make one variable together.
    from_logits : bool, default False
        Whether joint holds logits (or log-probabilities).
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to joint. An entry left out counts as
        one without mass.
    keepdims : bool, default False
        Keep reduced axes with size one.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default that of joint, for integers the library's default. With
        float64 all its digits are computed also for a narrower joint.

    Returns
    -------
    array
        Distances, one for each table, of the same library and on the same device as joint.

    Raises
    ------
    TypeError
        For arrays that are not dense, for boolean and complex dtypes, and for axes that are
        not integers.
    ValueError
        For axes out of bounds or named twice, a mask that does not broadcast, an impossible
        base.

    See Also
    --------
    conditional_entropy, mutual_information

    Notes
    -----
    Errors are at most 4 ulp in float64, 2 in float32 and 1 in float16 and bfloat16, also where
    each variable all but tells the other.

    Limits: nan for a negative, infinite or nan weight, for a logit of nan or +inf, and where
    there is no mass at all; 0 where nothing is selected, or there are no outcomes. An outcome
    without mass contributes nothing. Integers past 2**53 (2**24 where there is no float64)
    are rounded.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number; those below 2**-100 (for a narrower joint
    2**-70) of one over the table's total, for logits of 1, may be lost. By a weight of 0 the
    derivative is inf, but finite if both its outcomes are without mass; by a logit of -inf it
    is 0.


    References
    ----------
    M. Meila, "Comparing clusterings: an information based distance", Journal of Multivariate
    Analysis 98 (2007).


    Examples
    --------
    Two ways to group the same eight things, by how many fell where:

    >>> import numpy as np
    >>> from relentropy import variation_of_information
    >>> round(float(variation_of_information(np.array([[2, 2], [0, 4]]), base=2)), 12)
    1.188721875541
    """
    table = Table(joint, _arguments.one_flag("from_logits", from_logits), where, dtype)
    x, y = table.axes(x_axis=x_axis, y_axis=y_axis)
    base = _arguments.checked_base(base)
    return table.equivocation(  # type: ignore[no-any-return]
        (x, y), (x, y), base=base, keepdims=keepdims
    )


@record(
    "table",
    "Vinh, Epps and Bailey (2010); a quotient of numbers with all their digits",
    float64=4.0,
)
def normalized_mutual_information(
    joint: Array,
    *,
    x_axis: int | tuple[int, ...] = -2,
    y_axis: int | tuple[int, ...] = -1,
    average: Average = "arithmetic",
    from_logits: bool = False,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Mutual information as a share of what there is to know.

    .. math:: NMI(X, Y) = \frac{I(X; Y)}{M(H(X), H(Y))}

    From 0 for independent variables to 1 for those that tell each other; a ratio, so that it
    has no base.

    Parameters
    ----------
    joint : array
        Non-negative weights, such as probabilities or counts, or logits, of every combination
        of outcomes.
    x_axis : int or tuple of ints, default -2
        The axes of the first variable; several make one variable together.
    y_axis : int or tuple of ints, default -1
        The axes of the second variable; several make one variable together.
    average : str, default arithmetic
        What is to be known: the mean of both entropies (``"arithmetic"`` or ``"geometric"``),
        the smaller or the larger (``"min"``, ``"max"``), or that of both variables together
        (``"joint"``).
    from_logits : bool, default False
        Whether joint holds logits (or log-probabilities).
    where : array of bool, optional
        Entries to include; broadcasts to joint. An entry left out counts as
        one without mass.
    keepdims : bool, default False
        Keep reduced axes with size one.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default that of joint, for integers the library's default. With
        float64 all its digits are computed also for a narrower joint.

    Returns
    -------
    array
        Shares, one for each table, of the same library and on the same device as joint.

    Raises
    ------
    TypeError
        For arrays that are not dense, for boolean and complex dtypes, and for axes that are
        not integers.
    ValueError
        For axes out of bounds or named twice, a mask that does not broadcast, an unknown
        average.

    See Also
    --------
    mutual_information, variation_of_information

    Notes
    -----
    Errors are at most 4 ulp in float64, 2 in float32 and 1 in float16 and bfloat16, also where
    the variables are all but independent or all but constant.

    (Of entropies below the normal range the quotient has as few digits as they have.)

    Where the average is zero there is nothing to know. Two constants tell each other: 1. Where
    only one of them is constant, which the geometric mean and the smaller entropy do not see
    through, 0.

    Limits: nan for a negative, infinite or nan weight, for a logit of nan or +inf, and where
    there is no mass at all; 0 where nothing is selected, or there are no outcomes. An outcome
    without mass contributes nothing. Integers past 2**53 (2**24 where there is no float64)
    are rounded.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number; those below 2**-100 (for a narrower joint
    2**-70) of one over the table's total, for logits of 1, may be lost. They are
    zero where the average is. By a weight of 0 the derivative is infinite, or nan if both its
    outcomes are without mass. Where the two entropies tie, ``"min"`` and ``"max"`` have
    the mean of the two slopes.


    References
    ----------
    N. X. Vinh, J. Epps and J. Bailey, "Information theoretic measures for clusterings
    comparison", Journal of Machine Learning Research 11 (2010).


    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import normalized_mutual_information
    >>> round(float(normalized_mutual_information(np.array([[2, 0], [0, 4]]))), 12)
    1.0
    >>> round(float(normalized_mutual_information(np.array([[2, 2], [0, 4]]))), 12)
    0.343711018485
    """
    is_log = _arguments.one_flag("from_logits", from_logits)
    table = Table(joint, is_log, where, dtype, widen=True)
    x, y = table.axes(x_axis=x_axis, y_axis=y_axis)
    _arguments.chosen("average", average, get_args(Average))
    return table.normalized(x, y, average, keepdims)  # type: ignore[no-any-return]


@record(
    "table",
    "Church and Hanks (1990); the log-ratios that mutual information is the mean of",
    float64=4.0,
    conditioned=True,
)
def pointwise_mutual_information(
    joint: Array,
    *,
    x_axis: int | tuple[int, ...] = -2,
    y_axis: int | tuple[int, ...] = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Pointwise mutual information: how much likelier each combination is than by chance.

    .. math:: i_{ij} = \log \frac{p_{ij}}{p_{i\cdot}\, p_{\cdot j}}

    Parameters
    ----------
    joint : array
        Non-negative weights, such as probabilities or counts, or logits, of every combination
        of outcomes.
    x_axis : int or tuple of ints, default -2
        The axes of the first variable; several make one variable together.
    y_axis : int or tuple of ints, default -1
        The axes of the second variable; several make one variable together.
    from_logits : bool, default False
        Whether joint holds logits (or log-probabilities).
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to joint. An entry left out counts as
        one without mass.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default that of joint, for integers the library's default. With
        float64 all its digits are computed also for a narrower joint.

    Returns
    -------
    array
        Log-ratios, of the shape of joint, of the same library and on the same device.

    Raises
    ------
    TypeError
        For arrays that are not dense, for boolean and complex dtypes, and for axes that are
        not integers.
    ValueError
        For axes out of bounds or named twice, a mask that does not broadcast, an impossible
        base.

    See Also
    --------
    mutual_information

    Notes
    -----
    Errors are at most 4 ulp in float64, 2 in float32 and 1 in float16 and bfloat16, also where
    a combination is all but as likely as by chance. From logits the bound is multiplied by
    the condition number: an entry far closer to chance than its row and its column are has
    lost the digits by which it is. So has, from weights, one whose log-ratio is below 2**-98
    (2**-45 where there is no float64) because it is all but the whole table.

    Limits: -inf for a combination without mass whose outcomes have some, and 0 where an outcome
    has none, or the entry is left out; nan for a negative, infinite or nan weight, for a logit
    of nan or +inf, and in a table with such an entry, or an infinite total, where they matter.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number; those below 2**-100 (for a narrower joint
    2**-70) of one over the table's total, for logits of 1, may be lost. By a weight of zero
    the derivative is inf.


    References
    ----------
    K. W. Church and P. Hanks, "Word association norms, mutual information, and lexicography",
    Computational Linguistics 16 (1990).


    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import pointwise_mutual_information
    >>> pointwise_mutual_information(np.array([[4, 0], [4, 8]]), base=2)
    array([[ 1.       ,       -inf],
           [-0.5849625,  0.4150375]])
    """
    is_log = _arguments.one_flag("from_logits", from_logits)
    table = Table(joint, is_log, where, dtype, widen=True)
    x, y = table.axes(x_axis=x_axis, y_axis=y_axis)
    return table.pointwise(x, y, _arguments.checked_base(base))  # type: ignore[no-any-return]
