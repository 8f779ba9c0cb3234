"""Arrays of the library that the audited function works with, and derivatives in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._ulp import FORMATS, as_named
from ._drawing import Numbers

Function = Callable[..., Any]
Pull = Callable[[Function, Sequence[Any], Any], list[Any]]


@dataclass(frozen=True)
class Library:
    """What an audit asks of an array library."""

    name: str
    make: Callable[[Numbers, str], Any]
    """An array of a dtype, of numbers that are representable in it."""
    module: str
    """The import that a reproducer needs."""
    literal: Callable[[str, str], str]
    """How it writes an array down, of numbers and a dtype."""
    missing: dict[str, str]
    """Dtypes that it lacks here, and why."""
    pull: Pull | None = None
    """``pull(fn, arrays, seed)``: derivatives of ``sum(seed*fn(*arrays))`` by every array, None
    for one that the result does not depend on; a seed of None stands for ones."""

    @property
    def dtypes(self) -> tuple[str, ...]:
        return tuple(name for name in FORMATS if name not in self.missing)

    def read(self, array: Any) -> tuple[Numbers, str]:
        """Values in float64, and the name of the dtype that they had."""
        values, name = as_named(array)
        if name not in FORMATS and values.dtype.kind not in "biu":
            msg = f"fn returned {name if values.dtype.kind == 'c' else type(array).__name__}"
            raise TypeError(msg)
        return np.asarray(values, np.float64), name

    def device(self, array: Any) -> str:
        return str(getattr(array, "device", "cpu"))


def library(name: Any, device: Any = None) -> Library:
    """The library of a name, or ValueError."""
    if not isinstance(name, str) or name not in _LIBRARIES:
        msg = f"backend is {name!r}; expected one of {', '.join(_LIBRARIES)}"
        raise ValueError(msg)
    return _LIBRARIES[name](device)


def _numpy(device: Any) -> Library:
    if device is not None:
        msg = f"device is {device!r}, but numpy has none"
        raise ValueError(msg)
    try:
        import ml_dtypes

        bfloat16, missing = ml_dtypes.bfloat16, {}
    except ImportError:
        bfloat16, missing = None, {"bfloat16": "ml_dtypes is not installed"}

    def make(values: Numbers, dtype: str) -> Any:
        return values.astype(bfloat16 if dtype == "bfloat16" else dtype)

    def literal(numbers: str, dtype: str) -> str:
        return f"np.array({numbers}, {dtype if dtype == 'bfloat16' else repr(dtype)})"

    return Library("numpy", make, "import numpy as np", literal, missing)


def _torch(device: Any) -> Library:
    import torch

    def make(values: Numbers, dtype: str) -> Any:
        return torch.tensor(values).to(dtype=getattr(torch, dtype), device=device)

    def pull(fn: Function, arrays: Sequence[Any], seed: Any) -> list[Any]:
        leaves = [x.detach().clone().requires_grad_() for x in arrays]
        value = fn(*leaves)
        if not isinstance(value, torch.Tensor):
            msg = f"fn returned {type(value).__name__}, which has no derivative"
            raise TypeError(msg)
        if not value.requires_grad:
            return [None] * len(leaves)
        seed = torch.ones_like(value) if seed is None else seed.to(value.dtype)
        return list(torch.autograd.grad(value, leaves, seed, allow_unused=True))

    make(np.zeros(1), "float32")  # a device that there is not is said now

    def literal(numbers: str, dtype: str) -> str:
        place = "" if device is None else f", device={str(device)!r}"
        return f"torch.tensor({numbers}, dtype=torch.{dtype}{place})"

    return Library("torch", make, "import torch", literal, {}, pull)


def _jax(device: Any) -> Library:
    import jax
    import jax.numpy as jnp

    missing = {}
    if not jax.config.jax_enable_x64:
        missing = {"float64": "jax_enable_x64 is off"}

    def make(values: Numbers, dtype: str) -> Any:
        array = jnp.asarray(values if not missing else values.astype(np.float32))
        array = array.astype(dtype)
        return array if device is None else jax.device_put(array, device)

    def pull(fn: Function, arrays: Sequence[Any], seed: Any) -> list[Any]:
        value, back = jax.vjp(fn, *arrays)
        seed = jnp.ones_like(value) if seed is None else seed.astype(value.dtype)
        return list(back(seed))

    def literal(numbers: str, dtype: str) -> str:
        return f"jnp.array({numbers}, {dtype!r})"

    return Library("jax", make, "import jax, jax.numpy as jnp", literal, missing, pull)


def _strict(device: Any) -> Library:
    import array_api_strict as strict

    def make(values: Numbers, dtype: str) -> Any:
        return strict.asarray(values.astype(dtype), device=device)

    missing = dict.fromkeys(("float16", "bfloat16"), "the standard has no 16-bit types")

    def literal(numbers: str, dtype: str) -> str:
        return f"xp.asarray({numbers}, dtype=xp.{dtype})"

    return Library("array_api_strict", make, "import array_api_strict as xp", literal, missing)


def _cupy(device: Any) -> Library:
    import cupy

    def make(values: Numbers, dtype: str) -> Any:
        with cupy.cuda.Device(device):
            return cupy.asarray(values.astype(dtype))

    def literal(numbers: str, dtype: str) -> str:
        return f"cp.array({numbers}, {dtype!r})"

    missing = {"bfloat16": "CuPy has none"}
    return Library("cupy", make, "import cupy as cp", literal, missing)


_LIBRARIES: dict[str, Callable[[Any], Library]] = {
    "numpy": _numpy,
    "torch": _torch,
    "jax": _jax,
    "array_api_strict": _strict,
    "cupy": _cupy,
}
