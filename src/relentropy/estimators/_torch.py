"""Imported where torch is in use, for its compiler to know what it cannot trace."""

from __future__ import annotations

import torch

from . import _constants

for _function in (_constants.normal_quantile, _constants.entropy, _constants.exponentials):
    torch.compiler.assume_constant_result(_function)
