"""What the generated suite runs on: libraries, and settings of them that change the path."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from relentropy._arrays import plan
from relentropy._engines import config

DTYPES = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Backend:
    """One way to call the library."""

    name: str
    library: str
    make: Callable[[np.ndarray], Any]
    """An array of the backend from a numpy array, of the same dtype."""
    read: Callable[[Any], np.ndarray] = np.asarray
    """And back."""
    dtypes: tuple[str, ...] = DTYPES
    setting: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda fn: fn
    """What a user may have put around the call, such as jit."""
    has_float64: bool = True
    merges: bool = False
    """Whether long rows are merged from tiles."""
    longest: int = 1 << 20
    """Rows of more entries are left to the other backends."""
    longest_16_bit: int = 1 << 20
    """The same for 16-bit types, which are worked like float32 once they are widened."""
    missing: str = ""
    """Why it cannot run here."""
    pull: Callable[..., list[np.ndarray]] | None = None
    """``pull(backend, fn, arrays, seeds)``: gradients of ``sum(seeds*fn(*arrays))``, seeds of
    None being ones; None where the library has no derivatives."""

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        if self.missing:
            pytest.skip(self.missing)
        with self.setting():
            yield


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _lacks(module: str) -> str:
    return "" if _installed(module) else f"{module} is not installed"


# --- numpy -----------------------------------------------------------------------------


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


@contextlib.contextmanager
def _small_tiles() -> Iterator[None]:
    """Tiles so small that short rows are merged from many, in several tasks."""
    kept = plan.TILED
    plan.TILED = plan.Plan(leaf=3, tile=12)
    try:
        with config.using("generic"):
            yield
    finally:
        plan.TILED = kept


def _formulas() -> contextlib.AbstractContextManager[None]:
    """Without the compiled kernels, which are twins of what these tests are about."""
    return config.using("generic")


# --- torch -----------------------------------------------------------------------------


def _to_torch(array: np.ndarray, device: str = "cpu") -> Any:
    import torch

    array = np.array(array)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(array).to(device)


def _pull_torch(backend: Backend, fn: Any, arrays: Any, seeds: Any = None) -> list[np.ndarray]:
    import torch

    tensors = [backend.make(x).requires_grad_() for x in arrays]
    value = fn(*tensors)
    seeds = torch.ones_like(value) if seeds is None else backend.make(seeds)
    return [backend.read(one) for one in torch.autograd.grad(value, tensors, seeds)]


def _from_torch(tensor: Any) -> np.ndarray:
    import torch

    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        import ml_dtypes

        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def _cuda_lacks() -> str:
    if not _installed("torch"):
        return _lacks("torch")
    import torch

    return "" if torch.cuda.is_available() else "torch sees no CUDA device"


# --- jax -------------------------------------------------------------------------------


def _to_jax(array: np.ndarray) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(array)


@contextlib.contextmanager
def _x64(on: bool) -> Iterator[None]:
    import jax

    kept = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", on)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", kept)


def _pull_jax(backend: Backend, fn: Any, arrays: Any, seeds: Any = None) -> list[np.ndarray]:
    import jax
    import jax.numpy as jnp

    value, pull = jax.vjp(fn, *(backend.make(x) for x in arrays))
    found = pull(jnp.ones_like(value) if seeds is None else backend.make(seeds))
    return [backend.read(one) for one in found]


def _jit(fn: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    return jax.jit(fn)


# --- array-api-strict ------------------------------------------------------------------


def _to_strict(device: str | None = None) -> Callable[[np.ndarray], Any]:
    def make(array: np.ndarray) -> Any:
        import array_api_strict as strict

        where = None if device is None else strict.Device(device)
        return strict.asarray(np.asarray(array), device=where)

    return make


def _from_strict(array: Any) -> np.ndarray:
    import array_api_strict as strict

    return np.asarray(array.to_device(strict.Device("CPU_DEVICE"))._array)


@contextlib.contextmanager
def _oldest_standard() -> Iterator[None]:
    import array_api_strict as strict

    kept = strict.get_array_api_strict_flags()
    strict.set_array_api_strict_flags(
        api_version="2022.12",
        boolean_indexing=False,
        data_dependent_shapes=False,
        enabled_extensions=(),
    )
    try:
        yield
    finally:
        strict.set_array_api_strict_flags(**kept)


# --- dask and cupy ---------------------------------------------------------------------


def _to_dask(array: np.ndarray) -> Any:
    import dask.array as da

    chunks = tuple(max(1, -(-n // 2)) for n in array.shape)
    return da.from_array(np.array(array), chunks=chunks)


def _from_dask(array: Any) -> np.ndarray:
    return np.asarray(array.compute(scheduler="synchronous"))


def _to_cupy(array: np.ndarray) -> Any:
    import cupy

    return cupy.asarray(array)


def _from_cupy(array: Any) -> np.ndarray:
    import cupy

    return cupy.asnumpy(array)


def _cupy_lacks() -> str:
    if not _installed("cupy"):
        return _lacks("cupy")
    import cupy

    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        return "cupy sees no CUDA device"
    return ""


def _cupy_dtypes() -> tuple[str, ...]:
    """CuPy has bfloat16, which is that of ml_dtypes, from version 14 on."""
    if not _installed("cupy"):
        return DTYPES
    import cupy

    new = int(cupy.__version__.partition(".")[0]) >= 14
    return tuple(name for name in DTYPES if new or name != "bfloat16")


_ONLY_STRICT = ("float32", "float64")

BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("numpy", "numpy", np.array, merges=True),
        Backend(
            "numpy-formulas", "numpy", np.array, setting=_formulas, merges=True,
            dtypes=("float32", "float64"),
        ),
        Backend("numpy-readonly", "numpy", _read_only, merges=True, dtypes=("float64",)),
        Backend(
            "numpy-tiles", "numpy", np.array, setting=_small_tiles, merges=True,
            dtypes=("float32", "float64"), longest=1000,
        ),
        Backend(
            "torch", "torch", _to_torch, _from_torch, merges=True, missing=_lacks("torch"),
            pull=_pull_torch,
        ),
        Backend(
            "torch-formulas", "torch", _to_torch, _from_torch, setting=_formulas, merges=True,
            dtypes=("float32", "float64"), missing=_lacks("torch"), pull=_pull_torch,
        ),
        Backend(
            "torch-cuda", "torch", lambda x: _to_torch(x, "cuda"), _from_torch, merges=True,
            missing=_cuda_lacks(), pull=_pull_torch,
        ),
        Backend(
            "jax", "jax", _to_jax, setting=lambda: _x64(True), longest_16_bit=10,
            missing=_lacks("jax"), pull=_pull_jax,
        ),
        Backend(
            "jax-jit", "jax", _to_jax, setting=lambda: _x64(True), wrap=_jit,
            dtypes=("float64",), longest=10, missing=_lacks("jax"),
        ),
        Backend(
            "jax-x32", "jax", _to_jax, setting=lambda: _x64(False), has_float64=False,
            dtypes=("float16", "bfloat16", "float32"), longest_16_bit=10,
            missing=_lacks("jax"), pull=_pull_jax,
        ),
        Backend(
            "strict", "strict", _to_strict(), _from_strict, dtypes=_ONLY_STRICT,
            missing=_lacks("array_api_strict"),
        ),
        Backend(
            "strict-oldest", "strict", _to_strict(), _from_strict, dtypes=_ONLY_STRICT,
            setting=_oldest_standard, missing=_lacks("array_api_strict"),
        ),
        Backend(
            "strict-device", "strict", _to_strict("device1"), _from_strict,
            dtypes=_ONLY_STRICT, missing=_lacks("array_api_strict"),
        ),
        Backend(
            "strict-no-float64", "strict", _to_strict("no_float64"), _from_strict,
            dtypes=("float32",), has_float64=False, missing=_lacks("array_api_strict"),
        ),
        Backend(
            "dask", "dask", _to_dask, _from_dask, merges=True, missing=_lacks("dask"),
        ),
        Backend(
            "cupy", "cupy", _to_cupy, _from_cupy, merges=True, missing=_cupy_lacks(),
            dtypes=_cupy_dtypes(),
        ),
    )
}  # fmt: skip


def combinations(names: tuple[str, ...] | None = None) -> list[Any]:
    """Every (backend, dtype) as pytest parameters, GPU ones marked."""
    return [
        pytest.param(
            backend, dtype, id=f"{name}-{dtype}",
            marks=[pytest.mark.gpu] if name in {"torch-cuda", "cupy"} else [],
        )
        for name, backend in BACKENDS.items()
        if names is None or name in names
        for dtype in backend.dtypes
    ]  # fmt: skip
