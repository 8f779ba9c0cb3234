"""Compiles Triton's kernels for a GPU that need not be there, and counts roundings.

For every kernel a line: its name, additions and multiplications that PTX may not contract, and
those that it may.
"""

import re

from triton import compile as compiled
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from relentropy._engines.triton_kernels import kl_logits, surprise

OPTIONS = {
    "R": 1, "N": 1024, "MASKED": True, "WHOLE": False, "KEEP": True, "BASE": 1.0,
    "BASE_LOW": 0.0, "SHARE": 32, "GROUP": 8, "BY_A": True, "BY_B": True, "KIND": 2,
}  # fmt: skip
MODES = {0: "*bf16", 1: "*fp32", 2: "*fp64"}
KINDS = {"mask_ptr": "*i1", "states_ptr": "*fp64", "again_ptr": "*i32", "kept_ptr": "*fp64"}


def report(module, name, mode):
    kernel = getattr(module, name)
    signature, constants = {}, {}
    for parameter in kernel.params:
        given = parameter.name
        if parameter.is_constexpr:
            signature[given], constants[given] = "constexpr", (OPTIONS | {"MODE": mode})[given]
        elif given.endswith("_ptr"):
            signature[given] = KINDS.get(given, MODES[mode])
        else:
            signature[given] = "i32"
    ptx = compiled(
        ASTSource(kernel, signature=signature, constexprs=constants),
        target=GPUTarget("cuda", 90, 32),
        options={"enable_fp_fusion": False},
    ).asm["ptx"]
    rounded = re.findall(r"\b(?:add|sub|mul)\.rn\.f(?:32|64)", ptx)
    free = re.findall(r"\b(?:add|sub|mul)\.(?:ftz\.)?f(?:32|64)", ptx)
    print(name, len(rounded), len(free))


for name, mode in [
    ("tiles", 0), ("tiles", 1), ("tiles", 2), ("slopes", 1), ("merge_groups", 1),
    ("merge_rows", 1),
]:  # fmt: skip
    report(kl_logits, name, mode)
for name, mode in [("tiles", 1), ("slopes", 2), ("merge_rows", 1)]:
    report(surprise, name, mode)
