"""What else one would call: the same functions as other libraries have them.

Speed and accuracy are compared with these. A rival is written the way its users write it, with
the library's own functions where it has them, and it is measured only on inputs that its
documentation lets one pass.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# --- callables, in the array type of their library -----------------------------------------


def numpy_kl_div(x, y):
    with np.errstate(all="ignore"):
        return x * np.log(x / y) - x + y


def numpy_kl_weights(p, q, axis=-1):
    with np.errstate(all="ignore"):
        p = p / np.sum(p, axis=axis, keepdims=True)
        q = q / np.sum(q, axis=axis, keepdims=True)
        return np.sum(p * np.log(p / q), axis=axis)


def scipy_kl_weights(p, q, axis=-1):
    from scipy import stats

    with np.errstate(all="ignore"):
        return stats.entropy(p, q, axis=axis)


def torch_kl_div(x, y):
    import torch

    return torch.xlogy(x, x / y) - x + y


def torch_kl_weights(p, q, axis=-1):
    import torch

    p = p / p.sum(axis, keepdim=True)
    q = q / q.sum(axis, keepdim=True)
    return torch.nn.functional.kl_div(q.log(), p, reduction="none").sum(axis)


def torch_kl_logits(p, q, axis=-1):
    import torch

    functional = torch.nn.functional
    log_p, log_q = functional.log_softmax(p, axis), functional.log_softmax(q, axis)
    return functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(axis)


def jax_kl_weights(p, q, axis=-1):
    from jax.scipy import special

    p = p / p.sum(axis, keepdims=True)
    q = q / q.sum(axis, keepdims=True)
    return special.rel_entr(p, q).sum(axis)


def jax_kl_logits(p, q, axis=-1):
    import jax

    log_p, log_q = jax.nn.log_softmax(p, axis), jax.nn.log_softmax(q, axis)
    return (jax.numpy.exp(log_p) * (log_p - log_q)).sum(axis)


# --- the same by name, for the tables of hard cases ----------------------------------------


@dataclass(frozen=True)
class Rival:
    """One function of a rival library, and which cases of ours it takes."""

    library: str
    label: str
    call: Callable[..., Any]
    """Of arrays of its library and the case's options."""
    takes: Callable[[dict[str, Any], int], bool]
    """Of the case's options and its number of operands."""


def _plain(label, operands):
    """A function of arrays alone."""
    return Rival(
        _library(label),
        label,
        lambda *arrays, **_: _named(label)(*arrays),
        lambda options, count: not options and count == operands,
    )


def _along(label, keyword):
    """A function of one array and an axis."""
    return Rival(
        _library(label),
        label,
        lambda a, **_: _named(label)(a, **{keyword: -1}),
        lambda options, count: not options and count == 1,
    )


def _weighted(label):
    """logsumexp, where it takes weights."""

    def call(a, b=None, return_sign=False):
        result = _named(label)(a, axis=-1, b=b, return_sign=return_sign)
        return result[0] if return_sign else result

    return Rival(_library(label), label, call, lambda *_: True)


def _divergence(label, function, from_logits):
    """A divergence of normalised rows."""
    return Rival(
        _library(label),
        label,
        lambda p, q, **_: function(p, q),
        lambda options, _: options == {"from_logits": from_logits, "normalize": True},
    )


def _library(label):
    return label.replace(".", " ").partition(" ")[0]


def _named(label):
    module, _, name = label.rpartition(".")
    return getattr(importlib.import_module(module), name)


def installed(library):
    return importlib.util.find_spec(library) is not None


RIVALS = {
    "kl_div": (_plain("scipy.special.kl_div", 2), _plain("jax.scipy.special.kl_div", 2)),
    "rel_entr": (_plain("scipy.special.rel_entr", 2), _plain("jax.scipy.special.rel_entr", 2)),
    "entr": (
        _plain("scipy.special.entr", 1),
        _plain("torch.special.entr", 1),
        _plain("jax.scipy.special.entr", 1),
    ),
    "xlogy": (
        _plain("scipy.special.xlogy", 2),
        _plain("torch.special.xlogy", 2),
        _plain("jax.scipy.special.xlogy", 2),
    ),
    "xlog1py": (
        _plain("scipy.special.xlog1py", 2),
        _plain("torch.special.xlog1py", 2),
        _plain("jax.scipy.special.xlog1py", 2),
    ),
    "logsumexp": (
        _weighted("scipy.special.logsumexp"),
        _along("torch.special.logsumexp", "dim"),
        _weighted("jax.scipy.special.logsumexp"),
    ),
    "softmax": (
        _along("scipy.special.softmax", "axis"),
        _along("torch.special.softmax", "dim"),
        _along("jax.nn.softmax", "axis"),
    ),
    "log_softmax": (
        _along("scipy.special.log_softmax", "axis"),
        _along("torch.special.log_softmax", "dim"),
        _along("jax.nn.log_softmax", "axis"),
    ),
    "kl_divergence": (
        _divergence("scipy.stats.entropy", scipy_kl_weights, from_logits=False),
        _divergence("torch kl_div of logarithms", torch_kl_weights, from_logits=False),
        _divergence("jax rel_entr summed", jax_kl_weights, from_logits=False),
        _divergence("torch log_softmax ×2, kl_div", torch_kl_logits, from_logits=True),
        _divergence("jax log_softmax ×2", jax_kl_logits, from_logits=True),
    ),
}
"""For each public function, what the peers have in its place."""
