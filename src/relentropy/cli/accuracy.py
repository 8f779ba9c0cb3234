"""The accuracy of this library's functions on this machine, by its own audit."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import relentropy
from relentropy import families, special
from relentropy.testing import Report, audit

_MEASURES = (
    "kl_divergence", "js_divergence", "js_distance", "jeffreys_divergence",
    "hellinger_distance", "total_variation", "chi2_divergence", "cross_entropy", "entropy",
)  # fmt: skip
_OF_LOGITS = ("logsumexp", "softmax", "log_softmax")
_ELEMENTWISE = (
    "kl_div", "rel_entr", "entr", "xlogy", "xlog1py", "expm1mx", "log1pmx", "log1mexp",
    "log1pexp", "logaddexp",
)  # fmt: skip
_FAMILIES = (
    "kl_normal", "kl_laplace", "kl_gumbel", "kl_exponential", "kl_poisson", "kl_geometric",
    "kl_gamma", "kl_beta", "kl_weibull", "kl_von_mises",
)  # fmt: skip


class Entry(NamedTuple):
    """A function, and what an audit has to know of it."""

    name: str
    function: Callable[..., Any]
    kind: str
    inputs: str | None


def entries() -> Iterator[Entry]:
    """All functions that an audit knows, by the inputs that they take."""
    for kind in _MEASURES:
        function = getattr(relentropy, kind)
        yield Entry(kind, function, kind, "probs")
        yield Entry(f"{kind}, logits", partial(function, from_logits=True), kind, "logits")
    for kind in _OF_LOGITS:
        yield Entry(kind, partial(getattr(special, kind), axis=-1), kind, None)
    for kind in _ELEMENTWISE:
        yield Entry(kind, getattr(special, kind), kind, None)
    for kind in _FAMILIES:
        yield Entry(kind, getattr(families, kind), kind, None)


def measure(entry: Entry, backend: str) -> Report:
    """Audit one function with the arrays of one library."""
    return audit(
        entry.function, entry.kind, inputs=entry.inputs, backend=backend, name=entry.name
    )


def worst(report: Report, quantity: str, dtype: str) -> float | str | None:
    """The worst error in ulp; words for what is worse, None for what was not looked at."""
    if dtype not in report.dtypes or quantity not in report.tables:
        return None
    value = report.worst(quantity, dtype=dtype)
    if math.isnan(value):
        return None
    return "wrong" if math.isinf(value) else value
