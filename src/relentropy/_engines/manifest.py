"""Declaration of every kernel, which all engines read.

One entry per kernel says which measure it computes, which C++ function, operands, options,
residuals and state it has, and which kernel Triton has for it. ``python -m tools.kernels``
writes ``native/manifest.hpp`` (the table of kernels and the structs of options, residuals and
state leaves) and the tables of ``docs/how`` from it. A measure without an entry has no kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._arrays.coefficients import SPLITTER
from .._arrays.pairs import Pair
from .._arrays.protocols import Elementwise
from .._formulas import (
    cross_entropy,
    elementwise,
    generators,
    kl_logits,
    kl_weights,
    logit_shares,
    logsumexp,
    token,
    weight_shares,
)
from .._formulas.expectation import reciprocal_log
from .._formulas.f_divergence import FDivergence
from .._formulas.tempered import Tempered


class Option(NamedTuple):
    """A number that a kernel takes beside the base of the logarithm and the mask."""

    name: str
    type: type
    """bool or float."""
    of: Callable[[Any], float]
    """Return its value for a measure."""


class Leaf(NamedTuple):
    """An array of a state, as the kernels return it."""

    name: str
    type: str = "number"
    """``number``; ``pair``, of which hi and lo are returned; or ``flag``, 0 or 1."""


class State(NamedTuple):
    """The state that a kernel of one pass returns for a part of a row."""

    fold: type
    """Class of the fold whose ``step`` it computes."""
    cls: Callable[..., Any]
    """Class of the state."""
    leaves: tuple[Leaf, ...]
    served: Callable[[Any], bool] = lambda fold: True
    """Return whether the kernel computes this fold."""
    options: Callable[[Any], tuple[float, ...]] = lambda fold: ()
    """Return the options for a fold."""

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the numbers that the kernel returns."""
        return tuple(
            name
            for leaf in self.leaves
            for name in (
                (f"{leaf.name}_hi", f"{leaf.name}_lo") if leaf.type == "pair" else (leaf.name,)
            )
        )

    def rebuilt(self, numbers: list[Any]) -> Any:
        """Return the state of those components."""
        rest = iter(numbers)
        leaves = []
        for leaf in self.leaves:
            number = next(rest)
            if leaf.type == "pair":
                number = Pair(number, next(rest))
            leaves.append(number != 0 if leaf.type == "flag" else number)
        return self.cls(*leaves)


class Pass(NamedTuple):
    """One reading of the rows by Triton's kernels."""

    fields: tuple[str, ...]
    """Names of a state's numbers."""
    residuals: tuple[str, ...]
    """Names of a row's numbers that the pass ends in."""


class Triton(NamedTuple):
    """Triton's kernel of a measure."""

    name: str
    passes: tuple[Pass, ...]
    values: int = 1
    operands: int = 2

    @property
    def tokens(self) -> bool:
        """Return whether the operand behind those with entries is a position in every row."""
        return "token" in self.name

    @property
    def residuals(self) -> tuple[str, ...]:
        return self.passes[-1].residuals


@dataclass(frozen=True, eq=False)
class Kernel:
    """A compiled kernel on the CPU and, by CuPy, on CUDA devices."""

    name: str
    measure: Any
    """Class of the measure or map; class of the generator; value of an elementwise function."""
    function: str
    """C++ function template of the kernel; ``_slopes`` and ``_state`` behind it are others."""
    functions: str
    """Public functions that it serves, as the documentation lists them."""
    numbers: str
    """Start of the names of its C++ structs of residuals and leaves."""
    arguments: tuple[str, ...] = ()
    """Template arguments that follow whether the data are as wide as a double."""
    operands: int = 2
    """Number of operands with entries."""
    row_operand: bool = False
    """Whether an operand with one number a row follows: an order, or a token's position."""
    options: tuple[Option, ...] = ()
    values: int = 1
    residuals: tuple[str, ...] = ()
    vjp: Callable[[Any], bool] | None = lambda measure: True
    """Return whether the kernel of the derivatives serves a measure; None if there is none."""
    served: Callable[[Any], bool] = lambda measure: True
    """Return whether the kernel computes this measure."""
    state: State | None = None
    triton: str | None = None
    """Name of Triton's kernel, if there is one; it has derivatives too."""

    @property
    def variants(self) -> Iterator[str]:
        """Suffixes of the kernels that there are."""
        yield ""
        if self.vjp is not None:
            yield "_slopes"
        if self.state is not None:
            yield "_state"

    def expression(self, variant: str, *, exact: bool) -> str:
        """Return the C++ expression of a kernel."""
        arguments = ", ".join(("true" if exact else "false", *self.arguments))
        return f"{self.function}{variant}<{arguments}>"


# --- helpers of the declarations --------------------------------------------------------------


def _logits(measure: Any) -> bool:
    return all(measure.from_logits)


def _weights(measure: Any) -> bool:
    return not any(measure.from_logits)


def _leaves(names: str, pairs: str = "", flags: str = "") -> tuple[Leaf, ...]:
    """Return the leaves of those names; some of them are pairs, or flags."""
    types = dict.fromkeys(pairs.split(), "pair") | dict.fromkeys(flags.split(), "flag")
    return tuple(Leaf(name, types.get(name, "number")) for name in names.split())


_PEAK = logsumexp.Peak._fields
_SURPRISE = ("p_top", "mass", "mean", "q_top", "others")
_MEANS = ("p_mean", "q_mean", "unit")

# Triton's states and residuals. Relative entropy's first pass from logits, and the first pass
# of any divergence from weights, end in what the second one needs of a row.
_T_KL = tuple(
    "top q_top centre centre_lo mass mass_lo mean excess excess_lo far lost valid".split()
)
_T_LOGITS = tuple("anchor mass centre centre_lo log_mean q_anchor grown".split())
_T_WEIGHTS = tuple(
    "p_scale q_scale ratio eps eps_lo shrink unit p_mass q_mass possible".split()
)
_T_TERMS = ("value", "value_lo", "by_p", "by_q")
_T_SURPRISE = tuple("p_top mass surprise q_top others lost valid".split())
_T_FIRST_LOGITS = Pass(_T_KL, (*_T_LOGITS, "possible"))
_T_FIRST_WEIGHTS = Pass(
    tuple("p_top q_top p_mass p_mass_lo q_mass ratio rest rest_lo valid".split()), _T_WEIGHTS
)


def _then(first: Pass) -> tuple[Pass, ...]:
    """Return the passes of a divergence whose terms follow the pass of its masses."""
    return first, Pass(_T_TERMS, (*first.residuals, "p_mean", "q_mean"))


def _surprise(name: str, residuals: tuple[str, ...], **more: int) -> Triton:
    fields = (*_T_SURPRISE, "chosen", "found") if "token" in name else _T_SURPRISE
    return Triton(name, (Pass(fields, residuals),), **more)


_TRITON = (
    _surprise("logsumexp", _PEAK, operands=1),
    _surprise("entropy", _SURPRISE, operands=1),
    _surprise("cross_entropy", _SURPRISE),
    _surprise("token", _PEAK, operands=1),
    _surprise("token_entropy", _SURPRISE, operands=1, values=2),
    _surprise("tempered_token", _PEAK, operands=1),
    _surprise("tempered_token_entropy", _SURPRISE, operands=1, values=2),
    Triton("kl_logits", (Pass(_T_KL, (*_T_LOGITS, "eta", "lost")),)),
    *(Triton(f"{name}_logits", _then(_T_FIRST_LOGITS)) for name in ("js", "hellinger", "tv")),
    *(
        Triton(f"{name}_weights", _then(_T_FIRST_WEIGHTS))
        for name in ("kl", "js", "hellinger", "tv")
    ),
)
TRITON: dict[str, Triton] = {kernel.name: kernel for kernel in _TRITON}

# --- rows -------------------------------------------------------------------------------------


def _cross_entropy(*, same: bool, logits: bool) -> Kernel:
    side = "OfLogits" if logits else "OfWeights"
    kind, name = _logits if logits else _weights, "entropy" if same else "cross_entropy"

    def served(measure: Any) -> bool:
        return measure.same is same and kind(measure)

    return Kernel(
        f"{name}_{'logits' if logits else 'weights'}",
        cross_entropy.CrossEntropy,
        "cross_entropy",
        name,
        "cross_entropy",
        ("true" if same else "false", side, side),
        operands=1 if same else 2,
        residuals=_SURPRISE,
        served=served,
        state=State(
            cross_entropy.CrossEntropyFold,
            cross_entropy.State,
            _leaves("p_top mass surprise q_top others lost valid", flags="lost valid"),
            served,
        ),
        triton=name if logits else None,
    )


def _untempered(measure: Any) -> Any:
    return measure.measure if isinstance(measure, Tempered) else measure


def _temperature(measure: Any) -> float:
    return measure.temperature if isinstance(measure, Tempered) else 1.0


def _token(*, entropy: bool) -> Kernel:
    def served(measure: Any) -> bool:
        measure = _untempered(measure)
        return isinstance(measure, token.TokenLogProb) and measure.with_entropy is entropy

    inner = "p_top mass surprise q_top others lost valid" if entropy else " ".join(_PEAK)
    row = cross_entropy.State if entropy else logsumexp.Peak

    def state_of(*leaves: Any) -> token.State:
        return token.State(row(*leaves[:-2]), *leaves[-2:])

    return Kernel(
        "token_entropies" if entropy else "token_log_probs",
        token.TokenLogProb,
        "token",
        "estimators.token_log_probs" + (", with entropies" if entropy else ""),
        "token_entropies" if entropy else "token_log_probs",
        ("true" if entropy else "false",),
        operands=1,
        row_operand=True,
        options=(Option("temperature", float, _temperature),),
        values=2 if entropy else 1,
        residuals=(*_PEAK, *(f"entropy_{name}" for name in _SURPRISE)) if entropy else _PEAK,
        served=served,
        state=State(
            token.TokenFold,
            state_of,
            _leaves(f"{inner} chosen found", flags="lost valid found"),
            lambda fold: isinstance(fold.of, cross_entropy.CrossEntropyFold) is entropy,
            lambda fold: (1.0,),
        ),
        triton="token_entropy" if entropy else "token",
    )


_ROWS = (
    Kernel(
        "kl_logits",
        kl_logits.KLFromLogits,
        "kl_logits",
        "kl_divergence",
        "kl_logits",
        options=(Option("normalize", bool, lambda measure: measure.normalize),),
        residuals=kl_logits.Numbers._fields,
        vjp=lambda measure: bool(measure.normalize),
        served=_logits,
        state=State(
            kl_logits.KLFold,
            kl_logits.State,
            _leaves(
                "top centre mass mean excess far q_top lost valid",
                pairs="centre mass excess",
                flags="far lost valid",
            ),
            _logits,
            lambda fold: (fold.normalize,),
        ),
        triton="kl_logits",
    ),
    Kernel(
        "kl_weights",
        kl_weights.KLFromWeights,
        "kl_weights",
        "kl_divergence",
        "kl_weights",
        residuals=(*weight_shares.Numbers._fields, "nats"),
        triton="kl_weights",
    ),
    *(
        _cross_entropy(same=same, logits=logits)
        for same in (True, False)
        for logits in (True, False)
    ),
    *(_token(entropy=entropy) for entropy in (False, True)),
    Kernel(
        "logsumexp",
        logsumexp.LogSumExp,
        "logsumexp",
        "special.logsumexp",
        "logsumexp",
        operands=1,
        residuals=_PEAK,
        state=State(logsumexp.PeakFold, logsumexp.Peak, _leaves(" ".join(_PEAK))),
        triton="logsumexp",
    ),
)

# --- the table of generators ------------------------------------------------------------------


def _generator(
    name: str, cls: type, functions: str, triton: str | None = None, *, ordered: bool = False
) -> tuple[Kernel, Kernel]:
    """Return the kernels of a generator's divergence, from logits and from weights.

    Its C++ functor has its class's name.
    """
    weight = Option("weight", float, lambda measure: getattr(measure.row, "weight", 0.0))
    root = Option("root", bool, lambda measure: measure.root)

    def kernel(kind: str, numbers: tuple[str, ...], side: Callable[[Any], bool]) -> Kernel:
        return Kernel(
            f"{name}_{kind}",
            cls,
            "divergence",
            functions,
            f"divergence_{kind}",
            (cls.__name__, f"Of{kind.capitalize()}"),
            row_operand=ordered,
            options=(weight, root),
            residuals=(*numbers, *_MEANS),
            served=lambda measure: measure.normalize and side(measure),
            triton=triton and f"{triton}_{kind}",
        )

    return (
        kernel("logits", logit_shares.Numbers._fields, _logits),
        kernel("weights", weight_shares.Numbers._fields, _weights),
    )


_GENERATORS = (
    *_generator("jeffreys", generators.Jeffreys, "jeffreys_divergence"),
    *_generator("jensen_shannon", generators.JensenShannon, "js_divergence, js_distance", "js"),
    *_generator(
        "skew_jensen_shannon",
        generators.SkewJensenShannon,
        "js_divergence, with another weight",
    ),
    *_generator("skew_kl", generators.SkewKL, "skew_kl_divergence"),
    *_generator("hellinger", generators.SquaredHellinger, "hellinger_distance", "hellinger"),
    *_generator("total_variation", generators.TotalVariation, "total_variation", "tv"),
    *_generator("pearson", generators.Pearson, "chi2_divergence"),
    *_generator("triangular", generators.Triangular, "triangular_discrimination"),
    *_generator("alpha", generators.Alpha, "alpha_divergence", ordered=True),
    *_generator("tsallis", generators.Tsallis, "tsallis_divergence", ordered=True),
)

# --- functions of entries, and maps -----------------------------------------------------------


def _elementwise(name: str, function: Any, functor: str) -> Kernel:
    return Kernel(
        name,
        function.value,
        "elementwise",
        f"special.{name}",
        "",
        (functor,),
        operands=len(function.slopes),
    )


_ELEMENTWISE = (
    _elementwise("kl_div", elementwise.KL_DIV, "KLDiv"),
    _elementwise("rel_entr", elementwise.REL_ENTR, "RelEntr"),
    _elementwise("entr", elementwise.ENTR, "Entr"),
    _elementwise("xlogy", elementwise.XLOGY, "XLogY"),
    _elementwise("xlog1py", elementwise.XLOG1PY, "XLog1pY"),
    _elementwise("expm1mx", elementwise.EXPM1MX, "Expm1mx"),
    _elementwise("log1pmx", elementwise.LOG1PMX, "Log1pmx"),
    _elementwise("log1mexp", elementwise.LOG1MEXP, "Log1mexp"),
    _elementwise("log1pexp", elementwise.LOG1PEXP, "Log1pexp"),
    _elementwise("logaddexp", elementwise.LOGADDEXP, "LogAddExp"),
    _elementwise("logsubexp", elementwise.LOGSUBEXP, "LogSubExp"),
)
_MAPS = (
    Kernel(
        "softmax", logsumexp.Softmax, "softmax", "special.softmax", "", ("false",), operands=1
    ),
    Kernel(
        "log_softmax",
        logsumexp.LogSoftmax,
        "softmax",
        "special.log_softmax",
        "",
        ("true",),
        operands=1,
    ),
)

KERNELS: tuple[Kernel, ...] = (*_ROWS, *_GENERATORS, *_ELEMENTWISE, *_MAPS)
EXPRESSIONS: dict[str, str] = {
    f"{kernel.name}{variant}{'_exact' if exact else ''}": kernel.expression(
        variant, exact=exact
    )
    for kernel in KERNELS
    for variant in kernel.variants
    for exact in (False, True)
}
"""C++ expression of every kernel, by its name in the table of the compiled module."""
ELEMENTWISE: dict[str, str] = {kernel.name: kernel.arguments[0] for kernel in _ELEMENTWISE}
"""C++ functor of every function of entries, by its kernel's name."""

# --- lookup -----------------------------------------------------------------------------------


class Spec(NamedTuple):
    """The kernel of one measure, and its options."""

    kernel: Kernel
    options: tuple[float, ...]
    """Behind those that all kernels have."""
    vjp: bool
    """Whether the kernel of the derivatives serves this measure."""


class StateSpec(NamedTuple):
    """The kernel of one fold's states, and its options."""

    kernel: Kernel
    state: State
    options: tuple[float, ...]


_BY_MEASURE: dict[Any, list[Kernel]] = {}
_BY_FOLD: dict[type, list[Kernel]] = {}
for _kernel in KERNELS:
    _BY_MEASURE.setdefault(_kernel.measure, []).append(_kernel)
    if _kernel.state is not None:
        _BY_FOLD.setdefault(_kernel.state.fold, []).append(_kernel)


def _kernel_of(function: Any) -> Kernel | None:
    """Return the kernel of a measure, a map or an elementwise function."""
    key: Any = type(function)
    if key is FDivergence:
        key = type(function.row)
    elif key is Tempered and type(function.measure) is token.TokenLogProb:
        key = token.TokenLogProb  # whose kernels alone have a temperature
    elif key is Elementwise:
        key = function.value
    return next((one for one in _BY_MEASURE.get(key, ()) if one.served(function)), None)


def spec_of(function: Any) -> Spec | None:
    """Return the kernel's specification for a measure, a map or an elementwise function."""
    kernel = _kernel_of(function)
    if kernel is None:
        return None
    options = tuple(float(option.of(function)) for option in kernel.options)
    return Spec(kernel, options, kernel.vjp is not None and kernel.vjp(function))


def unit_of(function: Any) -> tuple[float, float]:
    """Return the hi and lo components of what the kernels multiply nats with."""
    base, factor = getattr(function, "base", None), getattr(function, "factor", 1.0)
    high, low = (1.0, 0.0) if base is None else reciprocal_log(base, SPLITTER)
    return factor * high, factor * low


def triton_of(measure: Any) -> Triton | None:
    """Return Triton's kernel for a measure."""
    kernel = _kernel_of(measure)
    if kernel is None or kernel.triton is None or not (kernel.vjp and kernel.vjp(measure)):
        return None
    tempered = "tempered_" if _temperature(measure) != 1 else ""
    return TRITON[tempered + kernel.triton]


def state_spec_of(fold: Any) -> StateSpec | None:
    """Return the specification of the kernel whose states are those of a fold."""
    for kernel in _BY_FOLD.get(type(fold), ()):
        state = kernel.state
        if state is not None and state.served(fold):
            return StateSpec(kernel, state, tuple(map(float, state.options(fold))))
    return None
