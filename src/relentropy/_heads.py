"""From the arguments of functions of heads to a job and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import _arguments
from ._arrays.axes import broadcasts
from ._arrays.dtypes import kind_of, name_of
from ._arrays.library import from_loose, gather, placed, quiet
from ._arrays.plain import Plain
from ._arrays.prepared import Prepared
from ._arrays.protocols import Measure
from ._autodiff.heads.job import HeadJob, Side, is_power_of_two
from ._formulas.tempered import tempered

Array = Any
_HOST, _DEVICE = 1 << 26, 1 << 28


class Given(NamedTuple):
    """One side of a call, as its user gave it; without a weight, ``hidden`` are the entries."""

    suffix: str
    """What its arguments' names end in."""
    hidden: Any
    weight: Any = None
    bias: Any = None
    label: str = "hidden"
    """What the argument ``hidden`` is called."""
    moves: bool = True
    """Whether derivatives are wanted."""
    log: bool = True
    """Whether entries are logits, or weights."""

    @property
    def names(self) -> tuple[str, str, str]:
        first = self.label if self.label != "hidden" else f"hidden{self.suffix}"
        return first, f"weight{self.suffix}", f"bias{self.suffix}"

    @property
    def operands(self) -> dict[str, Any]:
        given = zip(self.names, (self.hidden, self.weight, self.bias), strict=True)
        return {name: one for name, one in given if one is not None}


def shapes_of(side: Given) -> tuple[tuple[int, ...], int]:
    """The shape of the rows, and the size of the vocabulary."""
    hidden, weight, bias = side.names
    if side.hidden is None:
        raise TypeError(f"{hidden} must be an array, not None")
    own = _arguments.shape_of(hidden, side.hidden)
    if not own:
        raise ValueError(f"{hidden} must have at least one axis, that of the hidden states")
    if side.weight is None:
        if side.bias is not None:
            raise ValueError(f"{bias} is part of a head, and there is no {weight}")
        return own[:-1], own[-1]
    shape = _arguments.shape_of(weight, side.weight)
    if len(shape) != 2 or shape[1] != own[-1]:
        raise ValueError(
            f"{weight} must have the shape (vocabulary, {own[-1]}) for {hidden} of shape "
            f"{own}, not {shape}"
        )
    given = shape[:1] if side.bias is None else _arguments.shape_of(bias, side.bias)
    if given != shape[:1]:
        raise ValueError(f"{bias} must have the shape {shape[:1]}, not {given}")
    return own[:-1], shape[0]


def _common(sides: list[Given], vocab_size: Any) -> tuple[tuple[int, ...], int]:
    """The shape of all sides' rows, and how many columns count."""
    found = {side.names[0]: shapes_of(side) for side in sides}
    rows, sizes = {one for one, _ in found.values()}, [size for _, size in found.values()]
    if len(rows) > 1:
        listed = " and ".join(f"{one} of {name}" for name, (one, _) in found.items())
        raise ValueError(f"all sides must have the same rows, not {listed}")
    if vocab_size is None:
        if len(set(sizes)) > 1:
            raise ValueError(
                f"vocabularies of {' and '.join(map(str, sizes))}; if the last columns are "
                f"padding, pass vocab_size={min(sizes)}"
            )
        return rows.pop(), sizes[0]
    size = _arguments.integer("vocab_size", vocab_size, 0)
    if size > min(sizes):
        raise ValueError(
            f"vocab_size={size} is more than the {min(sizes)} columns that there are"
        )
    return rows.pop(), size


def rows_of(
    measure: Measure,
    sides: list[Given],
    *,
    tokens: Any = None,
    several: bool = False,
    temperature: float,
    vocab_size: Any,
    where: Any,
    memory: Any,
    dtype: Any,
    evaluate: Callable[[HeadJob, tuple[Array, ...]], tuple[Array, ...]] | None = None,
) -> tuple[Array, ...]:
    """The measure of every row; see the public functions."""
    temperature = _arguments.positive("temperature", temperature)
    rows, vocabulary = _common(sides, vocab_size)
    operands = {name: one for side in sides for name, one in side.operands.items()}
    parameters = {} if tokens is None else {"tokens": tokens}
    call = Prepared(operands, where, dtype, parameters, widen=True)
    if call.library == "dask":
        raise TypeError(
            "heads are not lazy: apply the function to blocks of rows, with "
            "dask.array.map_blocks"
        )
    for name in operands:
        if kind_of(name, call.arrays[name].dtype) == "integer":
            raise TypeError(f"{name} must be floating-point numbers, not integers")
    raw, count = call.raw, math.prod(rows)
    arrays: list[Array] = []
    for side in sides:
        own = [call.arrays[name] for name in side.operands]
        arrays += [raw.reshape(own[0], (count, own[0].shape[-1])), *own[1:]]
    if tokens is not None:
        wide = raw.int32 if call.library == "jax" else raw.int64
        given = raw.astype(call.arrays["tokens"], wide)
        each = given.shape[-1] if several else 1
        arrays.append(raw.reshape(given, (count, each)))
    if call.mask is not None:
        require_rows(tuple(call.mask.shape), rows)
        arrays.append(raw.reshape(raw.broadcast_to(call.mask, rows), (count,)))
    if call.xp.exact and measure.takes_pairs and not is_power_of_two(temperature):
        # Quotients with their remainders: there is no wider precision to divide in.
        measure, temperature = tempered(measure, temperature), 1.0
    job = HeadJob(
        measure=measure,
        sides=tuple(
            Side(side.weight is not None, side.bias is not None, side.moves, side.log)
            for side in sides
        ),
        rows=count,
        vocabulary=vocabulary,
        tokens=tokens is not None,
        several=several,
        masked=call.mask is not None,
        temperature=temperature,
        memory=_budget(memory, arrays[0], call.library),
        widened=sum(_widened(side, call) for side in sides),
        dtype=call.result_dtype,
        xp=call.xp,
    )
    outputs = (evaluate or _evaluated)(job, tuple(arrays))
    shape = tuple(_arguments.shape_of("tokens", tokens)) if several else rows
    return tuple(call.like_the_library(raw.reshape(one, shape)) for one in outputs)


def _evaluated(job: HeadJob, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    if job.xp.library == "torch":
        from ._autodiff.heads.torch import evaluate

        return evaluate(job, arrays)
    if job.xp.library == "jax":
        from ._autodiff.heads.jax import evaluate

        return evaluate(job, arrays)
    with quiet(job.xp.library):
        return job.value(arrays)


def _widened(side: Given, call: Prepared) -> int:
    """The bytes of a row of a side's weight in float32, if it is narrower."""
    if side.weight is None:
        return 0
    weight = call.arrays[side.names[1]]
    return 0 if name_of(weight.dtype) in {"float32", "float64"} else 4 * int(weight.shape[1])


def _budget(memory: Any, array: Array, library: str) -> int:
    """What tiles may take."""
    if memory is not None:
        return _arguments.integer("memory", memory, 1)
    on_host = library in {"numpy", "strict"} or "cpu" in str(getattr(array, "device", "cpu"))
    return _HOST if on_host else _DEVICE


def require_rows(mask: tuple[int, ...], rows: tuple[int, ...]) -> None:
    """A mask of rows must broadcast to them."""
    if not broadcasts(mask, rows):
        raise ValueError(f"where of shape {mask} does not broadcast to the rows' shape {rows}")


def whole_numbers(name: str, given: Any, like: Any) -> Any:
    """Labels, as an array of the library that another one is of."""
    if isinstance(given, list | tuple):
        given = labels(name, given, like)
    kind = name_of(getattr(given, "dtype", ""))
    if not kind.startswith(("int", "uint")):
        raise TypeError(f"{name} must be integers, not {kind or type(given).__name__}")
    return given


def labels(name: str, given: Any, like: Any) -> Any:
    """A list of labels, which may be empty."""
    found = from_loose(name, given)
    if found.size:
        return beside(found, like)
    of = gather({"hidden": like})
    return of.raw.zeros(found.shape, dtype=of.raw.int64, **placed(of.library, of.device))


def beside(found: np.ndarray, like: Any) -> Any:
    """What came as a list, as an array of the library that another one is of."""
    of = gather({"hidden": like})
    return of.raw.asarray(found.tolist(), **placed(of.library, of.device))


def two_sides(
    hidden_p: Any, weight_p: Any, bias_p: Any, hidden_q: Any, weight_q: Any, bias_q: Any,
    gradient: str,
) -> tuple[Given, Given]:  # fmt: skip
    """Both sides of a divergence."""
    return (
        Given("_p", hidden_p, weight_p, bias_p, moves=gradient != "q"),
        Given("_q", hidden_q, weight_q, bias_q, moves=gradient != "p"),
    )


def require_a_head(p: Given, q: Given) -> None:
    if p.weight is None and q.weight is None:
        raise ValueError(
            "weight_p or weight_q must be given; of logits on both sides there are "
            "relentropy.kl_divergence and js_divergence with from_logits=True"
        )


def require_weight(side: Given) -> None:
    if side.weight is None:
        raise TypeError("weight must be an array, not None")


def class_labels(targets: Any, ignored: Any, where: Any, side: Given) -> tuple[Any, Any]:
    """Class labels, and which of them count."""
    rows, _ = shapes_of(side)
    if tuple(targets.shape) != rows:
        raise ValueError(
            f"targets must have the shape of hidden without its last axis, {rows}, or "
            f"{(*rows, 'vocabulary')} and a floating dtype, not {tuple(targets.shape)}"
        )
    if ignored is None:
        return targets, where
    counted = targets != _arguments.integer("ignore_index", ignored, -(2**63))
    if where is None:
        return targets, counted
    if isinstance(where, bool | list | tuple):
        where = beside(from_loose("where", where), side.hidden)
    require_rows(_arguments.shape_of("where", where), rows)
    if name_of(where.dtype) != "bool":
        raise TypeError(f"where must be boolean, not {name_of(where.dtype)}")
    return targets, counted & where


def reduced(losses: Array, where: Any, reduction: str) -> Array:
    """Their sum, or its mean over those that are included."""
    plain = Plain({"losses": losses}, where)
    total = plain.raw.sum(plain.kept(plain.arrays["losses"]))
    if reduction == "mean":
        count = plain.raw.sum(plain.counted(tuple(losses.shape)))
        total = total / plain.raw.where(count > 0, count, plain.full(1.0, count))
    return plain.like_the_library(total)
