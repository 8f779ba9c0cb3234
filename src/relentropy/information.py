"""Measures of the dependence between the variables of a joint table.

A table holds one weight (a probability, a count) or one logit for every combination of
outcomes; the arguments name the axes of each variable, and all other axes hold further tables.
There is no ``normalize`` argument: without division by the table's total, the marginals are not
distributions that its entries could be compared with.
"""

from __future__ import annotations

from typing import Any, get_args

from . import _arguments
from ._arguments import Axes
from ._arrays.operands import Array, Operand
from ._arrays.protocols import Measure
from ._call import reduce
from ._formulas.cross_entropy import CrossEntropy
from ._formulas.normalized import Average
from ._records import record
from ._tables import Table


@record(
    "table",
    "Shannon (1948); exact differences from the product, corrected guesses for logits",
    float64=4.0,
)
def mutual_information(
    joint: Operand[Array],
    *,
    x_axis: int | tuple[int, ...] = -2,
    y_axis: int | tuple[int, ...] = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the mutual information of two variables.

    .. math:: I(X; Y) = \sum_{ij} p_{ij} \log \frac{p_{ij}}{p_{i\cdot}\, p_{\cdot j}}

    It is the relative entropy of the table from the product of its marginals: never negative,
    zero exactly if the two are independent, and accurate if they nearly are.

    See Also
    --------
    conditional_mutual_information, total_correlation, normalized_mutual_information

    Notes
    -----
    The gradient is exactly zero for independent variables. The derivative by a weight of zero
    is -inf, finite if the weight would be the only one of an outcome, and inf if of two
    outcomes.

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
    return table.dependence(groups, base=base, keepdims=keepdims)


@record(
    "table",
    "Shannon (1948); as mutual information, layer by layer of the given variable",
    float64=4.0,
)
def conditional_mutual_information(
    joint: Operand[Array],
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
    r"""Return the mutual information of two variables given a third.

    .. math::

        I(X; Y | Z) = \sum_{ijk} p_{ijk}
        \log \frac{p_{ijk}\, p_{\cdot\cdot k}}{p_{i\cdot k}\, p_{\cdot jk}}

    Parameters
    ----------
    z_axis : int or tuple of ints, default -1
        The axes of the condition. Several axes form one variable.

    See Also
    --------
    mutual_information, total_correlation

    Notes
    -----
    The result is accurate if the variables are nearly independent given the third, and its
    gradient is exactly zero if they are. The derivative by a weight of zero is -inf, finite or
    inf, as the marginals' limits require.

    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948). T. M. Cover and J. A. Thomas, "Elements of Information Theory" (2006), chapter 2.

    Examples
    --------
    Two coins, and an indicator that they fell alike. The coins are independent, but not given
    the indicator.

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
    return table.dependence(tuple(groups), given, base=base, keepdims=keepdims)


@record(
    "table",
    "Watanabe (1960); as mutual information, with one factor for each variable",
    float64=4.0,
)
def total_correlation(
    joint: Operand[Array],
    *,
    axes: tuple[Axes, ...] | None = None,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the total correlation, the divergence of a table from its marginals' product.

    .. math:: C(X_1, \dots, X_K) = \sum_i p_i \log \frac{p_i}{\prod_k p^{(k)}_{i_k}}

    Parameters
    ----------
    axes : tuple of ints, or of tuples of ints, optional
        The axes of each variable, at least two variables. By default every axis is a variable.

    Raises
    ------
    ValueError
        If there are fewer than two variables.

    See Also
    --------
    mutual_information, conditional_mutual_information

    Notes
    -----
    The result is accurate for nearly independent variables, and its gradient is exactly zero
    for independent ones. The derivative by a weight of zero is -inf, finite if the weight would
    be the only one of an outcome, and inf if of several outcomes.

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
    return table.dependence(groups, base=base, keepdims=keepdims)


@record(
    "table",
    "Shannon (1948); that of the table as one distribution",
    float64=4.0,
)
def joint_entropy(
    joint: Operand[Array],
    *,
    axis: Axes = None,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the joint entropy of the variables of a table.

    .. math:: H(X, Y, \dots) = -\sum_i p_i \log p_i

    It is the entropy of the table as one distribution over combinations of outcomes: `entropy`
    along several axes.

    Parameters
    ----------
    axis : int, tuple of ints or None, default None
        The axes of all variables; None for all axes.

    See Also
    --------
    entropy, conditional_entropy

    Notes
    -----
    The result is accurate if one combination is nearly certain. The derivative by a weight of 0
    is inf, that by a logit of -inf 0.

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
    return value


@record(
    "table",
    "Shannon (1948); log-ratios of marginals and entries from exact differences",
    float64=4.0,
)
def conditional_entropy(
    joint: Operand[Array],
    *,
    x_axis: int | tuple[int, ...] = -2,
    given_axis: int | tuple[int, ...] = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the conditional entropy: the uncertainty of one variable given another.

    .. math:: H(X | Y) = \sum_{ij} p_{ij} \log \frac{p_{\cdot j}}{p_{ij}}

    Parameters
    ----------
    x_axis : int or tuple of ints, default -2
        The axes of the variable. Several axes form one variable.
    given_axis : int or tuple of ints, default -1
        The axes of the condition. Several axes form one variable.

    See Also
    --------
    joint_entropy, mutual_information, variation_of_information

    Notes
    -----
    The result is accurate if one variable nearly determines the other. The derivative by a
    weight of 0 is inf, but finite if no other outcome has mass under its condition; that by a
    logit of -inf is 0.

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
    return table.equivocation((group,), (group, given), base=base, keepdims=keepdims)


@record(
    "table",
    "Meila (2007); both conditional entropies, entry by entry",
    float64=4.0,
)
def variation_of_information(
    joint: Operand[Array],
    *,
    x_axis: int | tuple[int, ...] = -2,
    y_axis: int | tuple[int, ...] = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    """Return the variation of information: the sum of both conditional entropies.

    .. math:: VI(X, Y) = H(X | Y) + H(Y | X)

    It is a metric on partitions, and zero if each variable determines the other.

    See Also
    --------
    conditional_entropy, mutual_information

    Notes
    -----
    The result is accurate if each variable nearly determines the other. The derivative by a
    weight of 0 is inf, but finite if both its outcomes have no mass; that by a logit of -inf is
    0.

    References
    ----------
    M. Meila, "Comparing clusterings: an information based distance", Journal of Multivariate
    Analysis 98 (2007).

    Examples
    --------
    Two clusterings of the same eight things, as a table of counts:

    >>> import numpy as np
    >>> from relentropy import variation_of_information
    >>> round(float(variation_of_information(np.array([[2, 2], [0, 4]]), base=2)), 12)
    1.188721875541
    """
    table = Table(joint, _arguments.one_flag("from_logits", from_logits), where, dtype)
    x, y = table.axes(x_axis=x_axis, y_axis=y_axis)
    base = _arguments.checked_base(base)
    return table.equivocation((x, y), (x, y), base=base, keepdims=keepdims)


@record(
    "table",
    "Vinh, Epps and Bailey (2010); a quotient of numbers with all their digits",
    float64=4.0,
)
def normalized_mutual_information(
    joint: Operand[Array],
    *,
    x_axis: int | tuple[int, ...] = -2,
    y_axis: int | tuple[int, ...] = -1,
    average: Average = "arithmetic",
    from_logits: bool = False,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the mutual information divided by an average of the entropies.

    .. math:: NMI(X, Y) = \frac{I(X; Y)}{M(H(X), H(Y))}

    It is 0 for independent variables and 1 for variables that determine each other. A ratio, it
    has no base.

    Parameters
    ----------
    average : str, default arithmetic
        The divisor: the mean of both entropies (``"arithmetic"`` or ``"geometric"``), the
        smaller or the larger (``"min"``, ``"max"``), or the joint entropy (``"joint"``).

    See Also
    --------
    mutual_information, variation_of_information

    Notes
    -----
    The result is accurate if the variables are nearly independent or nearly constant. For
    entropies below the normal range, the quotient is as accurate as they are.

    If the average is zero, two constants determine each other and give 1. If only one of them
    is constant, which the geometric mean and the smaller entropy do not distinguish, the result
    is 0.

    The gradient is zero if the average is. The derivative by a weight of 0 is infinite, or nan
    if both its outcomes have no mass. If the two entropies tie, ``"min"`` and ``"max"`` have
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
    return table.normalized(x, y, average, keepdims)


@record(
    "table",
    "Church and Hanks (1990); the log-ratios that mutual information is the mean of",
    float64=4.0,
    conditioned=True,
)
def pointwise_mutual_information(
    joint: Operand[Array],
    *,
    x_axis: int | tuple[int, ...] = -2,
    y_axis: int | tuple[int, ...] = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the pointwise mutual information of every combination of outcomes.

    .. math:: i_{ij} = \log \frac{p_{ij}}{p_{i\cdot}\, p_{\cdot j}}

    Returns
    -------
    array
        Log-ratios, of the shape of joint, of the same library and on the same device.

    See Also
    --------
    mutual_information

    Notes
    -----
    The condition number is 1 for weights. From logits, an entry that is far closer to chance
    than its row and its column are suffers cancellation. So does, from weights, an entry with a
    log-ratio below 2**-98 (2**-45 if float64 is not available) that holds nearly the whole
    table.

    The result is -inf for a combination without mass whose outcomes have mass, and 0 if an
    outcome has no mass or the entry is excluded. In a table with an invalid entry or an
    infinite total, the results that depend on it are nan. The derivative by a weight of zero is
    inf.

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
    return table.pointwise(x, y, _arguments.checked_base(base))
