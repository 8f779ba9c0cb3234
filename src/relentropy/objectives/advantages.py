"""Rewards of a group of answers to one prompt, relative to each other."""

from __future__ import annotations

from typing import Any, Literal

from .. import _arguments
from .._arrays.axes import reduced_axes
from .._arrays.operands import Array, Operand
from .._arrays.plain import Plain
from ._checks import require_given
from .aggregation import quotient

# A fraction of the range that leaves room for the sum of a group, by dtype.
_HUGE = {"float32": 2.0 ** (128 - 40), "float64": 2.0 ** (1024 - 40)}
# Below this a mean would be rounded as numbers below the normal range are.
_TINY = {"float32": 2.0 ** (60 - 126), "float64": 2.0 ** (60 - 1022)}


def group_advantages(
    rewards: Operand[Array],
    *,
    axis: int | tuple[int, ...] = -1,
    scale: Literal["std"] | None = "std",
    correction: int = 1,
    eps: float = 0.0,
    where: Any = None,
) -> Array:
    r"""Return rewards relative to their group, as GRPO's advantages.

    .. math:: A_i = \frac{r_i - \operatorname{mean}(r)}{\operatorname{std}(r) + \varepsilon}

    Parameters
    ----------
    rewards : array of shape (prompts, group)
        Rewards of the answers to each prompt.
    axis : int or tuple of ints, default -1
        The axes that hold one group.
    scale : "std" or None, default "std"
        Divide by the group's standard deviation, or do not (Dr. GRPO).
    correction : 0 or 1, default 1
        What is taken from the number of rewards in the variance's denominator. The paper says
        ``std`` and no more; the implementations have ``torch.std``, which is 1.
    eps : float, default 0.0
        Added to the standard deviation: 1e-4 in TRL, 1e-6 in verl. It keeps differences
        between rewards that are next to equal, such as noise, from becoming advantages of 1.
    where : array of bool, optional
        Rewards to include, for groups of unequal sizes; broadcasts to ``rewards``. What it
        excludes is replaced before any arithmetic.

    Returns
    -------
    array of the same shape
        Advantages, of the same library and on the same device, float32 for 16-bit rewards; 0
        where the mask excludes. For the tokens of the answers, `grpo_loss` takes them as
        ``advantages.reshape(-1)``, one for each sequence.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, and a mask that is not boolean.
    ValueError
        For a mask that does not broadcast, and an impossible option.

    See Also
    --------
    grpo_loss

    Notes
    -----
    Exactly 0 where all rewards of a group are equal (the mean of equal numbers is rounded, and
    the rest of that divided by a deviation just as small would be noise of size 1), in groups
    of one, and in groups of none. Rewards of any size have their advantages: nothing overflows
    on the way, and subnormal rewards are as good as others, where the library and the device do
    not take them for 0 (jax does). An infinite or nan reward makes its group nan.

    References
    ----------
    Z. Shao et al., "DeepSeekMath", arXiv:2402.03300 (2024), section 4.1.2. Z. Liu et al.,
    "Understanding R1-Zero-like training" (Dr. GRPO), arXiv:2503.20783 (2025).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.objectives import group_advantages
    >>> group_advantages(np.array([[1.0, 0.0, 0.0, 1.0], [0.1, 0.1, 0.1, 0.1]]), correction=0)
    array([[ 1., -1., -1.,  1.],
           [ 0.,  0.,  0.,  0.]])
    """
    if scale not in (None, "std"):
        raise ValueError(f"scale must be 'std' or None, not {scale!r}")
    if _arguments.number("correction", correction) not in (0, 1):
        raise ValueError(f"correction must be 0 or 1, not {correction!r}")
    if (eps := _arguments.number("eps", eps)) < 0:
        raise ValueError(f"eps must not be negative, not {eps!r}")
    require_given(rewards=rewards)
    plain = Plain({"rewards": rewards}, where)
    shape = plain.shape("rewards")
    axes = reduced_axes(axis, len(shape))
    with plain.quiet():
        if 0 in shape:
            return plain.arrays["rewards"]
        group = _Group(plain, axes)
        if scale is None:
            advantages = group.deviations / group.unit
        else:
            advantages = group.standardised(int(correction), eps)
        return plain.like_the_library(plain.kept(advantages))


class _Group:
    """Deviations from the mean of each group, in a unit in which no sum leaves the range."""

    def __init__(self, plain: Plain, axes: tuple[int, ...]) -> None:
        self.plain, self.axes = plain, axes
        rewards, raw = plain.kept(plain.arrays["rewards"]), plain.raw
        counted = plain.counted(rewards.shape)
        self.count = self._sum(counted)
        # The differences to one of the rewards are exactly 0 where all are equal.
        lowest = plain.full(-float("inf"), rewards)
        selected = rewards if plain.mask is None else raw.where(counted > 0, rewards, lowest)
        top = plain.constant(raw.max(selected, axis=axes, keepdims=True))
        top = raw.where(self.count > 0, top, plain.full(0.0, top))
        size = self._largest(rewards)
        small, one = plain.full(2.0**-40, size), plain.full(1.0, size)
        self.unit = raw.where(size > _HUGE[plain.name], small, one)
        large = plain.full(2.0**60, size)
        self.unit = raw.where(size < _TINY[plain.name], large, self.unit)
        gaps = plain.kept(rewards * self.unit - top * self.unit)
        self.deviations = plain.kept(gaps - quotient(self._sum(gaps), self.count, plain))

    def standardised(self, correction: int, eps: float) -> Any:
        """The deviations in standard deviations, whose squares are summed near 1."""
        plain = self.plain
        scale = self._largest(self.deviations)
        scale = plain.raw.where(scale == 0, plain.full(1.0, scale), scale)
        shares = self.deviations / scale
        squares = self._sum(shares * shares)
        flat, one = squares == 0, plain.full(1.0, squares)
        freedom = plain.raw.where(flat, one, self.count - correction)
        deviation = plain.raw.sqrt(plain.raw.where(flat, one, squares) / freedom)
        advantages = shares / (deviation + eps * self.unit / scale)
        return plain.raw.where(flat, plain.full(0.0, advantages), advantages)

    def _sum(self, x: Any) -> Any:
        return self.plain.raw.sum(x, axis=self.axes, keepdims=True)

    def _largest(self, x: Any) -> Any:
        size = self.plain.raw.max(self.plain.raw.abs(x), axis=self.axes, keepdims=True)
        return self.plain.constant(size)
