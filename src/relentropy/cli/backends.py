"""What this installation can do: array libraries, their devices and precisions."""

import importlib
import platform
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any, NamedTuple

import numpy as np

import relentropy

Values = list[float]
Make = Callable[[Values, str], Any]

DTYPES = ("float16", "bfloat16", "float32", "float64")
_FAILURES = (Exception,)  # whatever a half-installed library raises is an answer


class Backend(NamedTuple):
    """An array library, tried."""

    name: str
    version: str | None
    devices: list[str]
    precisions: list[str]
    """Those in which `relentropy.kl_divergence` gives what it should."""
    derivatives: str
    missing: dict[str, str]
    """What cannot be used, and what to do about it."""


class Tool(NamedTuple):
    """A package that some part of the command needs."""

    name: str
    version: str | None
    what: str
    remedy: str


def _numpy() -> tuple[Make, list[str]]:
    def make(values: Values, dtype: str) -> Any:
        if dtype == "bfloat16":
            return np.asarray(values, importlib.import_module("ml_dtypes").bfloat16)
        return np.asarray(values, dtype)

    return make, ["cpu"]


def _torch() -> tuple[Make, list[str]]:
    torch = importlib.import_module("torch")
    devices = ["cpu"]
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices += [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(count)]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return lambda values, dtype: torch.tensor(values, dtype=getattr(torch, dtype)), devices


def _jax() -> tuple[Make, list[str]]:
    jax = importlib.import_module("jax")

    def make(values: Values, dtype: str) -> Any:
        if dtype == "float64" and not jax.config.jax_enable_x64:
            raise TypeError("jax.config.update('jax_enable_x64', True) turns it on")
        return jax.numpy.asarray(values, dtype)

    return make, [str(one) for one in jax.devices()]


def _dask() -> tuple[Make, list[str]]:
    array, make = importlib.import_module("dask.array"), _numpy()[0]
    return lambda values, dtype: array.from_array(make(values, dtype)), ["cpu"]


def _cupy() -> tuple[Make, list[str]]:
    cupy = importlib.import_module("cupy")
    count = cupy.cuda.runtime.getDeviceCount()
    names = [cupy.cuda.runtime.getDeviceProperties(i)["name"].decode() for i in range(count)]
    return cupy.asarray, [f"cuda:{i} {n}" for i, n in enumerate(names)]


def _strict() -> tuple[Make, list[str]]:
    strict = importlib.import_module("array_api_strict")

    def make(values: Values, dtype: str) -> Any:
        return strict.asarray(values, dtype=getattr(strict, dtype))

    return make, ["cpu"]


_P, _Q = [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]
_RIGHT = 0.25 * np.log(2)

_LIBRARIES: dict[str, tuple[Callable[[], tuple[Make, list[str]]], str, str]] = {
    "numpy": (_numpy, "", "numpy"),
    "torch": (_torch, "both orders", "relentropy[torch]"),
    "jax": (_jax, "both orders", "relentropy[jax]"),
    "dask": (_dask, "", "relentropy[dask]"),
    "cupy": (_cupy, "", "relentropy[cupy]"),
    "array_api_strict": (_strict, "", "array-api-strict"),
}
_DISTRIBUTIONS = {"cupy": ("cupy", "cupy-cuda12x", "cupy-cuda13x", "cupy-rocm-5-0")}
_TOOLS = {
    "ml_dtypes": ("bfloat16 for numpy, dask", "pip install ml-dtypes"),
    "pyarrow": ("compare --per-row FILE.parquet", "pip install 'relentropy[parquet]'"),
    "matplotlib": ("compare --plot", "pip install 'relentropy[plots]'"),
}


def backends() -> list[Backend]:
    """Try every array library that is known."""
    return [_tried(name) for name in _LIBRARIES]


def tools() -> list[Tool]:
    """The packages that parts of the library and of the command need."""
    return [Tool(name, _version(name), what, remedy) for name, (what, remedy) in _TOOLS.items()]


def facts() -> dict[str, str]:
    """What everything else runs on."""
    return {
        "relentropy": relentropy.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "engine": relentropy.show_config(mode="dicts")["engine"],
    }


def _tried(name: str) -> Backend:
    opened, derivatives, extra = _LIBRARIES[name]
    version = _version(name)
    nothing = Backend(name, version, [], [], "", {})
    try:
        make, devices = opened()
    except ModuleNotFoundError as error:
        if version is None:
            return nothing._replace(missing={"": f"pip install '{extra}'"})
        return nothing._replace(missing={"": f"cannot be imported: {error}"})
    except _FAILURES as error:
        return nothing._replace(missing={"": f"does not work here: {_one_line(error)}"})
    precisions, missing = [], {}
    for dtype in DTYPES:
        try:
            right = _is_right(make, dtype)
        except _FAILURES as error:
            missing[dtype] = _why(dtype, error)
        else:
            if right:
                precisions.append(dtype)
            else:
                missing[dtype] = "gives a wrong result; please report it"
    return Backend(name, version, devices, precisions, derivatives, missing)


def _is_right(make: Make, dtype: str) -> bool:
    value = float(relentropy.kl_divergence(make(_P, dtype), make(_Q, dtype)))
    return bool(abs(value - _RIGHT) <= 2e-2 * _RIGHT)


def _why(dtype: str, error: Exception) -> str:
    if isinstance(error, AttributeError):
        return "the library has no such type"
    if isinstance(error, ModuleNotFoundError):
        return f"pip install {str(error.name).replace('_', '-')}"
    if dtype == "bfloat16" and "bfloat16" in str(error):
        return "the library has no such type"
    return _one_line(error)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__


def _version(name: str) -> str | None:
    for one in _DISTRIBUTIONS.get(name, (name,)):
        try:
            return metadata.version(one)
        except metadata.PackageNotFoundError:
            continue
    return None


def gaps(found: list[Backend]) -> Iterator[tuple[str, str]]:
    """What is missing, and what would do."""
    for one in found:
        for what, remedy in one.missing.items():
            yield f"{one.name} {what}".strip(), remedy
    for tool in tools():
        if tool.version is None:
            yield tool.what, tool.remedy
