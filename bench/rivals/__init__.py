"""What else one would call: the same functions as other libraries have them.

Speed and accuracy are compared with these, and the audit is shown on them. A rival is written
the way its users write it, with the library's own functions where it has them. `KINDS` is all
of them, by the kind of function. `trl`, `verl`, `openrlhf` and `liger` are what these projects
document of their losses, written down anew.
"""

from . import liger, openrlhf, trl, verl
from .kinds import KINDS, Formula
from .lookup import installed
from .plain import (
    jax_kl_logits,
    jax_kl_weights,
    numpy_kl_div,
    numpy_kl_weights,
    scipy_kl_weights,
    torch_js_logits,
    torch_kl_div,
    torch_kl_logits,
    torch_kl_weights,
)

__all__ = [
    "KINDS",
    "Formula",
    "installed",
    "jax_kl_logits",
    "jax_kl_weights",
    "liger",
    "numpy_kl_div",
    "numpy_kl_weights",
    "openrlhf",
    "scipy_kl_weights",
    "torch_js_logits",
    "torch_kl_div",
    "torch_kl_logits",
    "torch_kl_weights",
    "trl",
    "verl",
]
