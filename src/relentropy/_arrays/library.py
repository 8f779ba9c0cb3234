"""Which array library the arguments belong to, and what is refused at the door."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, NamedTuple

import array_api_compat as compat
import numpy as np

from . import dtypes

Array = Any

# Objects that would pass for an array and lose something on the way, by the root of the
# module that defines them, with the one line that says what to do instead.
_REMEDIES = {
    "pandas": "pass .to_numpy()",
    "polars": "pass .to_numpy()",
    "pyarrow": "pass .to_numpy()",
    "xarray": "pass .data",
    "scipy.sparse": "pass .toarray()",
    "sparse": "pass .todense()",
    "cupyx": "pass .toarray()",
    "scipy.stats": "pass its probabilities",
    "torch.distributions": "pass .logits with from_logits=True",
    "tensorflow": "pass .numpy()",
    "astropy": "pass .value",
    "pint": "pass .magnitude",
}


class Arguments(NamedTuple):
    """Named arguments as arrays of one library on one device."""

    library: str
    """``"numpy"``, ``"torch"``, ``"jax"``, ``"cupy"``, ``"dask"`` or ``"strict"``."""
    raw: Any
    """The namespace that array-api-compat gives for it."""
    device: Any
    arrays: dict[str, Array]
    """Arrays of that library; what came as scalars or lists is in ``loose``."""
    loose: dict[str, Any]


class Number(NamedTuple):
    """A Python number beside arrays, which compilers follow where numpy's arrays stop them."""

    value: int | float
    dtype: str

    @classmethod
    def of(cls, value: int | float) -> Number:
        if isinstance(value, float):
            return cls(value, "float64")
        return cls(value, "int64" if -(2**63) <= value < 2**64 else "object")

    def tolist(self) -> int | float:
        return self.value


def gather(arguments: dict[str, Any]) -> Arguments:
    """Sort named arguments into one library's arrays and loose numbers and lists.

    With no array at all the loose ones become numpy arrays, as numpy itself would have it; of
    those, Python's numbers follow numpy's and lists.
    """
    arrays: dict[str, Array] = {}
    loose: dict[str, Any] = {}
    for name, value in arguments.items():
        if type(value) is np.ndarray:  # a tenth of the cost of asking array-api-compat
            arrays[name] = value
        elif isinstance(value, bool | int | float | complex | list | tuple | np.generic):
            loose[name] = value
        else:
            require_dense_array(name, value)
            arrays[name] = value
    numbers = {name: value for name, value in loose.items() if type(value) in (int, float)}
    others = {name: from_loose(name, loose[name]) for name in loose if name not in numbers}
    if not (arrays or others):
        arrays, numbers = {name: from_loose(name, one) for name, one in numbers.items()}, {}
    loose = {name: Number.of(value) for name, value in numbers.items()}
    if arrays:
        loose |= others
    else:
        arrays = others
    if all(type(value) is np.ndarray for value in arrays.values()):
        return Arguments("numpy", _numpy_namespace(), None, arrays, loose)
    library, raw = _library(arrays)
    return Arguments(library, raw, _device(library, arrays), arrays, loose)


def placed(library: str, device: Any) -> dict[str, Any]:
    """Keywords of a function that makes an array, to have it beside the others."""
    return {} if library == "dask" else {"device": device}


def mask_of(found: Arguments) -> Array | None:
    """The argument ``where``, if there is one: a boolean array."""
    mask = found.arrays.get("where")
    if mask is None and "where" in found.loose:
        place = placed(found.library, found.device)
        mask = found.raw.asarray(found.loose["where"].tolist(), **place)
    if mask is not None and dtypes.name_of(mask.dtype) != "bool":
        raise TypeError(f"where must be boolean, not {dtypes.name_of(mask.dtype)}")
    return mask


def quiet(library: str) -> contextlib.AbstractContextManager[Any]:
    """Where numpy, and what is built on it, does not warn.

    Of infinities and nans, that is, which a later choice leaves out.
    """
    if library in {"numpy", "strict"}:
        return np.errstate(all="ignore")
    return contextlib.nullcontext()


def from_loose(name: str, value: Any) -> np.ndarray:
    """A number or a list of numbers as a numpy array."""
    if isinstance(value, list | tuple) and any(_array_inside(v) for v in value):
        raise TypeError(f"{name} is a {type(value).__name__} of arrays; stack them first")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array: {error}") from None
    if array.size == 0 and isinstance(value, list | tuple):
        array = array.astype(np.float64)
    return array


def _array_inside(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_array_inside(v) for v in value)
    return not isinstance(value, np.generic) and hasattr(value, "shape")


def is_dask(value: Any) -> bool:
    """Whether a value is an array of dask's."""
    return bool(compat.is_dask_array(value))


def on_host(array: Array) -> np.ndarray:
    """The numbers of an array of any library as numpy's."""
    if _torch_tensor(array):
        return array.detach().cpu().numpy()  # type: ignore[no-any-return]
    if compat.is_cupy_array(array):
        return array.get()  # type: ignore[no-any-return]
    return np.asarray(array)


def as_like(array: np.ndarray, like: Any) -> Array:
    """The same numbers as an array of another's library, beside it."""
    found = gather({"like": like})
    if found.library == "numpy":
        return array
    if found.library == "dask":
        raise TypeError("like must be an array with data, not of dask")
    wide = dtypes.has_float64(found.library, found.device)
    if array.dtype == np.float64 and not wide:
        raise TypeError(f"{found.library} has no float64 on this device or with these settings")
    place = placed(found.library, found.device)
    return found.raw.asarray(array, **place)


def _numpy_namespace() -> Any:
    import array_api_compat.numpy as raw

    return raw


def _torch_tensor(value: Any) -> bool:
    """Whether a value is a torch tensor, in words that torch's compiler can follow."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def require_dense_array(name: str, value: Any) -> None:
    """Raise for everything but a dense array of a supported library."""
    if _torch_tensor(value):
        if value.is_nested:
            raise TypeError(f"{name} is a nested tensor; pass .to_padded_tensor() and where=")
        if value.layout is not sys.modules["torch"].strided:
            raise TypeError(f"{name} is a sparse tensor; pass .to_dense()")
        return
    kind = type(value)
    origin = f"{kind.__module__}.{kind.__qualname__}"
    for module, remedy in _REMEDIES.items():
        if origin.startswith(module + "."):
            raise TypeError(f"{name} is a {origin}, which is not a dense array; {remedy}")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a numpy masked array, whose mask would be lost; "
            f"pass {name}.data and where=~{name}.mask"
        )
    if isinstance(value, np.ndarray) and not isinstance(value, np.memmap):
        raise TypeError(f"{name} is a {origin}; pass numpy.asarray({name})")
    if not compat.is_array_api_obj(value):
        raise TypeError(f"{name} must be an array, a number or a list of numbers, not {origin}")
    if is_dask(value) and _torch_tensor(value._meta):
        raise TypeError(
            f"{name} is a dask array of tensors; pass {name}.map_blocks(numpy.asarray)"
        )


def _library(arrays: dict[str, Array]) -> tuple[str, Any]:
    # `array_namespace` refuses mixtures without saying which argument is which: look first.
    seen = {name: _library_name(value) for name, value in arrays.items()}
    names = sorted(set(seen.values()))
    if len(names) > 1:
        which = ", ".join(f"{name} is {_article(lib)} array" for name, lib in seen.items())
        raise TypeError(f"arrays of different libraries: {which}; convert all to one of them")
    if names[0] == "torch":
        import array_api_compat.torch as raw

        return names[0], raw
    return names[0], compat.array_namespace(*arrays.values())


def _article(library: str) -> str:
    return f"an {library}" if library[0] in "aeiou" else f"a {library}"


def _library_name(value: Array) -> str:
    if isinstance(value, np.ndarray):
        return "numpy"
    if _torch_tensor(value):
        return "torch"
    if compat.is_jax_array(value):
        return "jax"
    if compat.is_cupy_array(value):
        return "cupy"
    if compat.is_dask_array(value):
        return "dask"
    root = type(value).__module__.partition(".")[0]
    return "strict" if root == "array_api_strict" else root


def _device(library: str, arrays: dict[str, Array]) -> Any:
    if library in {"jax", "dask"}:  # they place arrays, and complain, themselves
        return None
    devices = {name: value.device for name, value in arrays.items()}
    first = next(iter(devices.values()))
    if all(device == first for device in devices.values()):
        return first
    which = ", ".join(f"{name} is on {device}" for name, device in devices.items())
    raise ValueError(f"arrays on different devices: {which}; move all to one of them")
