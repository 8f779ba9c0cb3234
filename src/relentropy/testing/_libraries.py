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
    literal: str
    """How it writes an array down, with {} for the numbers and the dtype."""
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
        return np.asarray(values, np.float64), name

    def device(self, array: Any) -> str:
        return str(getattr(array, "device", "cpu"))


def library(name: str, device: Any = None) -> Library:
    """The library of a name, or ValueError."""
    if name not in _LIBRARIES:
        msg = f"backend is {name!r}; expected one of {', '.join(_LIBRARIES)}"
        raise ValueError(msg)
    return _LIBRARIES[name](device)


def _numpy(device: Any) -> Library:
    try:
        import ml_dtypes

        bfloat16, missing = ml_dtypes.bfloat16, {}
    except ImportError:
        bfloat16, missing = None, {"bfloat16": "ml_dtypes is not installed"}

    def make(values: Numbers, dtype: str) -> Any:
        return values.astype(bfloat16 if dtype == "bfloat16" else dtype)

    return Library("numpy", make, "import numpy as np", "np.array({}, {!r})", missing)


def _torch(device: Any) -> Library:
    import torch

    def make(values: Numbers, dtype: str) -> Any:
        return torch.tensor(values).to(dtype=getattr(torch, dtype), device=device)

    def pull(fn: Function, arrays: Sequence[Any], seed: Any) -> list[Any]:
        leaves = [x.detach().clone().requires_grad_() for x in arrays]
        value = fn(*leaves)
        if not value.requires_grad:
            return [None] * len(leaves)
        seed = torch.ones_like(value) if seed is None else seed.to(value.dtype)
        return list(torch.autograd.grad(value, leaves, seed, allow_unused=True))

    place = "" if device is None else f", device={str(device)!r}"
    literal = "torch.tensor({}, dtype=torch.{}" + place + ")"
    return Library("torch", make, "import torch\nfrom torch import nan, inf", literal, {}, pull)


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

    literal = "jnp.array({}, {!r})"
    module = "import jax.numpy as jnp\nfrom jax.numpy import nan, inf"
    return Library("jax", make, module, literal, missing, pull)


def _strict(device: Any) -> Library:
    import array_api_strict as strict

    def make(values: Numbers, dtype: str) -> Any:
        return strict.asarray(values.astype(dtype), device=device)

    missing = dict.fromkeys(("float16", "bfloat16"), "the standard has no 16-bit types")
    literal = "xp.asarray({}, dtype=xp.{})"
    return Library("array_api_strict", make, "import array_api_strict as xp", literal, missing)


def _cupy(device: Any) -> Library:
    import cupy

    def make(values: Numbers, dtype: str) -> Any:
        with cupy.cuda.Device(device):
            return cupy.asarray(values.astype(dtype))

    missing = {"bfloat16": "CuPy has none"}
    return Library("cupy", make, "import cupy as cp", "cp.array({}, {!r})", missing)


_LIBRARIES: dict[str, Callable[[Any], Library]] = {
    "numpy": _numpy,
    "torch": _torch,
    "jax": _jax,
    "array_api_strict": _strict,
    "cupy": _cupy,
}
