"""Places of the numbers in Triton's states and residuals, which the manifest names."""

import triton.language as tl

from ..manifest import TRITON


def state_places(kernel: str, names: str, number: int = 0) -> list[tl.constexpr]:
    """Return where the named numbers are in the state of a kernel's pass."""
    fields = TRITON[kernel].passes[number].fields
    return [tl.constexpr(fields.index(name)) for name in names.split()]


def residual_places(kernel: str, names: str, number: int = 0) -> list[tl.constexpr]:
    """Return where the named numbers are among what a kernel's pass ends in."""
    residuals = TRITON[kernel].passes[number].residuals
    return [tl.constexpr(residuals.index(name)) for name in names.split()]
