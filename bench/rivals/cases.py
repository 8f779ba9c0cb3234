"""Rivals for the tables of hard cases, and which of the cases each of them takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .lookup import library_of, named
from .plain import (
    jax_kl_logits,
    jax_kl_weights,
    scipy_kl_weights,
    torch_kl_logits,
    torch_kl_weights,
)


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
        library_of(label),
        label,
        lambda *arrays, **_: named(label)(*arrays),
        lambda options, count: not options and count == operands,
    )


def _along(label, keyword):
    """A function of one array and an axis."""
    return Rival(
        library_of(label),
        label,
        lambda a, **_: named(label)(a, **{keyword: -1}),
        lambda options, count: not options and count == 1,
    )


def _weighted(label):
    """logsumexp, where it takes weights."""

    def call(a, b=None, return_sign=False):
        result = named(label)(a, axis=-1, b=b, return_sign=return_sign)
        return result[0] if return_sign else result

    return Rival(library_of(label), label, call, lambda *_: True)


def _divergence(label, function, from_logits):
    """A divergence of normalised rows."""
    return Rival(
        library_of(label),
        label,
        lambda p, q, **_: function(p, q),
        lambda options, _: options == {"from_logits": from_logits, "normalize": True},
    )


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
