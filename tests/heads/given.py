"""Heads to be tried, and the same in float64 with all logits at once, by the books."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from relentropy import heads


@dataclass(frozen=True)
class Given:
    """Two heads over one vocabulary."""

    hidden_p: Any
    weight_p: Any
    hidden_q: Any
    weight_q: Any
    bias_p: Any = None
    bias_q: Any = None

    @property
    def arrays(self):
        return tuple(one for one in vars(self).values() if one is not None)

    def mapped(self, fn):
        found = {name: None if x is None else fn(x) for name, x in vars(self).items()}
        return replace(self, **found)

    def call(self, fn, *arrays, **more):
        """A divergence, of other arrays if there are any."""
        names = [name for name, one in vars(self).items() if one is not None]
        given = dict(zip(names, arrays or self.arrays, strict=True))
        first = [given.pop(name) for name in ("hidden_p", "weight_p", "hidden_q", "weight_q")]
        return fn(*first, **given, **more)


def drawn(rows=23, words=600, sizes=(12, 7), seed=0, bias=True):
    """Teacher and student about as far apart as they are at the start of a distillation."""
    rng = np.random.default_rng(seed)
    hidden = [rng.standard_normal((rows, size)) for size in sizes]
    weights = [rng.standard_normal((words, size)) / size**0.5 * 2 for size in sizes]
    biases = [rng.standard_normal(words) if bias else None for _ in sizes]
    return Given(hidden[0], weights[0], hidden[1], weights[1], *biases)


def logits(hidden, weight, bias=None, temperature=1.0):
    """In float64."""
    hidden, weight = (np.asarray(one, dtype=np.float64) for one in (hidden, weight))
    found = hidden @ weight.T
    return (found if bias is None else found + np.asarray(bias, dtype=np.float64)) / temperature


def log_softmax(x):
    with np.errstate(invalid="ignore"):
        x = x - x.max(axis=-1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def kl(a, b):
    """Of log-probabilities."""
    with np.errstate(invalid="ignore"):
        terms = np.exp(a) * (a - b)
    return np.where(np.exp(a) == 0, 0.0, terms).sum(axis=-1)


def js(a, b, weight=0.5):
    """The mixture has the second distribution's weight."""
    with np.errstate(divide="ignore"):
        middle = np.log((1 - weight) * np.exp(a) + weight * np.exp(b))
    return (1 - weight) * kl(a, middle) + weight * kl(b, middle)


DIVERGENCES = {
    "kl": (heads.linear_kl_divergence, kl, {}),
    "js": (heads.linear_js_divergence, js, {}),
    "skewed js": (heads.linear_js_divergence, lambda a, b: js(a, b, 0.2), {"mixture": 0.2}),
}
# The whole vocabulary in a tile, a few tiles, as small as tiles get.
MEMORIES = (None, 60_000, 1)


def truth(by_book, given, temperature=1.0, words=None):
    a = logits(given.hidden_p, given.weight_p, given.bias_p, temperature)[:, :words]
    b = logits(given.hidden_q, given.weight_q, given.bias_q, temperature)[:, :words]
    return by_book(log_softmax(a), log_softmax(b))
