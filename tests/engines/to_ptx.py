"""Compiles Triton's kernels for a GPU that need not be there, and counts roundings.

Every kernel is launched as the engine launches it, on a driver that compiles and does nothing
else. For each a line: what it was launched for, its name, additions and multiplications that
PTX may not contract, and those that it may.

    python -m tests.engines.to_ptx [--full]
"""

import re
import sys

import torch
from triton import runtime
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction

from relentropy._engines import triton as engine
from relentropy._engines.triton_kernels import frame
from relentropy._engines.triton_kernels.measures import MEASURES

# Small tiles, as long programs take long; a row that is one of them, and one of many.
TILE = 256
WHOLE, PARTS = TILE // 4, 10 * TILE
QUICK = [
    ("kl_logits", "float32", PARTS, 90), ("kl_weights", "bfloat16", WHOLE, 80),
    ("token_entropy", "float64", WHOLE, 90),
]  # fmt: skip
KERNELS = (
    "tiles", "tiles_again", "merge_groups", "merge_rows", "slopes", "slopes_again",
)  # fmt: skip


class Driver:
    """As much of a driver as a compilation asks for."""

    def __init__(self, capability: int) -> None:
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_target(self):
        return self.target

    def get_current_device(self):
        return self.target.arch

    def get_current_stream(self, device):
        return 0


def launched(name, dtype, n, capability):
    """What the engine compiles for a measure's values and derivatives."""
    found = []

    def compiled(self, *args, grid, warmup, **options):
        kernel = real(self, *args, grid=grid, warmup=True, **options)
        found.append((self.fn.__name__, kernel.asm["ptx"], len(kernel.asm["cubin"])))

    measure = MEASURES[name]
    kind = getattr(torch, dtype)
    operands = tuple(torch.empty((4, n), dtype=kind) for _ in range(1 + measure.pair))
    mask = torch.empty((4, n), dtype=torch.bool)
    given = torch.empty((4, 1), dtype=torch.int64) if measure.tokens else None
    values, numbers = measure.values, measure.passes[-1].numbers
    spec = (name, "hellinger" in name, 0.7, (4, n), (1,))
    need = [True] * len(operands)
    real, JITFunction.run = JITFunction.run, compiled
    try:
        runtime.driver.set_active(Driver(capability))
        engine.run_rows(
            operands, given, mask, *spec, kind, 1.0, 0.0, values, values + numbers
        )  # fmt: skip
        seeds = tuple(torch.empty(4, dtype=kind) for _ in range(values))
        kept = torch.empty((values + numbers, 4), dtype=torch.float64)
        engine.run_slopes(operands, given, mask, kept, seeds, *spec, 1.0, need)
    finally:
        JITFunction.run = real
    return found


def main(arguments):
    cases = QUICK
    if "--full" in arguments:
        cases = [(name, "float32", WHOLE, 80) for name in MEASURES]
        cases += [
            (name, dtype, PARTS, capability)
            for name in MEASURES
            for dtype, capability in (("bfloat16", 80), ("float32", 90), ("float64", 80))
        ]
    engine.Sizes.tile = TILE
    reached = set()
    for case in cases:
        for kernel, ptx, size in launched(*case):
            assert size > 0
            rounded = re.findall(r"\b(?:add|sub|mul)\.rn\.f(?:32|64)", ptx)
            free = re.findall(r"\b(?:add|sub|mul)\.(?:ftz\.)?f(?:32|64)", ptx)
            print("-".join(map(str, case)), kernel, len(rounded), len(free), flush=True)
            reached.add(kernel)
    assert reached == set(KERNELS), reached
    assert all(hasattr(frame, name) for name in KERNELS)


if __name__ == "__main__":
    main(sys.argv[1:])
