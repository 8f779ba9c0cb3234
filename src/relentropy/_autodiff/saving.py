"""What autograd functions save, tensors of torch's inference mode among them.

Those cannot be saved for a backward pass. A teacher's results are often such tensors, and as
nobody can change them while derivatives are recorded, they are kept as they are.
"""

from __future__ import annotations

from typing import Any

import torch

Tensor = Any


def save(ctx: Any, tensors: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
    """Save them for the backward pass; returned as they were saved."""
    ctx.apart = {}
    if not torch.compiler.is_compiling():  # which knows no inference mode
        ctx.apart = {i: one for i, one in enumerate(tensors) if one.is_inference()}
    found = tuple(None if i in ctx.apart else one for i, one in enumerate(tensors))
    ctx.save_for_backward(*found)
    return found


def saved(ctx: Any) -> tuple[Tensor, ...]:
    """What `save` was given, unpacked once: checkpoints recompute it at every mention."""
    return tuple(ctx.apart.get(i, one) for i, one in enumerate(ctx.saved_tensors))
