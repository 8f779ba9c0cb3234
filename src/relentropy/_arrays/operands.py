"""The types of public functions: each takes arrays of one library and returns that library's.

Checkers find the result's type in the operands' methods. Two of them decide: ``cumsum``,
which numpy annotates with an array of no particular shape and dtype, and ``<``, which no
library annotates with another library's arrays, so that torch beside numpy is an error.
Lists and numbers are left to the other operands; alone they have numpy's type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

__all__ = ["Array", "ArrayOf", "Generic", "Operand"]

if TYPE_CHECKING:
    from typing import Generic

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeVar

    Array = TypeVar("Array", default=np.float64 | NDArray[Any])
else:
    from typing import TypeVar

    Array = TypeVar("Array")

    class Erased:
        """No base at all: torch takes a named tuple of two bases for no container."""

        def __getitem__(self, _: Any) -> Erased:
            return self

        def __mro_entries__(self, _: Any) -> tuple[()]:
            return ()

    Generic = Erased()


class ArrayOf(Protocol[Array]):
    """An array of the library whose arrays are ``Array``."""

    def cumsum(self, axis: int, /) -> Array: ...
    def __lt__(self, other: Array, /) -> Any: ...


Operand = ArrayOf[Array] | float | list[Any] | tuple[Any, ...]
