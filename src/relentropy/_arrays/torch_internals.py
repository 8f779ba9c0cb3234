"""Private interfaces of torch that this library depends on, in one place.

torch has no public way to ask which transforms, modes or levels of forward-mode derivatives
are active. Each function here uses torch only where it is imported already.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def torch() -> Any:
    """Return the torch module, which whoever has a tensor has imported."""
    return sys.modules["torch"]


def is_compiling() -> bool:
    """Return whether torch's compiler traces."""
    return bool(torch().compiler.is_compiling())


def are_plain(tensors: tuple[Any, ...]) -> bool:
    """Return whether torch does nothing with these tensors but compute."""
    torch_ = torch()
    if torch_.compiler.is_compiling():
        return False
    recorded, transforms = torch_.is_grad_enabled(), torch_._C._functorch
    if torch_._C._len_torch_dispatch_stack():  # a mode traces, counts or fakes operations
        return False
    for tensor in tensors:
        if (
            type(tensor) not in (torch_.Tensor, torch_.nn.Parameter)
            or tensor.device.type not in _DEVICES
            or transforms.is_functorch_wrapped_tensor(tensor)
            or transforms.is_legacy_batchedtensor(tensor)
            or (recorded and tensor.requires_grad)
        ):
            return False
    return True


_DEVICES = {"cpu", "cuda", "mps", "xpu"}


def lie_on_host(tensors: tuple[Any, ...]) -> bool:
    """Return whether strides say where in the host's memory the tensors' entries are."""
    for tensor in tensors:
        if (
            tensor.layout is not torch().strided
            or tensor.is_nested
            or tensor.device.type != "cpu"
            or tensor.is_neg()  # a view whose entries are to be negated
        ):
            return False
    return True


def has_dispatch_modes() -> bool:
    """Return whether a mode traces, counts or fakes operations."""
    return bool(torch()._C._len_torch_dispatch_stack())


def is_transformed(tensor: Any) -> bool:
    """Return whether a transform of ``torch.func`` wraps a tensor."""
    return bool(torch()._C._functorch.is_functorch_wrapped_tensor(tensor))


def is_batched(tensor: Any) -> bool:
    """Return whether several gradients are computed at once, by ``vmap`` or by autograd."""
    return bool(torch()._C._functorch.is_batchedtensor(tensor)) or is_legacy_batched(tensor)


def is_legacy_batched(tensor: Any) -> bool:
    """Return whether autograd computes several gradients at once (``is_grads_batched``)."""
    return bool(torch()._C._functorch.is_legacy_batchedtensor(tensor))


def forward_mode_is_active() -> bool:
    """Return whether a level of forward-mode derivatives is entered."""
    return bool(torch().autograd.forward_ad._current_level >= 0)


def transform_keys() -> list[Any]:
    """Return the kinds of the transforms of ``torch.func`` that are active, outermost first."""
    functorch = importlib.import_module("torch._functorch.pyfunctorch")
    return [level.key() for level in functorch.retrieve_all_functorch_interpreters()]


def is_forward_transform(key: Any) -> bool:
    """Return whether a transform's kind is that of ``torch.func.jvp``."""
    return bool(key == torch()._C._functorch.TransformType.Jvp)
