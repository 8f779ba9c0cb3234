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
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

from .._arrays.axes import Layout
from .._arrays.dtypes import name_of
from .._arrays.plan import WHOLE, choose
from .._formulas import generators
from .._formulas.cross_entropy import CrossEntropy
from .._formulas.f_divergence import FDivergence
from .._formulas.kl_logits import KLFromLogits
from .._formulas.kl_weights import KLFromWeights
from .._formulas.logsumexp import LogSumExp
from .._formulas.tempered import Tempered
from .._formulas.token import TokenLogProb
from . import config
from .twins import base_of

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


class Twin(NamedTuple):
    """Which kernels are a measure's, and what they are told."""

    kernel: str
    """The name in `triton_kernels.measures`."""
    numbers: int
    """How many numbers of a row its derivatives need, beside the values."""
    values: int = 1
    operands: int = 2
    """How many operands have entries."""
    root: bool = False
    temperature: float = 1.0

    @property
    def tokens(self) -> bool:
        """Whether the operand behind those with entries is the place of one in every row."""
        return "token" in self.kernel


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
    return Twin("kl_logits", 9) if all(measure.from_logits) and measure.normalize else None


def _f_divergence(measure: FDivergence) -> Twin | None:
    name = _ROWS.get(type(measure.row))
    if name is None or not measure.normalize or len(set(measure.from_logits)) > 1:
        return None
    if all(measure.from_logits):
        return Twin(f"{name}_logits", 10, root=measure.root)
    return Twin(f"{name}_weights", 12, root=measure.root)


def _cross_entropy(measure: CrossEntropy) -> Twin | None:
    if not all(measure.from_logits):
        return None
    return Twin("entropy", 5, operands=1) if measure.same else Twin("cross_entropy", 5)


def _token(measure: TokenLogProb, temperature: float = 1.0) -> Twin:
    name = "token" if temperature == 1 else "tempered_token"
    if measure.with_entropy:
        return Twin(f"{name}_entropy", 5, 2, 1, temperature=temperature)
    return Twin(name, 2, 1, 1, temperature=temperature)


def _tempered(measure: Tempered) -> Twin | None:
    of = measure.measure
    return _token(of, measure.temperature) if isinstance(of, TokenLogProb) else None


_ROWS: dict[type, str] = {
    generators.JensenShannon: "js",
    generators.SquaredHellinger: "hellinger",
    generators.TotalVariation: "tv",
}
_TWINS: dict[type, Callable[[Any], Twin | None]] = {
    KLFromLogits: _kl_logits,
    KLFromWeights: lambda measure: Twin("kl_weights", 12),
    FDivergence: _f_divergence,
    CrossEntropy: _cross_entropy,
    LogSumExp: lambda measure: Twin("logsumexp", 2, operands=1),
    TokenLogProb: _token,
    Tempered: _tempered,
}


def rows(
    job: Any, measure: Any, arrays: Arrays, mask: Array | None, *, keep: bool
) -> Arrays | None:
    """A measure's outputs, and with ``keep`` what its derivatives need; see `RowJob.value`."""
    twin = _twin_of(measure)
    if twin is None or not _readable(job, twin, arrays, mask):
        return None
    layout = job.layout
    numbers = twin.values + twin.numbers if keep else 0
    arrays, given = _apart(twin, arrays)
    spec = (
        twin.kernel, twin.root, twin.temperature, layout.shape, layout.axes, job.dtype,
        *base_of(measure), twin.values, numbers,
    )  # fmt: skip
    if sys.modules["torch"].compiler.is_compiling():
        out, kept = sys.modules["torch"].ops.relentropy.rows(list(arrays), given, mask, *spec)
    else:
        out, kept = run_rows(arrays, given, mask, *spec)
    return (*out, *kept.unbind(0)) if keep else tuple(out)


def slopes(
    job: Any, measure: Any, arrays: Arrays, mask: Array | None,
    kept: Arrays, seeds: Arrays, need: tuple[bool, ...],
) -> Arrays | None:  # fmt: skip
    """The operands' gradients; see `RowJob.pull`."""
    twin = _twin_of(measure)
    if twin is None or not _readable(job, twin, arrays, mask, (*seeds, *kept)):
        return None
    torch, layout = sys.modules["torch"], job.layout
    arrays, given = _apart(twin, arrays)
    spec = (
        twin.kernel, twin.root, twin.temperature, layout.shape, layout.axes,
        base_of(measure)[0], list(need[: twin.operands]),
    )  # fmt: skip
    if torch.compiler.is_compiling():
        together = torch.stack(kept)
        found = torch.ops.relentropy.slopes(
            list(arrays), given, mask, together, list(seeds), *spec
        )
        return tuple(found)
    return run_slopes(arrays, given, mask, _together(kept), seeds, *spec)


def _twin_of(measure: Any) -> Twin | None:
    make = _TWINS.get(type(measure))
    return None if make is None else make(measure)


def _apart(twin: Twin, arrays: Arrays) -> tuple[Arrays, Array | None]:
    """The operands with entries, and the number of each row if there is one."""
    return arrays[: twin.operands], arrays[twin.operands] if twin.tokens else None


def _readable(
    job: Any, twin: Twin, arrays: Arrays, mask: Array | None, more: Arrays = ()
) -> bool:
    """Whether kernels can read, and have something to do."""
    if job.xp.library != "torch" or 0 in job.layout.shape:
        return False
    operands, given = _apart(twin, arrays)
    floats, others = (*operands, *more), [one for one in (given, mask) if one is not None]
    every = (*floats, *others)
    if not served(every[0].device.type) or any(one.device != every[0].device for one in every):
        return False
    # Numbers that are to be negated: an operator resolves such views.
    eager = not sys.modules["torch"].compiler.is_compiling()
    if eager and (choose("torch", every) is WHOLE or any(one.is_neg() for one in every)):
        return False
    if any(name_of(one.dtype) not in _FLOATS for one in floats):
        return False
    if given is not None and name_of(given.dtype) not in _WHOLE_NUMBERS:
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
    torch = sys.modules["torch"]
    if tensor.device.type == "cpu":
        return contextlib.nullcontext()
    return getattr(torch, tensor.device.type).device(tensor.device)


def _given(
    given: Array | None, layout: Layout, temperature: float, other: Array
) -> tuple[Any, ...]:
    """The place that is looked for in every row, and the temperature as numbers of float32.

    Where there is none, something that is not read.
    """
    if given is None:
        return (other,)
    torch = sys.modules["torch"]
    places = given.expand(layout.shape)
    for axis in sorted(layout.axes, reverse=True):
        places = places.select(axis, 0)
    words = []
    for _ in range(3):
        words.append(struct.unpack("f", struct.pack("f", temperature))[0])
        temperature -= words[-1]
    return (places.to(torch.int64).contiguous(), *words)


_EXACTLY = {"enable_fp_fusion": False}


def run_rows(
    arrays: Arrays, given: Array | None, mask: Array | None, kernel: str, root: bool,
    temperature: float, shape: tuple[int, ...], axes: tuple[int, ...], dtype: Any, base: float,
    base_low: float, values: int, numbers: int,
) -> tuple[Arrays, Array]:  # fmt: skip
    """A measure's values, and a row for each of them and for each number that is kept."""
    torch, measure, layout = sys.modules["torch"], _measure(kernel), Layout(shape, axes)
    count, n = math.prod(layout.batch), math.prod(layout.reduced)
    masks = () if mask is None else (mask,)
    opened = _opened((*arrays, *masks), shape, axes, copy=True)
    assert opened is not None
    place = {"device": arrays[0].device}
    out = tuple(torch.empty(layout.batch, dtype=dtype, **place) for _ in range(values))
    kept = torch.empty((numbers, *layout.batch), dtype=torch.float64, **place)
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
            target = kept if final else torch.empty(
                (one.numbers, count), dtype=torch.float64, **place
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
        torch, frame, cut = sys.modules["torch"], _frame(), self.cut
        place = {"device": kept.device}
        tensors, mask, strides = _padded(self.opened, self.options["PAIR"], self.masked)
        states = kept
        if not options["WHOLE"]:
            size = (one.fields + 1) * cut.parts * self.rows
            states = torch.empty(size, dtype=torch.float64, **place)
        again = kept
        if cut.mode != _WIDE:
            again = torch.empty(cut.tiles, dtype=torch.int32, **place)
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
    return sys.modules["torch"].stack(kept)


def run_slopes(
    arrays: Arrays, given: Array | None, mask: Array | None, kept: Array, seeds: Arrays,
    kernel: str, root: bool, temperature: float, shape: tuple[int, ...], axes: tuple[int, ...],
    base: float, need: list[bool],
) -> Arrays:  # fmt: skip
    """The gradients of the operands that need one."""
    torch, measure, layout = sys.modules["torch"], _measure(kernel), Layout(shape, axes)
    frame = _frame()
    count, n = math.prod(layout.batch), math.prod(layout.reduced)
    masks = () if mask is None else (mask,)
    results = tuple(
        torch.empty(shape, dtype=one.dtype, device=one.device)
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
        again = torch.empty(cut.tiles, dtype=torch.int32, device=arrays[0].device)
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
