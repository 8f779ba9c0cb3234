"""Checks that the measures share; each names the argument and what would do."""

from __future__ import annotations

import math
import sys
from typing import Any, TypeVar, cast

import numpy as np

from ._arrays.axes import common_shape, reduced_axes
from ._arrays.dtypes import name_of
from ._arrays.library import from_loose, require_dense_array
from ._arrays.torch_internals import forward_mode_is_active, torch

Name = TypeVar("Name", bound=str)
FromLogits = bool | tuple[bool, bool]
Axes = int | tuple[int, ...] | None


def both_flags(from_logits: Any) -> tuple[bool, bool]:
    """``from_logits`` as one flag for each side."""
    if _is_flag(from_logits):
        return bool(from_logits), bool(from_logits)
    if isinstance(from_logits, tuple | list) and len(from_logits) == 2:
        one, other = from_logits
        if _is_flag(one) and _is_flag(other):
            return bool(one), bool(other)
    raise TypeError(
        f"from_logits must be a bool or a pair (p_is_log, q_is_log), not {from_logits!r}"
    )


def one_flag(name: str, value: Any) -> bool:
    """A plain bool."""
    if not _is_flag(value):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def checked_base(base: Any) -> float | None:
    """The base of the logarithm as a float; None and e itself mean nats."""
    if base is None:
        return None
    value = _real("base", base, "a number or None")
    if not 1 < value < math.inf:
        raise ValueError(f"base must be greater than 1 and finite, not {base!r}")
    return None if value == math.e else value


def refuse_labels(p: Any, q: Any) -> None:
    """Class labels are no distribution, and would be read as counts."""
    if type(p) is np.ndarray and p.dtype.kind == "f":  # most calls, at a tenth of the cost
        return
    p_shape, q_shape = shape_of("p", p), shape_of("q", q)
    integral = "int" in str(getattr(p, "dtype", "")) or (
        isinstance(p, list | tuple | int) and from_loose("p", p).dtype.kind in "iu"
    )
    if integral and len(p_shape) == len(q_shape) - 1 and p_shape == q_shape[:-1]:
        raise TypeError(
            f"p of shape {p_shape} and integer dtype looks like class labels for q of shape "
            f"{q_shape}; a distribution has one weight for each class. Log-probabilities of "
            "labels are relentropy.estimators.token_log_probs(q, p); "
            "where counts are meant, pass p[None] or floats"
        )


def shape_of(name: str, x: Any) -> tuple[int, ...]:
    """The shape of an array, or of a list of numbers."""
    if isinstance(x, list | tuple):
        x = from_loose(name, x)
    elif not isinstance(x, (np.ndarray, np.generic, bool, int, float, complex)):
        require_dense_array(name, x)  # some that are not have no shape
    return tuple(getattr(x, "shape", ()))


def checked_share(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    found = _real(name, value)
    if not 0 <= found <= 1:
        raise ValueError(f"{name} must be between 0 and 1, not {value!r}")
    return found


def chosen(name: str, value: Name, allowed: tuple[str, ...]) -> Name:
    """One of a few names."""
    if value not in allowed:
        names = ", ".join(repr(one) for one in allowed)
        raise ValueError(f"{name} must be one of {names}, not {value!r}")
    return cast("Name", str(value))


def mixture(name: str, weights: Any, count: int) -> tuple[float, ...]:
    """Weights of some distributions, divided by their sum; equal ones for None."""
    if weights is None:
        return (1 / count,) * count
    try:
        found = [float(weight) for weight in weights]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be numbers, one for each distribution") from None
    if len(found) != count:
        raise ValueError(f"{name} must be {count}, one for each distribution, not {len(found)}")
    total = sum(found)
    if not all(weight >= 0 for weight in found) or not 0 < total < math.inf:
        raise ValueError(f"{name} must be non-negative with a finite sum above 0, not {found}")
    return tuple(weight / total for weight in found)


def _moves(alpha: Any) -> bool:
    """Whether torch is asked for a derivative by an array."""
    if not hasattr(alpha, "requires_grad"):
        return False
    if alpha.requires_grad or not forward_mode_is_active():
        return bool(alpha.requires_grad)
    return torch().autograd.forward_ad.unpack_dual(alpha).tangent is not None


def _require_orders_that_fit(
    alpha: tuple[int, ...], operands: dict[str, Any], axes: tuple[int, ...]
) -> None:
    """Orders must broadcast against the result."""
    shape = common_shape({name: shape_of(name, one) for name, one in operands.items()})
    result = tuple(n for i, n in enumerate(shape, start=-len(shape)) if i not in axes)
    try:
        common_shape({"alpha": alpha, "result": result})
    except ValueError:
        hint = ""
        if len(alpha) == 1:
            hint = "; for several orders of every row pass alpha[:, None]"
        raise ValueError(
            f"alpha of shape {alpha} does not broadcast against the result's {result}{hint}"
        ) from None


def order_and_axis(
    alpha: Any, operands: dict[str, Any], axis: Any, *, least: float, most: float = math.inf
) -> tuple[Any, Any]:
    """An order that broadcasts against the result, and the axis it leaves the operands.

    An array of orders gets the size one along the reduced axes; where it has more dimensions
    than the result, those are new ones in front.
    """
    if isinstance(alpha, bool | np.bool_ | complex):
        raise TypeError(f"alpha must be real, not {alpha!r}")
    if isinstance(alpha, int | float | np.integer | np.floating):
        if not least <= alpha <= most:
            bounds = "" if least < -1 else f"at least {least:g}"
            finite = "finite" if most < math.inf else ""
            wanted = " and ".join(one for one in (bounds, finite) if one)
            raise ValueError(f"alpha must be {wanted}, not {alpha!r}")
        return math.inf if alpha > sys.float_info.max else float(alpha), axis
    if _moves(alpha):
        raise TypeError("there is no derivative by alpha; pass alpha.detach()")
    # numpy's orders are welcome beside arrays of any library, as lists are.
    guests = isinstance(alpha, np.ndarray) and any(
        not isinstance(one, np.ndarray | np.generic | list | tuple | int | float)
        for one in operands.values()
    )
    loose = guests or isinstance(alpha, list | tuple)
    if loose:
        alpha = from_loose("alpha", alpha)
        if alpha.dtype.kind not in "iuf":
            raise TypeError(f"alpha must be real numbers, not {alpha.dtype}")
        alpha = alpha.astype(np.float64)
    ndim = max(len(shape_of(name, one)) for name, one in operands.items())
    axes = tuple(one - ndim for one in reduced_axes(axis, ndim))
    own = len(shape_of("alpha", alpha))
    _require_orders_that_fit(shape_of("alpha", alpha), operands, axes)
    if own == 0:
        return (float(alpha) if loose else alpha), axis
    index: list[Any] = []
    while own:  # from the last dimension of the operands to the first of the orders
        reduced = -len(index) - 1 in axes
        index.append(None if reduced else slice(None))
        own -= not reduced
    alpha = alpha[tuple(index[::-1])]
    return (alpha.tolist() if loose else alpha), axes


def positive(name: str, value: Any) -> float:
    """A finite number above 0."""
    found = _real(name, value)
    if not 0 < found < math.inf:
        raise ValueError(f"{name} must be positive and finite, not {value!r}")
    return found


def integer(name: str, value: Any, least: int) -> int:
    """An integer of at least so much."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value.__index__() < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}")
    return int(value.__index__())


def axes(axis: Any) -> int | tuple[int, ...] | None:
    """One axis, several or None for all, before it is known how many there are."""
    several = axis if isinstance(axis, list | tuple) else (axis,)
    for one in several if axis is not None else ():
        if isinstance(one, bool) or not hasattr(one, "__index__"):
            raise TypeError(f"axis must be an integer, a tuple of them or None, not {axis!r}")
    if axis is None:
        return None
    found = tuple(int(one.__index__()) for one in several)
    return found if isinstance(axis, list | tuple) else found[0]


def one_axis(axis: Any, ndim: int) -> int:
    """One axis, as a non-negative number."""
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"axis must be one integer, not {axis!r}")
    return reduced_axes(axis, ndim)[0]


def labels(name: str, tokens: Any, of: str, logits: Any, axis: Any) -> tuple[Any, int]:
    """Class labels of rows, with an axis of size one where the rows' is."""
    shape = shape_of(of, logits)
    axis = one_axis(axis, len(shape))
    loose = not hasattr(tokens, "shape")
    if loose:
        tokens = from_loose(name, tokens)
        tokens = tokens.astype(np.int64) if tokens.size == 0 else tokens
    if isinstance(tokens, np.ndarray) and not tokens.dtype.isnative:
        tokens = tokens.astype(tokens.dtype.newbyteorder("="))
    kind = name_of(getattr(tokens, "dtype", ""))
    if not kind.startswith(("int", "uint")):
        raise TypeError(f"{name} must be integers, not {kind}")
    rows = shape[:axis] + shape[axis + 1 :]
    if tuple(tokens.shape) != rows:
        raise ValueError(
            f"{name} must have the shape of {of} without axis {axis}, {rows}, "
            f"not {tuple(tokens.shape)}"
        )
    tokens = tokens[(slice(None),) * axis + (None,)]
    return (tokens.tolist() if loose and tokens.size else tokens), axis


def mask_of_rows(where: Any, operands: dict[str, Any], axis: Any) -> tuple[int, Any]:
    """One axis, and a mask of rows as a mask of their entries."""
    shape: tuple[int, ...] = ()
    for name, one in operands.items():
        own = shape_of(name, one)
        shape = own if len(own) > len(shape) else shape
    axis = one_axis(axis, len(shape))
    if where is None:
        return axis, None
    if isinstance(where, list | tuple):
        where = from_loose("where", where)
    mask = shape_of("where", where)
    rows = shape[:axis] + shape[axis + 1 :]
    if len(mask) > len(rows):
        raise ValueError(f"where of shape {mask} does not broadcast to the rows' shape {rows}")
    after = len(shape) - axis - 1
    if len(mask) > after:
        where = where[(slice(None),) * (len(mask) - after) + (None,)]
    return axis, where


def number(name: str, value: Any) -> float:
    """A finite real number, of Python or numpy."""
    found = _real(name, value)
    if not abs(found) < math.inf:
        raise ValueError(f"{name} must be finite, not {value!r}")
    return found


def _real(name: str, value: Any, wanted: str = "a number") -> float:
    """A number of Python or numpy; an integer beyond all floats is as large as they get."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be {wanted}, not {value!r}")
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        return math.inf if value > 0 else -math.inf
    return float(value)


def require_axes(name: str, value: Any, operands: dict[str, Any]) -> None:
    """As many axes as the operands have, or none: fewer would be taken for the last ones."""
    own, ndim = shape_of(name, value), max(len(shape_of(n, one)) for n, one in operands.items())
    if len(own) not in (0, ndim):
        raise ValueError(
            f"{name} of shape {own} must have {ndim} axes, as {', '.join(operands)} have; "
            f"one for every row is {name}[:, None]"
        )
