"""The measure of a generator: the one place that chooses the formulas of relative entropy."""

from __future__ import annotations

from .._arrays.protocols import Measure
from .f_divergence import FDivergence
from .generators import KL, Row, Scaled
from .kl_logits import KLFromLogits
from .kl_weights import GeneralisedKL, KLFromWeights


def kl_measure(from_logits: tuple[bool, bool], normalize: bool, base: float | None) -> Measure:
    """Return the measure of relative entropy for the kinds of both operands."""
    if any(from_logits):
        return KLFromLogits(from_logits, normalize, base)
    return KLFromWeights(base) if normalize else GeneralisedKL(base)


def measure_of(
    generator: Row | KL | Scaled,
    from_logits: tuple[bool, bool],
    normalize: bool,
    base: float | None = None,
    *,
    root: bool = False,
) -> Measure:
    """Return the measure of a generator's divergence, or of its root."""
    if isinstance(generator, KL):
        return kl_measure(from_logits, normalize, base)
    if isinstance(generator, Scaled):
        row, factor = generator.generator, generator.factor
        return FDivergence(row, from_logits, normalize, base, root, factor=factor)
    return FDivergence(generator, from_logits, normalize, base, root)
