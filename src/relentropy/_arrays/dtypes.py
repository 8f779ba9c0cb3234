"""Promotion, working precision and result precision.

========================  ===================  =====================================
input                     worked in            how
========================  ===================  =====================================
float16, bfloat16         float64              widened in blocks; rounded once
float32                   float64              widened in blocks; rounded once
float64                   float64              error-free transforms
any, to ``dtype=float64`` float64              error-free transforms
any, without float64      float32              error-free transforms
========================  ===================  =====================================

The third column is the namespace's ``exact`` flag: True where the working precision is no
wider than the result's, so that products and sums must carry their own rounding errors.
"""

from __future__ import annotations

import sys
from typing import Any

FLOATS = ("float16", "bfloat16", "float32", "float64")
# The distance from 1 to the next larger number.
EPS = dict(zip(FLOATS, (2.0**-10, 2.0**-7, 2.0**-23, 2.0**-52), strict=True))


def name_of(dtype: Any) -> str:
    """``"float32"`` for any library's float32."""
    return str(getattr(dtype, "name", None) or dtype).rpartition(".")[2]


def kind_of(argument: str, dtype: Any) -> str:
    """The name of a supported float dtype, or ``"integer"``; raises for the rest."""
    name = name_of(dtype)
    if name in FLOATS:
        return name
    if name.startswith(("int", "uint")):
        return "integer"
    if name == "bool":
        remedy = "convert it to a float or integer dtype"
    elif name.startswith("complex"):
        remedy = "divergences are of real numbers; pass .real if that is meant"
    elif name in {"float128", "longdouble", "float96"}:
        remedy = "convert it to float64"
    elif name == "object":
        remedy = "pass floats or integers of at most 64 bits"
    elif name.startswith("float"):
        remedy = "convert it to float16, bfloat16 or float32"
    else:
        remedy = "pass floats or integers"
    raise TypeError(f"{argument} has dtype {name}; {remedy}")


def promote(kinds: list[str], default: str) -> str:
    """Same-kind promotion; integers follow the floats beside them."""
    floats = {kind for kind in kinds if kind != "integer"}
    if not floats:
        return default
    if floats == {"float16", "bfloat16"}:
        return "float32"
    return max(floats, key=FLOATS.index)


def at_least_float32(name: str) -> str:
    """What estimates and losses of a dtype are: 16 bits become float32, as under autocast."""
    return "float64" if name == "float64" else "float32"


def has_float64(library: str, device: Any) -> bool:
    """Whether arrays of this library on this device can be float64."""
    if library == "jax":
        return bool(sys.modules["jax"].config.jax_enable_x64)
    if library == "torch":
        return getattr(device, "type", "") != "mps"
    if library == "strict":
        return not any(lack in str(device) for lack in ("no_float64", "no_x64"))
    return True


def default_float(library: str, raw: Any, device: Any) -> str:
    """The float dtype that integers and lists become where nothing else decides."""
    if library == "torch":
        return name_of(raw.get_default_dtype())
    if library in {"numpy", "cupy", "dask"}:
        return "float64"
    if library == "strict" and "device2" in str(device):
        return "float32"
    return "float64" if has_float64(library, device) else "float32"


def dtype_object(library: str, raw: Any, name: str) -> Any:
    """The library's own dtype of that name."""
    if library in {"numpy", "dask", "cupy"}:
        if name == "bfloat16":
            return _ml_dtypes().bfloat16
        import numpy as np

        return np.dtype(name)
    try:
        return getattr(raw, name)
    except AttributeError:
        raise TypeError(f"dtype: {library} has no {name}") from None


def _ml_dtypes() -> Any:
    try:
        import ml_dtypes
    except ImportError:
        raise TypeError(
            "dtype: numpy has bfloat16 only through the ml_dtypes package"
        ) from None
    return ml_dtypes


def requested(dtype: Any) -> str:
    """The name of a float dtype given as an argument: a name or any library's dtype."""
    name = getattr(dtype, "__name__", None) if isinstance(dtype, type) else None
    name = name or name_of(dtype)
    if name == "float":
        name = "float64"
    if name not in FLOATS:
        raise TypeError(f"dtype must be one of {', '.join(FLOATS)}, not {dtype!r}")
    return name
