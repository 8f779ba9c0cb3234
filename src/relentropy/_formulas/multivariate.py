"""Relative entropy between multivariate normal distributions, by what their scale is given.

With ``inverse(Lq) Lp = I + E``, E lower triangular, and e its diagonal, the scales' part is
``sum(e**2/2 - log1pmx(e)) + sum(E_ij**2, i > j)/2``. No term is negative, and E comes from the
difference of the scales, so that nothing cancels where they are close. Functions take arrays of
one library and are differentiated by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._arrays import matrices
from .._arrays.array import Array, Library
from .._arrays.protocols import Elementwise
from .bregman import log_bregman, log_bregman_by_x, log_bregman_by_y
from .elementwise import LOG1PMX

LOG_BREGMAN = Elementwise(log_bregman, (log_bregman_by_y, log_bregman_by_x), (1.0, 1.0))


@dataclass(frozen=True)
class Matrices:
    """One library's operations, and elementwise functions with derivatives of their own."""

    library: str
    raw: Library
    elementwise: Callable[..., Array]

    def solve(self, lower: Array, right: Array) -> Array:
        return matrices.solve_lower(lower, right, library=self.library, raw=self.raw)

    def cholesky(self, matrix: Array) -> Array:
        return matrices.cholesky(matrix, library=self.library, raw=self.raw)

    def transposed(self, matrix: Array) -> Array:
        return self.raw.matrix_transpose(matrix)

    def norm2(self, x: Array, axes: int = 1) -> Array:
        """The sum of squares over the last axes."""
        return self.raw.sum(x * x, axis=tuple(range(-axes, 0)))

    def positive(self, x: Array) -> Array:
        """nan for what is not."""
        return self.raw.where(x > 0, x, self.raw.full_like(x, float("nan")))

    def log_bregman(self, y: Array, x: Array) -> Array:
        """The sum over the last axis of ``y/x - 1 - log(y/x)``, nan unless all are positive."""
        given = {"y": self.positive(y), "x": self.positive(x)}
        return self.raw.sum(self.elementwise(LOG_BREGMAN, given), axis=-1)

    def log1pmx(self, x: Array) -> Array:
        """The sum over the last axis of ``log(1 + x) - x``."""
        return self.raw.sum(self.elementwise(LOG1PMX, {"x": x}), axis=-1)

    def diagonal(self, matrix: Array) -> Array:
        return matrices.diagonal(matrix, raw=self.raw)

    def on_diagonal(self, x: Array) -> Array:
        one = matrices.identity(x.shape[-1], like=x, raw=self.raw)
        return one * x[..., None]

    def below(self, matrix: Array) -> Array:
        return matrices.strictly_lower(matrix, raw=self.raw)


def from_factors(m: Array, p: Array, n: Array, q: Array, /, *, xp: Matrices) -> Array:
    """Of Cholesky factors p and q."""
    return _of_factors(p, q, xp=xp) + 0.5 * _mahalanobis(m - n, q, xp=xp)


def from_covariances(m: Array, p: Array, n: Array, q: Array, /, *, xp: Matrices) -> Array:
    """Of covariances, which are symmetrised: half of the two triangles' sum."""
    p, q = (0.5 * (one + xp.transposed(one)) for one in (p, q))
    lower = xp.cholesky(q)
    scales = _of_covariances(p, p - q, lower, xp=xp)
    return scales + 0.5 * _mahalanobis(m - n, lower, xp=xp)


def from_low_rank(
    m: Array, w: Array, d: Array, n: Array, v: Array, c: Array, /, *, xp: Matrices
) -> Array:
    """Of covariances ``w w^T + diag(d)`` and ``v v^T + diag(c)``, by Woodbury's identity.

    In units of c's roots, with ``K = I + v^T v`` and its like of p, the divergence is that of
    the diagonals, that between normal distributions of covariances K, and a remainder, all of
    second order in the differences. The remainder is of either sign, which costs digits where
    K is large.
    """
    raw = xp.raw
    root = raw.sqrt(xp.positive(c))
    v, moved, z = v / root[..., None], (w - v) / root[..., None], (m - n) / root
    w, across = v + moved, xp.transposed(v)
    excess, shrunk = ((d - c) / c)[..., None], ((d - c) / d)[..., None]
    one = matrices.identity(v.shape[-1], like=v, raw=raw)
    gram = across @ v
    lower = xp.cholesky(one + gram)
    inverse = xp.solve(lower, one)
    x, own = across @ moved, xp.transposed(moved) @ moved
    change = x + xp.transposed(x) + own - xp.transposed(w) @ (shrunk * w)
    small = _of_covariances(one + gram + change, change, lower, xp=xp)
    mixed = across @ (shrunk * moved)
    second = mixed + xp.transposed(mixed) + xp.transposed(moved) @ (shrunk * moved)
    second = second - across @ (excess * shrunk * v) - x @ xp.transposed(x) + gram @ own
    remainder = raw.sum(
        inverse * (inverse @ second), axis=(-2, -1)
    )  # the trace with K's inverse
    # The least sum of squares, which an error of the fitted y changes in second order.
    fitted = inverse @ (across @ z[..., None])
    y = xp.transposed(inverse) @ fitted
    rest = z - (v @ y)[..., 0]
    distance = xp.norm2(rest) + xp.norm2(y[..., 0])
    value = 0.5 * (xp.log_bregman(d, c) + remainder + distance) + small
    return raw.where(value < 0, raw.zeros_like(value), value)


def _of_factors(p: Array, q: Array, *, xp: Matrices) -> Array:
    s, t = xp.diagonal(p), xp.diagonal(q)
    excess = (s - t) / t
    # The diagonal is known already; without it nothing is added that is larger than the rest.
    across = xp.below(xp.solve(xp.below(q) + xp.on_diagonal(t), xp.raw.tril(p - q)))
    return xp.log_bregman(s, t) + 0.5 * (xp.norm2(excess) + xp.norm2(across, 2))


def _of_covariances(p: Array, change: Array, lower: Array, *, xp: Matrices) -> Array:
    """Of p and q, given p - q and the factor of q.

    In q's units the change is S, and E the factor of I + S less I. Where S is not small,
    nothing cancels between the two factors.
    """
    raw = xp.raw
    half = xp.solve(lower, change)
    s = xp.solve(lower, xp.transposed(half))
    s = 0.5 * (s + xp.transposed(s))
    near = xp.norm2(s, 2) < 0.25
    chosen = near[..., None, None]
    excess = matrices.cholesky_excess(
        raw.where(chosen, s, raw.zeros_like(s)), library=xp.library, raw=raw
    )
    e = xp.diagonal(excess)
    close = 0.5 * (xp.norm2(e) + xp.norm2(xp.below(excess), 2)) - xp.log1pmx(e)
    one = raw.broadcast_to(matrices.identity(s.shape[-1], like=s, raw=raw), s.shape)
    apart = _of_factors(
        xp.cholesky(raw.where(chosen, one, p)), raw.where(chosen, one, lower), xp=xp
    )
    return raw.where(near, close, apart)


def _mahalanobis(d: Array, lower: Array, *, xp: Matrices) -> Array:
    return xp.norm2(xp.solve(lower, d[..., None])[..., 0])
