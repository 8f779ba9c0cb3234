"""From a job to Triton's kernels: tiles, strides, and tensors for the results.

They serve plain torch tensors on a GPU, of the four floating dtypes and in any layout, and what
torch's compiler traces, where a call is an operator of its own. Whatever else there is goes to
the formulas: None says so. No kernel is imported before the first tensor asks for one.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import re
import struct
from importlib.util import find_spec
from typing import Any, NamedTuple

from .._arrays.axes import Layout
from .._arrays.dtypes import name_of
from .._arrays.plan import WHOLE, choose
from .._arrays.torch_internals import is_compiling, torch
from . import config, manifest

Array = Any
Arrays = tuple[Array, ...]

_FLOATS = {"float16", "bfloat16", "float32", "float64"}
_SHORT = {"float16", "bfloat16"}
_WHOLE_NUMBERS = {"int8", "int16", "int32", "int64", "uint8"}
_COARSE, _FINE, _WIDE = 0, 1, 2


def _installed() -> bool:
    """Whether there is a Triton whose language has tuples and functions as arguments.

    Its own first lines are read: packages' metadata, or its import, would cost every import of
    this library more than all the rest.
    """
    found = find_spec("triton")
    if found is None or found.origin is None:
        return False
    from pathlib import Path

    with contextlib.suppress(OSError), Path(found.origin).open(encoding="utf-8") as source:
        version = re.search(r"__version__ = ['\"](\d+)\.(\d+)", source.read(1 << 12))
        return version is not None and tuple(map(int, version.groups())) >= (3, 4)
    return False


# Asked here, as torch's compiler could not ask.
_INSTALLED = _installed()


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


def reduce(job: Any, measure: Any, arrays: Arrays, mask: Any, *, keep: bool) -> Arrays | None:
    """Return a measure's outputs and, with ``keep``, its residuals; see `RowJob.value`."""
    kernel = _kernel_for(job, measure)
    if kernel is None or not _supports(job, kernel, arrays, mask):
        return None
    layout = job.layout
    numbers = kernel.values + len(kernel.residuals) if keep else 0
    arrays, place = _apart(kernel, arrays)
    call = (
        kernel.name, *_options(measure), layout.shape, layout.axes, job.dtype,
        *manifest.unit_of(measure), kernel.values, numbers,
    )  # fmt: skip
    if is_compiling():
        out, residuals = torch().ops.relentropy.rows(list(arrays), place, mask, *call)
    else:
        out, residuals = run_rows(arrays, place, mask, *call)
    return (*out, *residuals.unbind(0)) if keep else tuple(out)


def reduce_vjp(
    job: Any, measure: Any, arrays: Arrays, mask: Any, residuals: Arrays, cotangents: Arrays,
    need: tuple[bool, ...],
) -> Arrays | None:  # fmt: skip
    """Return the operands' gradients; see `RowJob.vjp`."""
    kernel = _kernel_for(job, measure)
    if kernel is None or not _supports(job, kernel, arrays, mask, (*cotangents, *residuals)):
        return None
    layout = job.layout
    arrays, place = _apart(kernel, arrays)
    call = (
        kernel.name, *_options(measure), layout.shape, layout.axes,
        manifest.unit_of(measure)[0], list(need[: kernel.operands]),
    )  # fmt: skip
    if is_compiling():
        together = torch().stack(residuals)
        slopes = torch().ops.relentropy.slopes
        return tuple(slopes(list(arrays), place, mask, together, list(cotangents), *call))
    return run_slopes(arrays, place, mask, _together(residuals), cotangents, *call)


def _kernel_for(job: Any, measure: Any) -> manifest.Triton | None:
    return manifest.triton_of(measure) if job.xp.library == "torch" else None


def _options(measure: Any) -> tuple[bool, float]:
    """Return whether the result is a root, and the temperature of the logits."""
    return getattr(measure, "root", False), getattr(measure, "temperature", 1.0)


def _apart(kernel: manifest.Triton, arrays: Arrays) -> tuple[Arrays, Any]:
    """Return the operands with entries, and the position that is looked for in each row."""
    count = kernel.operands
    return arrays[:count], arrays[count] if kernel.tokens else None


def _supports(
    job: Any, kernel: manifest.Triton, arrays: Arrays, mask: Any, more: Arrays = ()
) -> bool:
    """Return whether kernels can read these tensors, and have something to compute."""
    if 0 in job.layout.shape:
        return False
    operands, place = _apart(kernel, arrays)
    floats, others = (*operands, *more), [x for x in (place, mask) if x is not None]
    every = (*floats, *others)
    if not served(every[0].device.type) or any(x.device != every[0].device for x in every):
        return False
    # Entries that are to be negated: an operator resolves such views.
    eager = not is_compiling()
    if eager and (choose("torch", every) is WHOLE or any(x.is_neg() for x in every)):
        return False
    if any(name_of(x.dtype) not in _FLOATS for x in floats):
        return False
    if place is not None and name_of(place.dtype) not in _WHOLE_NUMBERS:
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
    warps: int


def _cut(rows: int, n: int, mode: int, *, across: bool, twice: bool) -> _Cut:
    """How many rows and entries a tile has.

    ``across``: neighbours in memory are entries of different rows. ``twice``: rows are read
    twice, by programs that need so many registers that fewer entries leave them enough.
    """
    tile, share = Sizes.tile, 512
    if twice:
        tile, share = tile // 2, share // 2
    if mode == _WIDE:
        tile, share = tile // 2, share // 2
    if across and rows >= 32:
        N = min(_power(n), max(tile // 32, 16))
    else:
        N = min(_power(n), tile)
    R = max(1, min(tile // N, _power(rows)))
    parts = -(-n // N)
    warps = min(8, max(1, R * N // share))
    return _Cut(mode, R, N, parts, parts * -(-rows // R), warps)


def _power(n: int) -> int:
    """The next power of two."""
    return 1 << max(0, (n - 1).bit_length())


def _mode(dtypes: list[Any], n: int) -> int:
    names = {name_of(one) for one in dtypes}
    if names <= _SHORT:
        return _COARSE
    # In short rows no errors of weights average out.
    return _WIDE if "float64" in names or n <= Sizes.short else _FINE


def _measure(name: str) -> Any:
    return importlib.import_module(f"{__package__}.triton_kernels.measures").MEASURES[name]


def _frame() -> Any:
    return importlib.import_module(f"{__package__}.triton_kernels.frame")


def _on(tensor: Array) -> Any:
    """Kernels are launched on the current device."""
    if tensor.device.type == "cpu":
        return contextlib.nullcontext()
    return getattr(torch(), tensor.device.type).device(tensor.device)


def _given(
    given: Array | None, layout: Layout, temperature: float, other: Array
) -> tuple[Any, ...]:
    """The place that is looked for in every row, and the temperature as numbers of float32.

    Where there is none, something that is not read.
    """
    if given is None:
        return (other,)
    places = given.expand(layout.shape)
    for axis in sorted(layout.axes, reverse=True):
        places = places.select(axis, 0)
    words = []
    for _ in range(3):
        words.append(struct.unpack("f", struct.pack("f", temperature))[0])
        temperature -= words[-1]
    return (places.to(torch().int64).contiguous(), *words)


_EXACTLY = {"enable_fp_fusion": False}


def run_rows(
    arrays: Arrays, given: Array | None, mask: Array | None, kernel: str, root: bool,
    temperature: float, shape: tuple[int, ...], axes: tuple[int, ...], dtype: Any, base: float,
    base_low: float, values: int, numbers: int,
) -> tuple[Arrays, Array]:  # fmt: skip
    """A measure's values, and a row for each of them and for each number that is kept."""
    measure, layout = _measure(kernel), Layout(shape, axes)
    count, n = math.prod(layout.batch), math.prod(layout.reduced)
    masks = () if mask is None else (mask,)
    opened = _opened((*arrays, *masks), shape, axes, copy=True)
    assert opened is not None
    place = {"device": arrays[0].device}
    out = tuple(torch().empty(layout.batch, dtype=dtype, **place) for _ in range(values))
    kept = torch().empty((numbers, *layout.batch), dtype=torch().float64, **place)
    cut = _cut(
        count, n, _mode([*(one.dtype for one in arrays), dtype], n),
        across=opened.strides[0][1] == 1 != opened.strides[0][2],
        twice=len(measure.passes) > 1,
    )  # fmt: skip
    call = _Call(
        cut, n, count, opened, mask is not None, _given(given, layout, temperature, kept),
        {
            "KIND": measure.kind, "PAIR": measure.pair, "FILL": measure.fill,
            "TOKENS": measure.tokens, **_EXACTLY,
        },
    )  # fmt: skip
    ends = {
        "EMPTY": measure.empty, "ROOT": root, "BASE": base, "BASE_LOW": base_low,
    }  # fmt: skip
    keep, first = numbers > 0, measure.passes[0]
    with _on(kept):
        if cut.parts == 1:
            last = measure.passes[-1]
            then = last if last is not first else None
            call.reads(
                first, kept, out, kept, then=then, KNOWN=0, VALUES=values, KEEP=keep,
                NUMBERS=last.numbers, WHOLE=True, **ends,
            )  # fmt: skip
            return out, kept
        known, knows = kept, 0
        for one in measure.passes:
            final = one is measure.passes[-1]
            target = kept if final else torch().empty(
                (one.numbers, count), dtype=torch().float64, **place
            )  # fmt: skip
            call.reads(
                one, known, out, target, KNOWN=knows, VALUES=values if final else 0,
                KEEP=keep or not final, NUMBERS=one.numbers, WHOLE=False, **ends,
            )  # fmt: skip
            known, knows = target, one.numbers
    return out, kept


class _Call(NamedTuple):
    """What all kernels of a call are given."""

    cut: _Cut
    n: int
    rows: int
    opened: _Rows
    masked: bool
    given: tuple[Any, ...]
    options: dict[str, Any]

    def reads(
        self, one: Any, known: Array, out: Arrays, kept: Array, *, then: Any = None,
        **options: Any,
    ) -> None:  # fmt: skip
        """One pass over the rows, and what it ends in."""
        frame, cut = _frame(), self.cut
        place = {"device": kept.device}
        tensors, mask, strides = _padded(self.opened, self.options["PAIR"], self.masked)
        states = kept
        if not options["WHOLE"]:
            size = (one.fields + 1) * cut.parts * self.rows
            states = torch().empty(size, dtype=torch().float64, **place)
        again = kept
        if cut.mode != _WIDE:
            again = torch().empty(cut.tiles, dtype=torch().int32, **place)
        passed = (
            tensors, mask, strides, self.given, known, states, again, out, kept, self.n,
            self.rows, self.opened.inner,
        )  # fmt: skip
        common = {
            "STEP": one.step, "FINISH": one.finish, "FIELDS": one.fields,
            "THEN": None if then is None else then.step,
            "END": None if then is None else then.finish,
            "MASKED": self.masked, "R": cut.R, "N": cut.N, **self.options, **options,
        }  # fmt: skip
        frame.tiles[(cut.tiles,)](*passed, MODE=cut.mode, num_warps=cut.warps, **common)
        if cut.mode != _WIDE:
            frame.tiles_again[(-(-cut.tiles // Sizes.share),)](
                *passed, cut.tiles, SHARE=Sizes.share, num_warps=8, **common
            )
        if not options["WHOLE"]:
            self._merge(one, states, known, out, kept, **options)

    def _merge(
        self, one: Any, states: Array, known: Array, out: Arrays, kept: Array, **options: Any
    ) -> None:
        """The parts of every row, in a tree of two levels."""
        frame, parts, count = _frame(), self.cut.parts, self.rows
        R, group = min(32, _power(count)), 1
        blocks = -(-count // R)
        common = {
            "MERGE": one.merge, "FIELDS": one.fields, "TOKENS": self.options["TOKENS"], "R": R,
            "num_warps": 1, **_EXACTLY,
        }  # fmt: skip
        if parts > Sizes.group:
            group = Sizes.group
            frame.merge_groups[(blocks, -(-parts // group))](
                self.given, states, parts, count, GROUP=group, **common
            )
        options.pop("WHOLE")
        frame.merge_rows[(blocks,)](
            self.given, known, states, out, kept, parts, count, FINISH=one.finish,
            KIND=self.options["KIND"], GROUP=group, **common, **options,
        )  # fmt: skip


def _padded(opened: _Rows, pair: bool, masked: bool) -> tuple[Arrays, Array, Any]:
    """Two operands, a mask, and all their strides; what there is not is not read."""
    tensors, strides = opened.tensors, opened.strides
    operands = 2 if pair else 1
    mask = tensors[operands] if masked else tensors[0]
    own = strides[operands] if masked else (0, 0, 0)
    return (
        (tensors[0], tensors[operands - 1]),
        mask,
        (strides[0], strides[operands - 1], own),
    )


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
    return torch().stack(kept)


def run_slopes(
    arrays: Arrays, given: Array | None, mask: Array | None, kept: Array, seeds: Arrays,
    kernel: str, root: bool, temperature: float, shape: tuple[int, ...], axes: tuple[int, ...],
    base: float, need: list[bool],
) -> Arrays:  # fmt: skip
    """The gradients of the operands that need one."""
    measure, layout = _measure(kernel), Layout(shape, axes)
    frame = _frame()
    count, n = math.prod(layout.batch), math.prod(layout.reduced)
    masks = () if mask is None else (mask,)
    results = tuple(
        torch().empty(shape, dtype=one.dtype, device=one.device)
        for one, needed in zip(arrays, need, strict=True)
        if needed
    )
    opened = _opened((*arrays, *masks, results[0]), shape, axes, copy=False)
    if opened is None:  # results too are rows that follow each other, and turned afterwards
        return _turned(
            arrays, given, mask, kept, seeds, kernel, root, temperature, shape, axes, base, need
        )  # fmt: skip
    tensors, mask_or_not, strides = _padded(opened, measure.pair, mask is not None)
    cut = _cut(
        count, n, _mode([one.dtype for one in arrays], n),
        across=opened.strides[0][1] == 1 != opened.strides[0][2],
        twice=len(measure.passes) > 1,
    )  # fmt: skip
    left = iter(results)
    targets = [next(left) if needed else results[0] for needed in need]
    again = results[0]
    if cut.mode != _WIDE:
        again = torch().empty(cut.tiles, dtype=torch().int32, device=arrays[0].device)
    passed = (
        tensors, mask_or_not, (*strides, opened.strides[-1]),
        _given(given, layout, temperature, kept),
        tuple(one.contiguous() for one in seeds),  # a row's number has its seed in C order
        kept, targets[0], targets[-1], again, n, count, opened.inner,
    )  # fmt: skip
    options = {
        "SLOPES": measure.slopes, "KIND": measure.kind, "VALUES": measure.values,
        "NUMBERS": measure.passes[-1].numbers, "FILL": measure.fill, "ROOT": root, "BASE": base,
        "PAIR": measure.pair, "MASKED": mask is not None, "BY_A": need[0],
        "BY_B": measure.pair and need[-1], "TOKENS": measure.tokens, "R": cut.R, "N": cut.N,
        **_EXACTLY,
    }  # fmt: skip
    with _on(again):
        frame.slopes[(cut.tiles,)](*passed, MODE=cut.mode, num_warps=cut.warps, **options)
        if cut.mode != _WIDE:
            frame.slopes_again[(-(-cut.tiles // Sizes.share),)](
                *passed, cut.tiles, SHARE=Sizes.share, num_warps=8, **options
            )
    return results


def _turned(
    arrays: Arrays, given: Array | None, mask: Array | None, kept: Array, seeds: Arrays,
    kernel: str, root: bool, temperature: float, shape: tuple[int, ...], axes: tuple[int, ...],
    base: float, need: list[bool],
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
    if given is not None:
        given = _given(given, Layout(shape, axes), 1.0, kept)[0].reshape(count, 1)
    found = run_slopes(
        rows_of[: len(arrays)], given, None if mask is None else rows_of[-1], kept,
        tuple(one.reshape(-1) for one in seeds), kernel, root, temperature, flat, (1,), base,
        need,
    )  # fmt: skip
    back = tuple(order.index(i) for i in range(len(shape)))
    whole = tuple(shape[i] for i in order)
    return tuple(one.reshape(whole).permute(back).contiguous() for one in found)
