"""Relative entropy between multivariate normal distributions."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, Literal

from .. import _arguments
from .._arrays import dtypes, matrices
from .._arrays.axes import common_shape, require_mask
from .._arrays.operands import Array, Operand
from .._arrays.plain import Plain
from .._call import elementwise
from .._formulas.locations import NORMAL
from .._formulas.multivariate import Matrices, from_covariances, from_factors, from_low_rank
from .._records import closed_form

SCALES = ("cholesky", "covariance", "diagonal", "low_rank")
_FORMULAS: dict[str, Any] = {
    "cholesky": from_factors,
    "covariance": from_covariances,
    "low_rank": from_low_rank,
}


@closed_form(
    "Kullback (1959); a triangular factor of the relative difference of scales",
    float64=4.0,
    conditioned=True,
)
def kl_multivariate_normal(
    mean_p: Operand[Array],
    scale_p: Operand[Array],
    mean_q: Operand[Array] = 0.0,
    scale_q: Operand[Array] | None = None,
    *,
    scale: Literal["cholesky", "covariance", "diagonal", "low_rank"] = "cholesky",
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between multivariate normal distributions.

    .. math::
        D(p \| q) = \tfrac12 \left( \log \frac{\det \Sigma_q}{\det \Sigma_p}
        + \operatorname{tr} \Sigma_q^{-1} \Sigma_p - d
        + (\mu_p - \mu_q)^T \Sigma_q^{-1} (\mu_p - \mu_q) \right)

    Parameters
    ----------
    mean_p : array of shape (..., d)
        Means of p, or one number for all entries.
    scale_p : array of shape (..., d, d) or (..., d), or pair of arrays
        Scales of p: lower triangular factors L of the covariances L Lᵀ, covariances, or
        standard deviations of independent entries, as ``scale`` says. For "low_rank" a pair
        ``(factor, diagonal)`` of shapes (..., d, r) and (..., d), for the covariance
        ``factor @ factor.T + diag(diagonal)``.
    mean_q : array of shape (..., d), default 0
        Means of q, or one number for all entries.
    scale_q : array or pair of arrays, optional
        Scales of q, given like those of p; of a factor of low rank, r may be another. By
        default those of the standard normal distribution.
    scale : {"cholesky", "covariance", "diagonal", "low_rank"}, default "cholesky"
        What the scales are.
    where : array of bool, optional
        Distributions to include; broadcasts to the result's shape. What it excludes is replaced
        before any arithmetic, and is 0 with gradient 0.

    Returns
    -------
    array
        Divergences in nats, of the common shape without the last axis (or the last two of a
        matrix), of the parameters' library and device.

    See Also
    --------
    kl_normal : of one dimension.

    Notes
    -----
    Bounds are times a condition number: that of the scale as it is given, p's or q's, whichever
    is larger, and 1 for "diagonal". For "low_rank" it is the largest eigenvalue of
    ``I + Fᵀ F``, F being the factor over the diagonal's roots, times the largest entry of both
    diagonals over the smallest, for ranks below the dimension: close pairs have their digits,
    as they do from covariances and factors. Of a factor that is not of low rank the digits of
    the diagonal are lost beside it; such scales are covariances.

    Derivatives by a mean or by a matrix are bounded as wholes, relative to their largest entry,
    times the same number.

    Only the lower triangle of a factor is looked at; of covariances, each triangle counts half.

    nan where a covariance or a factor is not positive definite; deviations of 0 are points.
    A factor of low rank stands for many: two that
    differ by a rotation are not close.

    With n the larger of the ranks, low rank costs d*n**2 operations, the other matrices d**3.

    References
    ----------
    S. Kullback, "Information Theory and Statistics" (1959). M. A. Woodbury, "Inverting modified
    matrices" (1950).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.families import kl_multivariate_normal
    >>> factor = np.array([[1.0, 0.0], [0.5, 2.0]])
    >>> moved = factor + 1e-9 * np.eye(2)
    >>> print(f"{kl_multivariate_normal(0.0, moved, 0.0, factor):.6e}")
    1.281250e-18
    >>> kl_multivariate_normal(np.ones(3), np.ones(3), scale="diagonal")
    np.float64(1.5)
    """
    kind = _arguments.chosen("scale", scale, SCALES)
    if kind == "diagonal":
        return _diagonal(mean_p, scale_p, mean_q, scale_q, where, dtype)
    operands = {"mean_p": mean_p, **_scales("scale_p", scale_p, kind)}
    operands |= {"mean_q": mean_q}
    if scale_q is not None:
        operands |= _scales("scale_q", scale_q, kind)
    plain = Plain(operands, where)
    result = plain.name if dtype is None else dtypes.requested(dtype)
    arrays = _completed(plain, kind)
    batch = _batch(plain, arrays)
    if plain.library == "dask":
        return _lazily(plain, arrays, kind, result)
    wide = dtypes.has_float64(plain.library, plain.device)
    arrays = _ready(plain, arrays, batch, "float64" if wide else "float32")
    with plain.quiet():
        xp = Matrices(plain.library, plain.raw, elementwise)
        value = _FORMULAS[kind](*arrays.values(), xp=xp)
        value = plain.kept(plain.raw.broadcast_to(value, batch))
        value = plain.raw.astype(
            value, dtypes.dtype_object(plain.library, plain.raw, result), copy=False
        )
    return plain.like_the_library(value)


def _diagonal(
    mean_p: Any, scale_p: Any, mean_q: Any, scale_q: Any, where: Any, dtype: Any
) -> Any:
    """Entries that are independent add up."""
    operands = {"mean_p": mean_p, "scale_p": scale_p, "mean_q": mean_q}
    operands["scale_q"] = 1.0 if scale_q is None else scale_q
    plain = Plain(operands, where)
    shape = common_shape({name: tuple(one.shape) for name, one in plain.arrays.items()})
    if not shape:
        raise ValueError("scale_p must have an axis of entries; kl_normal is of single ones")
    wide = dtypes.has_float64(plain.library, plain.device)
    mask = None
    if plain.mask is not None:
        require_mask(tuple(plain.mask.shape), shape[:-1])
        mask = plain.mask[..., None]
    each = elementwise(
        NORMAL["std"], plain.arrays, where=mask, dtype="float64" if wide else "float32"
    )
    result = plain.name if dtype is None else dtypes.requested(dtype)
    value = plain.raw.sum(each, axis=-1)
    value = plain.raw.astype(value, dtypes.dtype_object(plain.library, plain.raw, result))
    return plain.like_the_library(value)


def _scales(name: str, scale: Any, kind: str) -> dict[str, Any]:
    if kind != "low_rank":
        if isinstance(scale, tuple) and any(hasattr(part, "shape") for part in scale):
            raise TypeError(
                f"{name} is a tuple of arrays; for a factor and a diagonal, pass "
                "scale='low_rank'"
            )
        return {name: scale}
    if not isinstance(scale, list | tuple) or len(scale) != 2:
        raise TypeError(f"{name} must be a pair (factor, diagonal) where scale is 'low_rank'")
    return {f"{name}[0]": scale[0], f"{name}[1]": scale[1]}


def _completed(plain: Plain, kind: str) -> dict[str, Any]:
    """The operands of a formula in their order, q's scale filled in, factors of one rank."""
    raw, arrays = plain.raw, dict(plain.arrays)
    if kind == "low_rank":
        factor, own = arrays["scale_p[0]"], arrays["scale_p[1]"]
        if "scale_q[0]" not in arrays:
            arrays["scale_q[0]"] = raw.zeros_like(factor)
            arrays["scale_q[1]"] = raw.ones_like(own)
        names = ("scale_p[0]", "scale_q[0]")
    else:
        matrix = arrays["scale_p"]
        names = ("scale_p", "scale_q")
        if "scale_q" not in arrays:
            _require_matrix("scale_p", matrix, square=True)
            arrays["scale_q"] = matrices.identity(matrix.shape[-1], like=matrix, raw=raw)
    for name in names:
        _require_matrix(name, arrays[name], square=kind != "low_rank")
    size = arrays[names[0]].shape[-2]
    for name, one in arrays.items():
        vector = name.startswith("mean") or name.endswith("[1]")
        if vector and one.ndim == 0:
            arrays[name] = raw.broadcast_to(one, (size,))
        elif (one.shape[-1] if vector else one.shape[-2]) != size:
            raise ValueError(
                f"{name} has shape {tuple(one.shape)}, which is not of {size} dimensions, as "
                f"{names[0]} of shape {tuple(arrays[names[0]].shape)} is"
            )
    if kind == "low_rank":
        rank = max(arrays[name].shape[-1] for name in names)
        for name in names:
            one = arrays[name]
            if missing := rank - one.shape[-1]:
                shape = (*one.shape[:-1], missing)
                more = raw.zeros(shape, dtype=one.dtype, **plain.place)
                arrays[name] = raw.concat([one, more], axis=-1)
    return {
        name: arrays[name]
        for name in (
            ("mean_p", "scale_p[0]", "scale_p[1]", "mean_q", "scale_q[0]", "scale_q[1]")
            if kind == "low_rank"
            else ("mean_p", "scale_p", "mean_q", "scale_q")
        )
    }


def _require_matrix(name: str, x: Any, *, square: bool) -> None:
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        wanted = "(..., d, d)" if square else "(..., d, r)"
        raise ValueError(f"{name} must have the shape {wanted}, not {tuple(x.shape)}")


def _core(name: str) -> int:
    """How many axes of an operand are of one distribution."""
    return 2 if name.startswith("scale") and not name.endswith("[1]") else 1


def _batch(plain: Plain, arrays: dict[str, Any]) -> tuple[int, ...]:
    """The result's shape."""
    shapes = {name: tuple(one.shape[: one.ndim - _core(name)]) for name, one in arrays.items()}
    batch = common_shape(shapes)
    if plain.mask is not None:
        require_mask(tuple(plain.mask.shape), batch)
    return batch


def _ready(
    plain: Plain, arrays: dict[str, Any], batch: tuple[int, ...], name: str
) -> dict[str, Any]:
    """In working precision, with what the mask excludes replaced; infinite means are nan."""
    raw = plain.raw
    wide = dtypes.dtype_object(plain.library, raw, name)
    found = {}
    for key, one in arrays.items():
        count = _core(key)
        one = raw.astype(one, wide, copy=False)
        if plain.mask is not None:
            shape = (*batch, *one.shape[one.ndim - count :])
            mask = raw.broadcast_to(plain.mask, batch)[(..., *(None,) * count)]
            neutral = raw.zeros_like(one)
            if key.endswith("[1]"):
                neutral = raw.ones_like(one)
            elif count == 2 and one.shape[-1] == one.shape[-2] and not key.endswith("[0]"):
                neutral = matrices.identity(one.shape[-1], like=one, raw=raw)
            one = raw.where(
                raw.broadcast_to(mask, shape), one, raw.broadcast_to(neutral, shape)
            )
        if key.startswith("mean"):
            one = raw.where(raw.isfinite(one), one, raw.full_like(one, float("nan")))
        found[key] = one
    return found


def _lazily(plain: Plain, arrays: dict[str, Any], kind: str, result: str) -> Any:
    """Of dask's arrays, block by block; a distribution is within one chunk."""
    da = sys.modules["dask.array"]
    signature = ",".join(
        ("(d,r)" if kind == "low_rank" else "(d,d)") if _core(name) == 2 else "(d)"
        for name in arrays
    )
    given = list(arrays.values())
    if plain.mask is not None:
        signature, given = signature + ",()", [*given, plain.mask]
    return da.apply_gufunc(
        partial(_block, kind, result),
        signature + "->()",
        *given,
        output_dtypes=dtypes.dtype_object("numpy", None, result),
        allow_rechunk=True,
    )


def _block(kind: Any, result: str, *blocks: Any) -> Any:
    count = 6 if kind == "low_rank" else 4
    mask = blocks[count] if len(blocks) > count else None
    half = count // 2
    p, q = blocks[:half], blocks[half:count]
    scale_p, scale_q = (one[1:] if kind == "low_rank" else one[1] for one in (p, q))
    return kl_multivariate_normal(
        p[0], scale_p, q[0], scale_q, scale=kind, where=mask, dtype=result
    )
