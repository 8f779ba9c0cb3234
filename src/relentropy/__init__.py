"""Relative entropy and its relatives, with every digit, for any array library."""

from typing import TYPE_CHECKING, Any

from . import special
from ._engines.config import get_num_threads, set_num_threads, show_config
from .binary import binary_cross_entropy, binary_entropy, binary_kl_divergence
from .divergences import kl_contributions, kl_divergence, relative_entropy
from .entropies import cross_entropy, entropy, surprisal
from .f_divergences import (
    Generator,
    chi2_divergence,
    f_divergence,
    hellinger_distance,
    jeffreys_divergence,
    total_variation,
    triangular_discrimination,
)
from .information import (
    conditional_entropy,
    conditional_mutual_information,
    joint_entropy,
    mutual_information,
    normalized_mutual_information,
    pointwise_mutual_information,
    total_correlation,
    variation_of_information,
)
from .mixtures import (
    generalized_js_divergence,
    js_distance,
    js_divergence,
    skew_kl_divergence,
)
from .orders import (
    Chernoff,
    alpha_divergence,
    bhattacharyya_coefficient,
    bhattacharyya_distance,
    chernoff_information,
    renyi_divergence,
    renyi_entropy,
    tsallis_divergence,
    tsallis_entropy,
)

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from . import estimators, families, heads, objectives, streaming, testing

_LATER = {"estimators", "families", "heads", "objectives", "streaming", "testing"}

__all__ = [
    "Chernoff",
    "Generator",
    "alpha_divergence",
    "bhattacharyya_coefficient",
    "bhattacharyya_distance",
    "binary_cross_entropy",
    "binary_entropy",
    "binary_kl_divergence",
    "chernoff_information",
    "chi2_divergence",
    "conditional_entropy",
    "conditional_mutual_information",
    "cross_entropy",
    "entropy",
    "estimators",
    "f_divergence",
    "families",
    "generalized_js_divergence",
    "get_num_threads",
    "heads",
    "hellinger_distance",
    "jeffreys_divergence",
    "joint_entropy",
    "js_distance",
    "js_divergence",
    "kl_contributions",
    "kl_divergence",
    "mutual_information",
    "normalized_mutual_information",
    "objectives",
    "pointwise_mutual_information",
    "relative_entropy",
    "renyi_divergence",
    "renyi_entropy",
    "set_num_threads",
    "show_config",
    "skew_kl_divergence",
    "special",
    "streaming",
    "surprisal",
    "testing",
    "total_correlation",
    "total_variation",
    "triangular_discrimination",
    "tsallis_divergence",
    "tsallis_entropy",
    "variation_of_information",
]


if not TYPE_CHECKING:  # checkers would take any name for a module's

    def __getattr__(name: str) -> Any:
        """What not every program needs is imported when it is asked for."""
        if name in _LATER:
            import importlib

            return importlib.import_module(f"relentropy.{name}")
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
