"""A family as tests see it: a textbook definition, a density, and hard parameters.

Nothing is shared with the library. Definitions are what books print, evaluated in mpmath on
exact inputs with so many digits that their cancellation does not count.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from mpmath import mp

from relentropy import families

GAPS = (1e-1, 1e-2, 1e-4, 1e-6, 1e-9, 1e-12, 1e-14)


@dataclass(frozen=True, eq=False)
class Family:
    """One public function with one choice of its options."""

    function: str
    kinds: tuple[str, ...]
    """Of one distribution's parameters: location, scale, shape, log, rate, probability or
    logit."""
    definition: Callable[..., Any]
    """Of p's parameters, then q's, as mpf."""
    log_density: Callable[..., Any] | None = None
    """Of an outcome and the parameters, as mpf."""
    support: Callable[..., Any] | None = None
    """Of p's parameters: points between which p's density is integrated; for counts the range
    of outcomes that matter."""
    counts: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    draw: Callable[..., Any] | None = None
    """``draw(rng, gap)``, parameters of p and q, for families whose domain is no product."""
    moderate: tuple[tuple[float, ...], ...] = ()
    """Parameters of p and q for which the density is integrated."""
    inside: Callable[..., bool] | None = None
    """Whether a row is of the domain of such a family."""
    smooth: bool = True
    """Whether there is a derivative at equal parameters."""
    call: Callable[..., Any] | None = None
    """The public function of p's parameters and q's, where it takes more."""
    precision: int = 640

    @property
    def name(self) -> str:
        return "-".join([self.function, *map(str, self.options.values())])

    def __call__(self, *parameters: Any, **more: Any) -> Any:
        call = self.call or getattr(families, self.function)
        return call(*parameters, **self.options, **more)

    def truth(self, row: tuple[float, ...]) -> Any:
        """The divergence of one row of parameters, right to 40 digits."""
        half = len(row) // 2
        if all(a == b for a, b in zip(row[:half], row[half:], strict=True)):
            return mp.mpf(0)
        with mp.workprec(self.precision):
            return self.definition(*(mp.mpf(float(x)) for x in row))

    def slopes(self, row: tuple[float, ...]) -> tuple[list[Any], list[Any]]:
        """The derivatives by all parameters, and their condition numbers.

        A condition number is ``sum(|x*dg/dx|)/|g|`` over p's parameters and over their
        differences to q's: closeness as such is no excuse.
        """
        half = len(row) // 2
        with mp.workprec(self.precision):
            x = [mp.mpf(float(v)) for v in row]
            sizes = [_size(x[i % half], x[half + i % half]) for i in range(len(x))]
            h = mp.mpf(2) ** -(self.precision // 5)

            def at(*moves: tuple[int, Any]) -> Any:
                moved = list(x)
                for i, by in moves:
                    moved[i] = moved[i] + by * h * sizes[i]
                return self.definition(*moved)

            @cache
            def first(i: int, extra: tuple[tuple[int, int], ...]) -> Any:
                return (at((i, 1), *extra) - at((i, -1), *extra)) / (2 * h * sizes[i])

            # What is left of a derivative that is 0 is the step's second order.
            gradient = [first(i, ()) for i in range(len(x))]
            zero = mp.mpf(2) ** -180
            gradient = [
                g if abs(g * size) > zero else mp.mpf(0)
                for g, size in zip(gradient, sizes, strict=True)
            ]
            found = []
            for i, slope in enumerate(gradient):
                total = mp.mpf(0)
                for j in range(half):
                    k = half + j
                    together = first(i, ((j, 1), (k, 1))) - first(i, ((j, -1), (k, -1)))
                    alone = first(i, ((k, 1),)) - first(i, ((k, -1),))
                    total += abs(x[j] * together) / (2 * h * sizes[j])
                    total += abs((x[k] - x[j]) * alone) / (2 * h * sizes[k])
                found.append(max(mp.mpf(1), total / abs(slope)) if slope else mp.mpf(1))
        return gradient, found

    def rows(self, dtype: str, seed: int = 0, *, many: int = 12) -> np.ndarray:
        """Hard parameters, one row each, in a dtype: near, a step apart, orthogonal, far."""
        rng = np.random.default_rng([seed, len(self.name)])
        found = []
        for _ in range(many):
            if self.draw is not None:
                found += [self.draw(rng, gap) for gap in (*GAPS, 1.0, 10.0, 1e3)]
                continue
            p, q = self._drawn(rng)
            found.append((*p, *q))
            for gap in GAPS:
                signs = rng.uniform(-1, 1, len(p))
                near = _near(self.kinds, p, gap * signs)
                found.append((*p, *near))
                one = rng.integers(len(p))  # all but one equal
                found.append((*p, *(near[i] if i == one else p[i] for i in range(len(p)))))
        with np.errstate(over="ignore"):  # float16 has no room for them
            rows = np.array(found, dtype=np.float64).astype(dtype).astype(np.float64)
        if self.draw is None:
            rows = np.concatenate([rows, self._steps(rows[:: 2 * len(GAPS) + 1], dtype)])
        return rows

    def valid(self, rows: np.ndarray) -> np.ndarray:
        """Rows whose parameters are all inside, also where a narrow dtype has rounded them."""
        found = np.all(np.isfinite(rows), axis=1)
        for i, x in enumerate(rows.T):
            kind = self.kinds[i % len(self.kinds)]
            if kind in {"scale", "rate", "shape", "probability"}:
                found &= x > 0
            if kind == "probability":
                found &= x < 1
        if self.inside is not None:
            found &= np.array([self.inside(*row) for row in rows], dtype=bool)
        return found

    def _drawn(self, rng: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return tuple(tuple(_draw(kind, rng) for kind in self.kinds) for _ in range(2))

    def _steps(self, rows: np.ndarray, dtype: str) -> np.ndarray:
        """p, and p with each parameter moved by one step."""
        half = rows.shape[1] // 2
        p = rows[:, :half].astype(dtype)
        found = []
        for i in range(half):
            q = p.copy()
            q[:, i] = np.nextafter(q[:, i], np.asarray(np.inf, q.dtype))
            found.append(np.concatenate([p, q], axis=1).astype(np.float64))
        return np.concatenate(found)


def _size(one: Any, other: Any) -> Any:
    """A scale of a parameter to take steps of, far from leaving its domain."""
    sizes = [abs(v) for v in (one, other) if v]
    return min([*sizes, mp.mpf(1)])


def _draw(kind: str, rng: Any) -> float:
    if kind in {"location", "log", "logit"}:
        return float(rng.normal() * rng.choice([0.1, 3.0, 20.0]))
    if kind == "probability":
        p = 10 ** rng.uniform(-6, -0.31)
        return float(p if rng.random() < 0.7 else 1 - p)
    if kind == "shape":
        return float(10 ** rng.uniform(-3, 6))
    return float(10 ** rng.uniform(-3, 3))


def _near(kinds: tuple[str, ...], p: tuple[float, ...], gaps: Any) -> list[float]:
    found = []
    for kind, x, gap in zip(kinds, p, gaps, strict=True):
        by = x * (1 - x) if kind == "probability" else 1.0 if kind == "log" else x
        found.append(float(x + by * gap))
    return found
