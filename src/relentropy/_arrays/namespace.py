"""The ``xp`` of the formulas: one library at one working precision.

Formulas are written against this small surface instead of against a library, so that what
differs between libraries is said once and here: scalars in ``where``, functions younger
than the oldest standard in use, and the places where a compiler or a library's own
``log1p`` has to be kept from spoiling a careful formula.

Blocks are two-dimensional with the reduced axis first, (n, rows): the halves of a pairwise
sum are then contiguous for any n, and a row's statistics, (1, rows), broadcast from the left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import coefficients, dtypes
from .array import Array, Library
from .polynomials import log1pmx_near


@dataclass(frozen=True)
class Limits:
    """Thresholds that depend on the working precision's range, not on any function."""

    splitter: float
    """2**ceil(bits/2) + 1, which halves a significand (Dekker 1971)."""
    largest: float
    ratio_min: float
    ratio_max: float
    """Quotients inside these bounds are rounded once and can be multiplied back exactly."""
    scalings: tuple[tuple[float, float], ...]
    """(threshold, factor): numbers of at least that size are scaled by that power of two
    into the middle of the range, where products have exact remainders."""
    product_scalings: tuple[tuple[float, float], ...]
    """The same, to sizes of which the products of two, times rows' lengths, have exact
    remainders as well."""
    headroom: float
    """exp(2 * headroom) times any row's length does not overflow, and exp(-headroom) times
    any row's length is below half an ulp of 1."""
    endless: float
    """An order that stands for infinity: what is not zero is far apart from zero times it."""
    lift: float
    """An even power of two that keeps the error words of weights' products in the range; 1
    where the data's range is shorter."""
    noise: float
    """Relative differences of weights that no data of that precision can have, but rounding."""
    tiny: float
    """The smallest normal number."""
    subnormal: float
    """Below it a product's factor may have lost digits to the end of the range."""
    shortener: float
    """Splits off the leading bits of a ratio whose product with a float32 is exact."""


def _product_scalings(
    step: int, up: int, last: int, most: int
) -> tuple[tuple[float, float], ...]:
    """Sizes from ``2**(up - step/2)`` on, but for those that no power of two lifts so far."""
    steps = [(step * k - step // 2, up - step * k) for k in range(last, -last, -1)]
    return (*((2.0**size, 2.0**power) for size, power in steps), (0.0, 2.0**most))


_LIMITS = {
    "float64": Limits(
        splitter=coefficients.SPLITTER,
        largest=float(np.finfo(np.float64).max),
        ratio_min=1e-290,
        ratio_max=1e300,
        scalings=coefficients.SCALINGS,
        product_scalings=_product_scalings(step=200, up=200, last=5, most=1000),
        headroom=coefficients.HEADROOM,
        endless=1e100,
        lift=2.0**200,
        noise=2.0**-140,
        tiny=float(np.finfo(np.float64).tiny),
        subnormal=coefficients.SUBNORMAL,
        shortener=coefficients.SHORTENER,
    ),
    "float32": Limits(
        splitter=coefficients.SPLITTER_SINGLE,
        largest=float(np.finfo(np.float32).max),
        ratio_min=1e-28,
        ratio_max=1e30,
        scalings=(
            (2.0**90, 2.0**-40),
            (2.0**30, 1.0),
            (2.0**-30, 2.0**60),
            (2.0**-70, 2.0**100),
            (0.0, 2.0**126),
        ),
        product_scalings=_product_scalings(step=30, up=30, last=4, most=126),
        headroom=30.0,
        endless=1e25,
        lift=2.0**72,
        noise=2.0**-62,
        tiny=float(np.finfo(np.float32).tiny),
        subnormal=1e-30,
        shortener=1.0,
    ),
}

# float64 that holds widened data of at most 24 bits.
_LIMITS["wide"] = replace(_LIMITS["float64"], lift=1.0, noise=2.0**-75)


class Namespace:
    """What every library does alike; the others below say what differs."""

    def __init__(self, library: str, raw: Library, name: str, exact: bool) -> None:
        self.library = library
        self.raw = raw
        self.dtype = dtypes.dtype_object(library, raw, name)
        self.exact = exact
        self._float32 = dtypes.dtype_object(library, raw, "float32")
        self.limits = _LIMITS[name] if exact else _LIMITS["wide"]
        self.exp = raw.exp
        self.log = raw.log
        self.log1p = raw.log1p
        self.sqrt = raw.sqrt
        self.abs = raw.abs
        self.isnan = raw.isnan
        self.isfinite = raw.isfinite
        self.zeros_like = raw.zeros_like
        self.ones_like = raw.ones_like

    def where(self, condition: Array, one: Any, other: Any) -> Array:
        """Elementwise choice; either side may be a Python float."""
        return self.raw.where(condition, one, other)

    def maximum(self, one: Array, other: Any) -> Array:
        return self.raw.maximum(one, other)

    def minimum(self, one: Array, other: Any) -> Array:
        return self.raw.minimum(one, other)

    def concat(self, arrays: list[Array], axis: int) -> Array:
        return self.raw.concat(arrays, axis=axis)

    def rounded(self, product: Array) -> Array:
        """A product that the compiler may not fuse with the sum that consumes it."""
        return product

    def writes_in_place(self) -> bool:
        """Whether an array that a formula has just made may be overwritten."""
        return False

    def max(self, block: Array) -> Array:
        """Largest entry of each row, as (1, rows); nan where the row has one."""
        return self.raw.max(block, axis=0, keepdims=True)

    def any(self, block: Array) -> Array:
        return self.raw.any(block, axis=0, keepdims=True)

    def cast(self, array: Array, dtype: Any) -> Array:
        return self.raw.astype(array, dtype, copy=False)

    def block(self, array: Array, shape: tuple[int, int]) -> Array:
        """A contiguous (n, rows) block in working precision.

        Where that is wider than the data, formulas count on the data's short significands:
        large integers are rounded to float32 first.
        """
        if not self.exact and "int" in dtypes.name_of(array.dtype):
            array = self.cast(array, self._float32)
        return self._contiguous(self.cast(array, self.dtype), shape)

    def _contiguous(self, array: Array, shape: tuple[int, int]) -> Array:
        return self.raw.reshape(array, shape)

    def in_order(self, array: Array) -> Array:
        """The same array, contiguous where the library has strides."""
        return array


class CupyNamespace(Namespace):
    def writes_in_place(self) -> bool:
        return True


class NumpyNamespace(Namespace):
    def writes_in_place(self) -> bool:
        return True

    def where(self, condition: Any, one: Any, other: Any) -> Any:
        return np.where(condition, one, other)

    def cast(self, array: Any, dtype: Any) -> Any:
        return array.astype(dtype, copy=False)

    def _contiguous(self, array: Any, shape: tuple[int, int]) -> Any:
        return np.ascontiguousarray(array).reshape(shape)

    def in_order(self, array: Any) -> Any:
        return np.asarray(array, order="C")


class JaxNamespace(Namespace):
    def __init__(self, library: str, raw: Library, name: str, exact: bool) -> None:
        super().__init__(library, raw, name, exact)
        self.log1p = self._log1p
        if name == "float32":
            self.exp = self._exp_float32

    def rounded(self, product: Array) -> Array:
        # XLA contracts a product and a sum into one operation, which breaks every error-free
        # transform that is built on products. It does not contract through a minimum.
        return self.raw.minimum(product, self.limits.largest)

    def _log1p(self, x: Array) -> Array:
        # XLA's own is off by 128 ulp between -0.5 and 0, and by 2 above. This is 1.5 at most.
        near = (x >= -0.5) & (x <= 1.0)
        z = self.raw.where(near, x, 0.0)
        u = self.rounded(1 + x)
        lost = self.raw.where((u > 0) & (u < self.limits.ratio_max), (x - (u - 1)) / u, 0.0)
        return self.raw.where(near, z + log1pmx_near(z, xp=self), self.raw.log(1 + x) + lost)

    def _exp_float32(self, x: Array) -> Array:
        # XLA's own is off by 5 ulp in the last fifth before overflow; 355/512 is close to
        # log(2) and short, so that subtracting it is exact there.
        late = x > 88.0
        factor = 2.0 * float(np.exp(355 / 512 - np.log(2.0)))
        grown = self.raw.exp(self.raw.where(late, x - 355 / 512, x))
        return self.raw.where(late, grown * factor, grown)


class StrictNamespace(Namespace):
    """array-api-strict at its oldest standard, which stands for every library to come."""

    def _lift(self, value: Any, like: Array) -> Any:
        if isinstance(value, float):
            return self.raw.full((), value, dtype=self.dtype, device=like.device)
        return value

    def where(self, condition: Array, one: Any, other: Any) -> Array:
        one, other = self._lift(one, condition), self._lift(other, condition)
        return self.raw.where(condition, one, other)

    def maximum(self, one: Array, other: Any) -> Array:
        other = self._lift(other, one)
        return self.raw.where((one >= other) | (one != one), one, other)

    def minimum(self, one: Array, other: Any) -> Array:
        other = self._lift(other, one)
        return self.raw.where((one <= other) | (one != one), one, other)


_CLASSES = {
    "numpy": NumpyNamespace,
    "jax": JaxNamespace,
    "cupy": CupyNamespace,
}


_MADE: dict[tuple[str, str, bool], Namespace] = {}


def namespace(library: str, raw: Any, name: str, exact: bool) -> Namespace:
    """The namespace for a library, a working dtype and whether it must be exact."""
    if library == "torch":
        from .torch_namespace import NAMESPACES

        return NAMESPACES[name, exact]
    key = (library, name, exact)
    if key not in _MADE:
        _MADE[key] = _CLASSES.get(library, StrictNamespace)(library, raw, name, exact)
    return _MADE[key]
