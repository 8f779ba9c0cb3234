"""One function with a custom derivative that serves every job.

It is compiled whole also in eager calls: a formula is hundreds of small operations, each of
which would otherwise be compiled and dispatched on its own. Reverse mode is jax's transpose of
the forward derivative, second derivatives are its derivatives of the job's formulas.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
from jax.custom_derivatives import SymbolicZero

from .jobs import Arrays, Job


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _value(job: Job, *arrays: Any) -> Arrays:
    return job.value(arrays)


def _derivative(job: Job, arrays: Arrays, tangents: Arrays) -> tuple[Arrays, Arrays]:
    moving = tuple(None if isinstance(t, SymbolicZero) else t for t in tangents)
    moving = moving[: job.operands]
    for tangent, constant in zip(moving, job.constants, strict=True):
        if constant and tangent is not None:
            raise TypeError("there is no derivative by alpha; use jax.lax.stop_gradient(alpha)")
    if all(tangent is None for tangent in moving):
        outputs = job.value(arrays)
        return outputs, tuple(jax.numpy.zeros_like(output) for output in outputs)
    found = job.jvp(arrays, moving)
    values, tangents = found[: job.outputs], found[job.outputs :]
    return values, (*tangents, *(jax.numpy.zeros_like(one) for one in values[job.varying :]))


_value.defjvp(_derivative, symbolic_zeros=True)
_compiled = jax.jit(_value, static_argnums=0)


def evaluate(job: Job, arrays: Arrays) -> Arrays:
    """The job's outputs."""
    outputs: Arrays = _compiled(job, *arrays)
    return outputs
