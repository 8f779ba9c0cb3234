"""From a job to Triton's kernels: tiles, strides, and tensors for the results.

They serve plain torch tensors on a GPU, of the four floating dtypes and in any layout, and what
torch's compiler traces, where a call is an operator of its own. Whatever else there is goes to
the formulas: None says so. No kernel is imported before the first tensor asks for one.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

from .._arrays.axes import Layout
from .._arrays.dtypes import name_of
from .._arrays.plan import WHOLE, choose
from .._formulas.cross_entropy import CrossEntropy
from .._formulas.kl_logits import KLFromLogits
from .._formulas.logsumexp import LogSumExp
from . import config
from .twins import base_of

Array = Any
Arrays = tuple[Array, ...]

_FLOATS = {"float16", "bfloat16", "float32", "float64"}
_SHORT = {"float16", "bfloat16"}
_COARSE, _FINE, _WIDE = 0, 1, 2
# Asked here, as torch's compiler could not ask.
_INSTALLED = find_spec("triton") is not None


class Twin(NamedTuple):
    """The kernels of one measure."""

    kernel: str
    """Which module of `triton_kernels` has them."""
    numbers: int
    """How many numbers of a row its derivatives need, beside the value."""
    kind: int | None = None
    """Which of a module's measures it is."""

    @property
    def named(self) -> tuple[str, int]:
        return self.kernel, -1 if self.kind is None else self.kind


class Sizes:
    """How rows are cut: constants, so that results depend on nothing but a row's length."""

    tile = 4096
    """Entries that a program has in its registers; of float64 half as many."""
    short = 32
    """Rows of at most so many entries are worked in float64, but for those of 16 bits."""
    group = 8
    """Parts of a row that one step merges."""
    share = 32
    """Tiles of which one program asks whether they are to be done again."""


def _kl_logits(measure: KLFromLogits) -> Twin | None:
    return Twin("kl_logits", 8) if all(measure.from_logits) and measure.normalize else None


def _cross_entropy(measure: CrossEntropy) -> Twin | None:
    return Twin("surprise", 5, 1 if measure.same else 2) if all(measure.from_logits) else None


def _logsumexp(measure: LogSumExp) -> Twin:
    return Twin("surprise", 2, 0)


_TWINS: dict[type, Callable[[Any], Twin | None]] = {
    KLFromLogits: _kl_logits,
    CrossEntropy: _cross_entropy,
    LogSumExp: _logsumexp,
}


def rows(
    job: Any, measure: Any, arrays: Arrays, mask: Array | None, *, keep: bool
) -> Arrays | None:
    """A measure's outputs, and with ``keep`` what its derivatives need; see `RowJob.value`."""
    twin = _twin_of(measure)
    if twin is None or not _readable(job, arrays, mask):
        return None
    layout = job.layout
    numbers = 1 + twin.numbers if keep else 0
    spec = (*twin.named, layout.shape, layout.axes, job.dtype, *base_of(measure), numbers)
    if sys.modules["torch"].compiler.is_compiling():
        out, kept = sys.modules["torch"].ops.relentropy.rows(list(arrays), mask, *spec)
    else:
        out, kept = run_rows(arrays, mask, *spec)
    return (out, *kept.unbind(0)) if keep else (out,)


def slopes(
    job: Any, measure: Any, arrays: Arrays, mask: Array | None,
    kept: Arrays, seeds: Arrays, need: tuple[bool, ...],
) -> Arrays | None:  # fmt: skip
    """The operands' gradients; see `RowJob.pull`."""
    twin = _twin_of(measure)
    if twin is None or not _readable(job, arrays, mask, (*seeds, *kept)):
        return None
    torch, layout = sys.modules["torch"], job.layout
    spec = (*twin.named, layout.shape, layout.axes, base_of(measure)[0], list(need))
    if torch.compiler.is_compiling():
        together = torch.stack(kept)
        found = torch.ops.relentropy.slopes(list(arrays), mask, together, list(seeds), *spec)
        return tuple(found)
    return run_slopes(arrays, mask, _together(kept), seeds, *spec)


def _twin_of(measure: Any) -> Twin | None:
    make = _TWINS.get(type(measure))
    return None if make is None else make(measure)


def _readable(job: Any, arrays: Arrays, mask: Array | None, more: Arrays = ()) -> bool:
    """Whether kernels can read, and have something to do."""
    if job.xp.library != "torch" or 0 in job.layout.shape:
        return False
    every = (*arrays, *more) if mask is None else (*arrays, *more, mask)
    if not served(every[0].device.type) or any(one.device != every[0].device for one in every):
        return False
    # Numbers that are to be negated: an operator resolves such views.
    eager = not sys.modules["torch"].compiler.is_compiling()
    if eager and (choose("torch", every) is WHOLE or any(one.is_neg() for one in every)):
        return False
    if any(name_of(one.dtype) not in _FLOATS for one in (*arrays, *more)):
        return False
    if name_of(job.xp.dtype) != "float64":
        return False
    # Kernels number tiles and entries by 32 bits.
    layout: Layout = job.layout
    return max(math.prod(layout.reduced), math.prod(layout.batch)) < 2**31


def served(device: str) -> bool:
    """Whether Triton serves tensors of this kind of device."""
    if interpreted():
        return device == "cpu"
    return device in {"cuda", "xpu"} and config.devices_served() and _INSTALLED


def interpreted() -> bool:
    """Whether a test has its interpreter compute on the host."""
    return config.interpreted()


# --- from tensors to launches ----------------------------------------------------------------


class _Rows(NamedTuple):
    """Strides of tensors as kernels take them, in elements: every row alike."""

    tensors: Arrays
    strides: tuple[tuple[int, int, int], ...]
    """From one outer row to the next, from one inner row to the next, between entries."""
    inner: int
    """How many inner rows an outer one has."""


def _opened(
    tensors: Arrays, shape: tuple[int, ...], axes: tuple[int, ...], *, copy: bool
) -> _Rows | None:
    """Tensors that broadcast to a shape, as rows along at most two axes.

    None where they do not lie so, unless there may be copies.
    """
    batch = tuple(i for i in range(len(shape)) if i not in axes)
    views = [one.expand(shape).permute(*batch, *axes) for one in tensors]
    strides = [one.stride() for one in views]
    sizes = views[0].shape
    outer = _joined(sizes[: len(batch)], [one[: len(batch)] for one in strides])
    along = _joined(sizes[len(batch) :], [one[len(batch) :] for one in strides])
    if len(outer) <= 2 and len(along) <= 1:
        outer = [(1, [0] * len(views))] * (2 - len(outer)) + outer
        entry = along[0][1] if along else [0] * len(views)
        steps = zip(outer[0][1], outer[1][1], entry, strict=True)
        return _Rows(tensors, tuple(steps), outer[1][0])
    if not copy:
        return None
    flat = (math.prod(sizes[: len(batch)]), math.prod(sizes[len(batch) :]))
    copies = tuple(one.reshape(flat).contiguous() for one in views)
    return _Rows(copies, ((0, flat[1], 1),) * len(copies), flat[0])


def _joined(sizes: Any, strides: list[Any]) -> list[tuple[int, list[int]]]:
    """Axes, with their strides in every tensor, as few as say the same."""
    found: list[tuple[int, list[int]]] = []
    for i, size in enumerate(sizes):
        if size == 1:
            continue
        steps = [one[i] for one in strides]
        if found and all(a == b * size for a, b in zip(found[-1][1], steps, strict=True)):
            found[-1] = (found[-1][0] * size, steps)
        else:
            found.append((size, steps))
    return found


class _Cut(NamedTuple):
    """How rows are cut into tiles."""

    mode: int
    R: int
    N: int
    parts: int
    tiles: int

    @property
    def warps(self) -> int:
        return min(8, max(1, self.R * self.N // 1024))


def _cut(rows: int, n: int, mode: int, *, across: bool) -> _Cut:
    """``across``: neighbours in memory are entries of different rows."""
    tile = Sizes.tile // 2 if mode == _WIDE else Sizes.tile
    if across and rows >= 32:
        N = min(_power(n), max(tile // 32, 16))
    else:
        N = min(_power(n), tile)
    R = max(1, min(tile // N, _power(rows)))
    parts = -(-n // N)
    return _Cut(mode, R, N, parts, parts * -(-rows // R))


def _power(n: int) -> int:
    """The next power of two."""
    return 1 << max(0, (n - 1).bit_length())


def _mode(dtypes: list[Any], n: int) -> int:
    names = {name_of(one) for one in dtypes}
    if names <= _SHORT:
        return _COARSE
    # In short rows no errors of weights average out.
    return _WIDE if "float64" in names or n <= Sizes.short else _FINE


def _kernels(name: str) -> Any:
    return importlib.import_module(f"{__package__}.triton_kernels.{name}")


def _on(tensor: Array) -> Any:
    """Kernels are launched on the current device."""
    torch = sys.modules["torch"]
    if tensor.device.type == "cpu":
        return contextlib.nullcontext()
    return getattr(torch, tensor.device.type).device(tensor.device)


def _kind(kind: int) -> dict[str, int]:
    return {} if kind < 0 else {"KIND": kind}


_EXACTLY = {"enable_fp_fusion": False}


def run_rows(
    arrays: Arrays, mask: Array | None, kernel: str, kind: int, shape: tuple[int, ...],
    axes: tuple[int, ...], dtype: Any, base: float, base_low: float, numbers: int,
) -> tuple[Array, Array]:  # fmt: skip
    """A measure's value, and a row for the value and for each number that is kept."""
    torch, module = sys.modules["torch"], _kernels(kernel)
    batch = tuple(n for i, n in enumerate(shape) if i not in axes)
    count, n = math.prod(batch), math.prod(shape[i] for i in axes)
    opened = _opened(
        (*arrays, *(() if mask is None else (mask,))), shape, axes, copy=True
    )  # fmt: skip
    assert opened is not None
    place = {"device": arrays[0].device}
    out = torch.empty(batch, dtype=dtype, **place)
    kept = torch.empty((numbers, *batch), dtype=torch.float64, **place)
    cut = _cut(
        count, n, _mode([*(one.dtype for one in arrays), dtype], n),
        across=opened.strides[0][1] == 1 != opened.strides[0][2],
    )  # fmt: skip
    whole = cut.parts == 1
    states = out
    if not whole:
        size = module.FIELDS.value * cut.parts * count
        states = torch.empty(size, dtype=torch.float64, **place)
    again = out
    if cut.mode != _WIDE:
        again = torch.empty(cut.tiles, dtype=torch.int32, **place)
    tensors, strides = _padded(opened, len(arrays))
    given = (*tensors, states, again, out, kept, n, count, opened.inner, *strides)
    options = {
        "R": cut.R, "N": cut.N, "MASKED": mask is not None, "WHOLE": whole, "KEEP": numbers > 0,
        "BASE": base, "BASE_LOW": base_low,
        **_kind(kind), **_EXACTLY,
    }  # fmt: skip
    with _on(out):
        module.tiles[(cut.tiles,)](*given, MODE=cut.mode, num_warps=cut.warps, **options)
        if cut.mode != _WIDE:
            module.tiles_again[(-(-cut.tiles // Sizes.share),)](
                *given, cut.tiles, SHARE=Sizes.share, num_warps=8, **options
            )
        if not whole:
            _merge(
                module, states, out, kept, cut.parts, count, BASE=base, BASE_LOW=base_low,
                KEEP=numbers > 0, **_kind(kind),
            )  # fmt: skip
    return out, kept


def _merge(
    module: Any, states: Array, out: Array, kept: Array, parts: int, count: int,
    **options: Any,
) -> None:  # fmt: skip
    """The parts of every row, in a tree of two levels."""
    R, group = min(32, _power(count)), 1
    blocks = -(-count // R)
    if parts > Sizes.group:
        group = Sizes.group
        module.merge_groups[(blocks, -(-parts // group))](
            states, parts, count, R=R, GROUP=group, num_warps=1, **_EXACTLY
        )
    module.merge_rows[(blocks,)](
        states, out, kept, parts, count, R=R, GROUP=group, num_warps=1, **options, **_EXACTLY
    )


def _padded(opened: _Rows, operands: int) -> tuple[Arrays, tuple[int, ...]]:
    """Two operands and a mask, and all their strides; what there is not is not read."""
    tensors, strides = opened.tensors, opened.strides
    if operands == 1:
        tensors, strides = (tensors[0], *tensors), (strides[0], *strides)
        operands = 2
    if len(tensors) == operands:
        tensors, strides = (*tensors, tensors[0]), (*strides, (0, 0, 0))
    return tensors, tuple(step for one in strides for step in one)


def _together(kept: Arrays) -> Array:
    """Numbers as the one tensor that they are parts of."""
    size = kept[0].numel() * kept[0].element_size()
    first = kept[0].data_ptr()
    if all(
        one.is_contiguous() and one.data_ptr() == first + i * size for i, one in enumerate(kept)
    ):
        return kept[0].as_strided(
            (len(kept), kept[0].numel()), (kept[0].numel(), 1), kept[0].storage_offset()
        )
    return sys.modules["torch"].stack(kept)


def run_slopes(
    arrays: Arrays, mask: Array | None, kept: Array, seeds: Arrays, kernel: str, kind: int,
    shape: tuple[int, ...], axes: tuple[int, ...], base: float, need: list[bool],
) -> Arrays:  # fmt: skip
    """The gradients of the operands that need one."""
    torch, module = sys.modules["torch"], _kernels(kernel)
    count = math.prod(n for i, n in enumerate(shape) if i not in axes)
    n = math.prod(shape[i] for i in axes)
    masks = () if mask is None else (mask,)
    results = tuple(
        torch.empty(shape, dtype=one.dtype, device=one.device)
        for one, needed in zip(arrays, need, strict=True)
        if needed
    )
    opened = _opened((*arrays, *masks, results[0]), shape, axes, copy=False)
    if opened is None:  # results too are rows that follow each other, and turned afterwards
        return _turned(arrays, mask, kept, seeds, kernel, kind, shape, axes, base, need)
    given = _Rows(opened.tensors[:-1], opened.strides[:-1], opened.inner)
    last = opened.strides[-1]
    # A row's number has its seed in C order.
    seeds = tuple(one.contiguous() for one in seeds)
    tensors, strides = _padded(given, len(arrays))
    cut = _cut(
        count, n, _mode([one.dtype for one in arrays], n),
        across=given.strides[0][1] == 1 != given.strides[0][2],
    )  # fmt: skip
    left = iter(results)
    targets = tuple(next(left) if needed else results[0] for needed in need)
    targets = targets if len(targets) == 2 else (*targets, targets[0])
    again = results[0]
    if cut.mode != _WIDE:
        again = torch.empty(cut.tiles, dtype=torch.int32, device=arrays[0].device)
    passed = (
        *tensors, *seeds, kept, *targets, again, n, count, opened.inner, *strides, *last,
    )  # fmt: skip
    options = {
        "R": cut.R, "N": cut.N, "MASKED": mask is not None, "BASE": base,
        "BY_A": need[0], "BY_B": need[-1], **_kind(kind), **_EXACTLY,
    }  # fmt: skip
    with _on(again):
        module.slopes[(cut.tiles,)](*passed, MODE=cut.mode, num_warps=cut.warps, **options)
        if cut.mode != _WIDE:
            module.slopes_again[(-(-cut.tiles // Sizes.share),)](
                *passed, cut.tiles, SHARE=Sizes.share, num_warps=8, **options
            )
    return results


def _turned(
    arrays: Arrays, mask: Array | None, kept: Array, seeds: Arrays, kernel: str, kind: int,
    shape: tuple[int, ...], axes: tuple[int, ...], base: float, need: list[bool],
) -> Arrays:  # fmt: skip
    """The same of copies whose rows follow each other."""
    batch = tuple(i for i in range(len(shape)) if i not in axes)
    order = (*batch, *axes)
    count = math.prod(shape[i] for i in batch)
    flat = (count, math.prod(shape[i] for i in axes))
    rows_of = tuple(
        one.expand(shape).permute(order).reshape(flat)
        for one in (*arrays, *(() if mask is None else (mask,)))
    )
    found = run_slopes(
        rows_of[: len(arrays)], None if mask is None else rows_of[-1], kept,
        tuple(one.reshape(-1) for one in seeds), kernel, kind, flat, (1,), base, need,
    )  # fmt: skip
    back = tuple(order.index(i) for i in range(len(shape)))
    whole = tuple(shape[i] for i in order)
    return tuple(one.reshape(whole).permute(back).contiguous() for one in found)
