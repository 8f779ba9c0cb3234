"""What can be audited: how a function of each kind is called, and what is true of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["point", "row", "map", "sample", "loss"]


@dataclass(frozen=True)
class Kind:
    """A kind of function.

    Attributes
    ----------
    name : str
    form : str
        "point" is elementwise; "row" takes rows to numbers and "map" rows to rows; "sample"
        is of log-probabilities of samples, one by one; "loss" makes of them one number.
    operands : tuple of str
    inputs : tuple of str
        What the operands may be; the first is the default.
    sign : int
        1 where no result is negative.
    """

    name: str
    form: Form
    operands: tuple[str, ...]
    inputs: tuple[str, ...] = ("values",)
    sign: int = 0


_MEASURES = ("probs", "weights", "logits", "log_probs")
_LOGITS = ("logits",)
_PAIR = ("p", "q")
_SAMPLES = ("log_probs",)
_PAIR_OF_SAMPLES = ("log_probs", "ref_log_probs")

# Closed forms, of the parameters of one distribution and then of the other.
FAMILIES = {
    "kl_normal": ("mean", "std"),
    "kl_laplace": ("location", "scale"),
    "kl_gumbel": ("location", "scale"),
    "kl_exponential": ("rate",),
    "kl_poisson": ("rate",),
    "kl_geometric": ("probability",),
    "kl_gamma": ("shape", "rate"),
    "kl_beta": ("alpha", "beta"),
    "kl_weibull": ("shape", "scale"),
    "kl_von_mises": ("direction", "concentration"),
}

KINDS = {
    kind.name: kind
    for kind in (
        *(
            Kind(name, "row", _PAIR, _MEASURES, 1)
            for name in (
                "kl_divergence", "js_divergence", "js_distance", "jeffreys_divergence",
                "hellinger_distance", "total_variation", "chi2_divergence", "cross_entropy",
            )
        ),
        Kind("entropy", "row", ("p",), _MEASURES, 1),
        Kind("logsumexp", "row", ("a",), _LOGITS),
        Kind("softmax", "map", ("x",), _LOGITS, 1),
        Kind("log_softmax", "map", ("x",), _LOGITS),
        Kind("binary_kl_divergence", "point", _PAIR, ("probs", "logits"), 1),
        Kind("binary_entropy", "point", ("p",), ("probs", "logits"), 1),
        *(
            Kind(
                name, "point", tuple(f"{one}_{of}" for of in "pq" for one in parameters),
                ("parameters",), 1,
            )
            for name, parameters in FAMILIES.items()
        ),
        Kind("kl_div", "point", ("x", "y"), sign=1),
        Kind("rel_entr", "point", ("x", "y")),
        Kind("entr", "point", ("x",)),
        Kind("xlogy", "point", ("x", "y")),
        Kind("xlog1py", "point", ("x", "y")),
        Kind("expm1mx", "point", ("x",), sign=1),
        Kind("log1pmx", "point", ("x",)),
        Kind("log1mexp", "point", ("x",)),
        Kind("log1pexp", "point", ("x",), sign=1),
        Kind("logaddexp", "point", ("x", "y")),
        *(Kind(name, "point", _PAIR_OF_SAMPLES, _SAMPLES, 1) for name in ("k2", "k3", "abs")),
        Kind("k1", "point", _PAIR_OF_SAMPLES, _SAMPLES),
        Kind("kl_estimator", "sample", _PAIR_OF_SAMPLES, _SAMPLES),
        Kind("kl_penalty", "loss", ("log_probs", "ref_log_probs", "mask"), _SAMPLES),
        Kind(
            "policy_loss", "loss",
            ("log_probs", "old_log_probs", "ref_log_probs", "advantages", "mask"), _SAMPLES,
        ),
    )
}  # fmt: skip
