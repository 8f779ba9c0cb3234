"""What the generated suite calls: every record, in every mode it has, with fair inputs.

A `Call` is a public function with the options that change its path (weights or logits,
normalised or not), and knows what its operands look like. Tests that hold for all functions
are parametrised over `CALLS`, `REDUCTIONS`, `ROWS` (reductions and maps) or `DIVERGENCES`.
"""

import inspect
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from relentropy._records import RECORDS, Record

from ..oracle.f_divergences import F_DIVERGENCES
from .backends import BACKENDS
from .measured import function_of, invoked

DRAWS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "weight": lambda rng, shape: rng.uniform(0.05, 2, shape),
    "logit": lambda rng, shape: rng.normal(0, 2, shape),
    "negative": lambda rng, shape: -rng.uniform(0.05, 4, shape),
    "probability": lambda rng, shape: rng.uniform(0.05, 0.95, shape),
    "high": lambda rng, shape: rng.uniform(4, 8, shape),
    "low": lambda rng, shape: rng.uniform(-8, 3, shape),
}
# What an entry is that contributes nothing.
ABSENT = {"weight": 0.0, "logit": -np.inf}


@dataclass(frozen=True)
class Call:
    """One public function in one mode."""

    name: str
    record: Record
    kinds: tuple[str, ...]
    """What each operand is: a key of `DRAWS`."""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.record.kind

    @property
    def has_mask(self) -> bool:
        """Whether it takes ``where``, ``dtype``, ``keepdims`` and a base, as measures do."""
        return "keepdims" in self.parameters and "where" in self.parameters

    @property
    def has_base(self) -> bool:
        """Whether its result is in units of a logarithm."""
        return "base" in self.parameters

    @property
    def parameters(self) -> Any:
        return inspect.signature(self.function).parameters

    @property
    def function(self) -> Callable[..., Any]:
        return function_of(self.record)

    @property
    def secondary(self) -> bool:
        """Whether another call shares all of its way but the formula, and stands for it."""
        family = self.record.name in _SHAPES or self.record.name.startswith("binary")
        return family and self.name not in REPRESENTATIVES

    @property
    def slow_to_compile(self) -> bool:
        """Whether compilers take long for what they have compiled for another call."""
        family = self.secondary or self.name in REPRESENTATIVES
        heavy = self.name.endswith(("mixed", "measure"))
        return heavy or (family and self.name not in COMPILED)

    @property
    def marks(self) -> list[Any]:
        return [pytest.mark.full] if self.secondary else []

    @property
    def names(self) -> tuple[str, ...]:
        """How errors name the operands."""
        first = {"logsumexp": ("a", "b"), "softmax": ("x",), "log_softmax": ("x",)}
        if self.record.name == "generalized_js_divergence":
            return tuple(f"distributions[{i}]" for i in range(len(self.kinds)))
        two_outcomes = self.record.name.startswith("binary")
        usual = ("x", "y") if self.kind == "elementwise" and not two_outcomes else ("p", "q")
        usual = ("p", "complement") if "complement" in self.options else usual
        return first.get(self.record.name, usual)[: len(self.kinds)]

    def __call__(self, *operands: Any, **keywords: Any) -> Any:
        return invoked(self.record, operands, {**self.options, **keywords})

    def rows(self, *operands: Any, **keywords: Any) -> Any:
        """The call along the last axis, if it has axes."""
        if self.kind != "elementwise":
            keywords.setdefault("axis", -1)
        return self(*operands, **keywords)

    def draw(self, *shape: int, dtype: str = "float64", seed: int = 0) -> list[np.ndarray]:
        """One array for each operand."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        return [DRAWS[kind](rng, shape).astype(numpy_dtype(dtype)) for kind in self.kinds]


def numpy_dtype(name: str) -> Any:
    return ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)


def dtype_name(array: Any) -> str:
    """``"float32"`` for an array of any library."""
    return str(getattr(array.dtype, "name", None) or array.dtype).rpartition(".")[2]


# The operands of every record's modes. A record that is not here fails a test.
_KINDS: dict[str, dict[str, tuple[tuple[str, ...], dict[str, Any]]]] = (
    {
        "xlogy": {"": (("logit", "weight"), {})},
        "xlog1py": {"": (("logit", "weight"), {})},
        "entr": {"": (("weight",), {})},
        "rel_entr": {"": (("weight", "weight"), {})},
        "kl_div": {"": (("weight", "weight"), {})},
        "log1pmx": {"": (("weight",), {})},
        "expm1mx": {"": (("logit",), {})},
        "log1mexp": {"": (("negative",), {})},
        "log1pexp": {"": (("logit",), {})},
        "logaddexp": {"": (("logit", "logit"), {})},
        "logsubexp": {"": (("high", "low"), {})},
        "logsumexp": {"": (("logit",), {}), "signed": (("logit", "weight"), {})},
        "softmax": {"": (("logit",), {})},
        "log_softmax": {"": (("logit",), {})},
        "entropy": {
            "weights": (("weight",), {}),
            "logits": (("logit",), {"from_logits": True}),
            "measure": (("weight",), {"normalize": False}),
            "log-measure": (("logit",), {"normalize": False, "from_logits": True}),
        },
    }
    | {
        name: {
            "weights": (("weight", "weight"), {}),
            "logits": (("logit", "logit"), {"from_logits": True}),
            "mixed": (("weight", "logit"), {"from_logits": (False, True)}),
            "measure": (("weight", "weight"), {"normalize": False}),
            "log-measure": (("logit", "logit"), {"normalize": False, "from_logits": True}),
        }
        for name in ("kl_divergence", "cross_entropy")
    }
    | {
        "binary_entropy": {
            "probabilities": (("probability",), {}),
            "pairs": (("probability", "probability"), {"complement": True}),
            "logits": (("logit",), {"from_logits": True}),
        },
    }
    | {
        name: {
            "probabilities": (("probability", "probability"), {}),
            "logits": (("logit", "logit"), {"from_logits": True}),
            "mixed": (("probability", "logit"), {"from_logits": (False, True)}),
        }
        for name in ("binary_cross_entropy", "binary_kl_divergence")
    }
)

# Members of a family differ in a formula that the tables of hard cases know; what they share is
# tested by these few, and by the others in the bulk checks.
REPRESENTATIVES = {
    "js_divergence-weights", "js_divergence-logits", "js_divergence-measure",
    "renyi_divergence-logits", "renyi_entropy-weights", "kl_contributions-weights",
    "surprisal-logits", "generalized_js_divergence-weights", "binary_kl_divergence-logits",
    "binary_entropy-pairs",
}  # fmt: skip
COMPILED = {"js_divergence-logits", "binary_entropy-pairs"}
_SHAPES: dict[str, dict[str, Any]] = {name: {} for name in F_DIVERGENCES} | {
    "f_divergence": {"generator": "neyman"},
    "skew_kl_divergence": {"weight": 0.3},
    "alpha_divergence": {"alpha": 0.3},
    "tsallis_divergence": {"alpha": 2.0},
    "renyi_divergence": {"alpha": 0.7},
    "bhattacharyya_coefficient": {},
    "bhattacharyya_distance": {},
    "chernoff_information": {},
    "generalized_js_divergence": {"weights": (0.2, 0.3, 0.5)},
    "renyi_entropy": {"alpha": 3.0},
    "tsallis_entropy": {"alpha": 0.5},
    "kl_contributions": {},
    "surprisal": {},
}
_COUNTS = {
    "generalized_js_divergence": 3,
    "renyi_entropy": 1,
    "tsallis_entropy": 1,
    "surprisal": 1,
}
for _name, _options in _SHAPES.items():
    _count = _COUNTS.get(_name, 2)
    _KINDS[_name] = {
        "weights": (("weight",) * _count, _options),
        "logits": (("logit",) * _count, _options | {"from_logits": True}),
    }
    if "normalize" in inspect.signature(function_of(RECORDS[_name])).parameters:
        _KINDS[_name]["measure"] = (("weight",) * _count, _options | {"normalize": False})

# Joint tables, whose axes are the variables: they have tests of their own.
_TABLES = {
    name: {
        "weights": (("weight",), {}),
        "logits": (("logit",), {"from_logits": True}),
    }
    for name in RECORDS
    if RECORDS[name].kind == "table"
}

CALLS = [
    Call(f"{name}-{mode}".strip("-"), RECORDS[name], kinds, options)
    for name, modes in _KINDS.items()
    if name in RECORDS
    for mode, (kinds, options) in modes.items()
]
TABLES = [
    Call(f"{name}-{mode}", RECORDS[name], kinds, options)
    for name, modes in _TABLES.items()
    for mode, (kinds, options) in modes.items()
]
REDUCTIONS = [call for call in CALLS if call.kind == "reduction"]
ROWS = [call for call in CALLS if call.kind != "elementwise"]
MASKED = [call for call in CALLS if call.has_mask]
BASED = [call for call in MASKED if call.has_base]
BINARY = [call for call in CALLS if len(call.kinds) == 2]
DIVERGENCES = [call for call in CALLS if call.record.name == "kl_divergence"]


def every(calls: list[Call]) -> Any:
    """Parametrise a test over calls, by name."""
    parameters = [pytest.param(call, id=call.name, marks=call.marks) for call in calls]
    return pytest.mark.parametrize("call", parameters)


def call_named(name: str) -> Call:
    (call,) = (call for call in CALLS if call.name == name)
    return call


def on(*names: str) -> Any:
    """Parametrise a test over backends, by name."""
    parameters = [
        pytest.param(
            BACKENDS[name], id=name, marks=[pytest.mark.gpu] if name == "torch-cuda" else []
        )
        for name in names
    ]
    return pytest.mark.parametrize("backend", parameters)


# Compilers pay for every new call, and lazy libraries for every task: where a rule lives on
# the ground floor that all functions share, these stand for the others.
SLOW = ("jax", "dask")
FEW = ("kl_divergence-weights", "kl_divergence-logits", "logsumexp", "softmax", "logaddexp")


def across(calls: list[Call], *names: str) -> Any:
    """Parametrise a test over calls and backends, slow ones with a few calls only."""
    parameters = [
        pytest.param(
            call, BACKENDS[name], id=f"{call.name}-{name}",
            marks=[*call.marks, *([pytest.mark.gpu] if name == "torch-cuda" else [])],
        )
        for name in names
        for call in calls
        if not name.startswith(SLOW) or call.name in FEW
    ]  # fmt: skip
    return pytest.mark.parametrize(("call", "backend"), parameters)


def same_bits(one: Any, other: Any) -> bool:
    """Whether two numpy arrays agree to the bit, also in signs of zeros; any nan equals any."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    both_nan = (one != one) & (other != other)
    bits = f"u{one.dtype.itemsize}"
    ones, others = np.ascontiguousarray(one), np.ascontiguousarray(other)
    equal = ones.reshape(-1).view(bits) == others.reshape(-1).view(bits)
    return bool(np.all(equal | both_nan.reshape(-1)))
