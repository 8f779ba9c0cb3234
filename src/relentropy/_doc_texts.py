"""Texts that docstrings of one kind of function share.

A parameter's text may name its ``{default}``, which is filled in from the signature.
"""

from __future__ import annotations

from ._docs import Texts, fill
from ._formulas.generators import NAMES

_BASE = """\
base : float, optional
    Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats."""


def _dtype(default: str) -> str:
    """Return the entry of dtype, with what it is by default."""
    text = (
        "Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as "
        f"any library's dtype. By default {default}"
    )
    return f"dtype : dtype or str, optional\n{fill(text, '    ')}"


_KEEPDIMS = """\
keepdims : bool, default False
    Keep reduced axes with size one."""
_AXIS = """\
axis : int, tuple of ints or None, default {default}
    The axes that hold one distribution; None for all of them."""
_WIDE_DTYPE = """\
dtype : dtype or str, optional
    Floating dtype of the result. By default that of the operands, but float32 for 16-bit
    operands."""
_OPERANDS = (
    "If an array is not dense (masked, sparse, a data frame) or has a boolean or complex dtype"
)
_ONE_LIBRARY = f"{_OPERANDS}, and if the arrays belong to different libraries."
_OPTIONS = "and for an invalid option. Values of arrays never raise."

# --- rows of one or of two distributions ----------------------------------------------------

_SHAPES = (
    "If an axis is out of bounds, if shapes differ along ``axis`` or do not broadcast "
    f"elsewhere, if ``where`` does not broadcast, {_OPTIONS}"
)

PAIR = Texts(
    {
        "p": """\
p : array
    The reference distribution (the truth, the teacher): non-negative weights, such as
    probabilities or counts, or logits.""",
        "q": """\
q : array
    The other distribution (the model, the student), of the same size along ``axis``; the
    other axes broadcast.""",
        "generator": "generator : str or Generator\n"
        + fill(", ".join(f'"{name}"' for name in NAMES) + "; or a `Generator`.", "    "),
        "alpha": """\
alpha : float or array
    The order. An array broadcasts against the result, one result for each order; it has no
    derivative.""",
        "axis": _AXIS,
        "from_logits": """\
from_logits : bool or pair of bools, default False
    Whether p and q are logits (unnormalized log-probabilities; log-probabilities are logits
    too); a pair ``(p_is_log, q_is_log)`` sets it separately for p and q.""",
        "normalize": """\
normalize : bool, default True
    Normalize both sides along ``axis``. If False, the measure of the masses as they are.""",
        "base": _BASE,
        "where": """\
where : array of bool, optional
    Entries to include; broadcasts to the operands' common shape. Excluded entries are
    replaced before any arithmetic. A mask of tokens is ``where=mask[..., None]``.""",
        "keepdims": _KEEPDIMS,
        "dtype": _dtype(
            "the promoted dtype of the operands: the wider of two, "
            "float32 for float16 with bfloat16, the float operand's if the other "
            "holds integers, and the library's default for integers alone. With "
            "float64 the result is accurate to float64 for narrower operands as "
            "well.",
        ),
    },
    returns="""\
array
    Divergences, of the same library and on the same device as the operands.""",
    raises={
        "TypeError": f"{_ONE_LIBRARY} If p holds class labels instead of a distribution.",
        "ValueError": _SHAPES,
    },
    limits="""\
The result is nan for a negative, infinite or nan weight, for a logit of nan or +inf and, if
normalized, for a side without any mass; it is 0 if nothing is selected or the axis is
empty. Entries that are zero (logits of -inf) on both sides contribute nothing.""",
    more="""\
An operand that needs no gradient costs none. Second derivatives are those of the same
formulas, without a bound of their own.""",
)

SINGLE = Texts(
    {
        **PAIR.parameters,
        "p": """\
p : array
    Non-negative weights, such as probabilities or counts, or logits.""",
        "from_logits": """\
from_logits : bool, default False
    Whether the operand holds logits (unnormalized log-probabilities; log-probabilities are
    logits too).""",
        "where": """\
where : array of bool, optional
    Entries to include; broadcasts to the operand. Excluded entries are replaced before any
    arithmetic. A mask of tokens is ``where=mask[..., None]``.""",
        "dtype": _dtype(
            "that of the operand, and the library's default for "
            "integers. With float64 the result is accurate to float64 for a "
            "narrower operand as well.",
        ),
    },
    returns="""\
array
    Entropies, of the same library and on the same device as the operand.""",
    raises={"TypeError": _ONE_LIBRARY, "ValueError": _SHAPES},
    limits="""\
The result is nan for a negative, infinite or nan weight, for a logit of nan or +inf and, if
normalized, for a distribution without any mass; it is 0 if nothing is selected or the axis
is empty. Entries that are zero (logits of -inf) contribute nothing.""",
    more="Second derivatives are those of the same formulas, without a bound of their own.",
)

MAP_LIMITS = """\
A row's results are nan for a negative, infinite or nan weight, for a logit of nan or +inf
and, if normalized, for a side without any mass."""

LOG_DOMAIN = Texts(
    {
        "x": "x : array\n    Logits.",
        "axis": _AXIS,
        "keepdims": _KEEPDIMS,
    },
    raises={
        "TypeError": _ONE_LIBRARY,
        "ValueError": (
            "If shapes do not broadcast, and for an axis out of bounds. "
            "Values of arrays never raise."
        ),
    },
)

# --- tables ---------------------------------------------------------------------------------

TABLE = Texts(
    {
        "joint": """\
joint : array
    Non-negative weights, such as probabilities or counts, or logits, one for every
    combination of outcomes.""",
        "x_axis": """\
x_axis : int or tuple of ints, default {default}
    The axes of the first variable. Several axes form one variable.""",
        "y_axis": """\
y_axis : int or tuple of ints, default {default}
    The axes of the second variable. Several axes form one variable.""",
        "from_logits": """\
from_logits : bool, default False
    Whether joint holds logits (or log-probabilities).""",
        "base": _BASE,
        "where": """\
where : array of bool, optional
    Entries to include; broadcasts to joint. An excluded entry counts as one without mass.""",
        "keepdims": _KEEPDIMS,
        "dtype": _dtype(
            "that of joint, and the library's default for integers. With "
            "float64 the result is accurate to float64 for a narrower joint as "
            "well.",
        ),
    },
    returns="""\
array
    One number for each table, of the same library and on the same device as joint.""",
    raises={
        "TypeError": (f"{_OPERANDS}, and if an axis is not an integer."),
        "ValueError": (
            "If an axis is out of bounds or named twice, if ``where`` does not broadcast, "
            f"{_OPTIONS}"
        ),
    },
    limits="""\
The result is nan for a negative, infinite or nan weight, for a logit of nan or +inf, and if
there is no mass at all; it is 0 if nothing is selected or there are no outcomes. An outcome
without mass contributes nothing. Integers past 2**53 (2**24 if float64 is not available)
are rounded.""",
    more="""\
Gradients below 2**-100 (for a narrower joint 2**-70) times one over the table's total
(times 1 for logits) may be lost. Second derivatives are those of the same formulas, without
a bound of their own.""",
)

TABLE_ENTROPY = TABLE._replace(more=SINGLE.more)

# --- elementwise functions ------------------------------------------------------------------

ELEMENTWISE = Texts(
    {
        "p": """\
p : array
    The reference distribution: the probability of one of two outcomes, or its logit
    ``log(p/(1 - p))``.""",
        "q": """\
q : array
    The model, likewise. Broadcasts with p.""",
        "p_complement": """\
p_complement : array, optional
    The probability of p's other outcome, for which ``1 - p`` would be rounded. The two sum
    to 1 but for rounding, and are normalized.""",
        "q_complement": """\
q_complement : array, optional
    The probability of q's other outcome, likewise.""",
        "from_logits": """\
from_logits : bool or pair of bools, default False
    Whether p and q are logits; a pair ``(p_is_log, q_is_log)`` sets it separately for p and
    q.""",
        "base": _BASE,
        "dtype": _dtype(
            "the promoted dtype of the operands, and the library's "
            "default for integers. With float64 the result is accurate to float64 "
            "for narrower operands as well.",
        ),
    },
    raises={
        "TypeError": _ONE_LIBRARY,
        "ValueError": (f"If shapes do not broadcast, {_OPTIONS}"),
    },
)

CLOSED_FORM = Texts(
    {
        "where": """\
where : array of bool, optional
    Entries to include; broadcasts to the parameters' common shape. Excluded entries are
    replaced before any arithmetic; their result is 0 with gradient 0.""",
        "dtype": _dtype(
            "that of the parameters (the library's default for integers "
            "alone), but float32 for 16-bit parameters.",
        ),
    },
    returns="""\
array
    Divergences in nats, of the parameters' common shape, library and device.""",
    raises={
        "TypeError": _ONE_LIBRARY,
        "ValueError": (f"If shapes do not broadcast, {_OPTIONS}"),
    },
    limits="""\
The result is nan for parameters outside their domain, infinite or nan. Parameters that are
equal bit for bit give exactly 0, with a gradient of 0 inside their domain.""",
)

# --- samples and heads ----------------------------------------------------------------------

ESTIMATE = Texts(
    {
        "temperature": """\
temperature : float, default 1.0
    Divisor of the logits, greater than 0.""",
        "axis": """\
axis : int, default {default}
    The axis of the vocabulary.""",
        "where": """\
where : array of bool, optional
    Positions to include: a mask of tokens, of the result's shape or broadcasting to it. An
    excluded position has a result of 0 with gradient 0, whatever its values are.""",
        "dtype": _WIDE_DTYPE,
    },
    raises={
        "TypeError": _ONE_LIBRARY,
        "ValueError": (f"If shapes do not match or broadcast, {_OPTIONS}"),
    },
)

_HEAD_OPTIONS = {
    "temperature": ESTIMATE.parameters["temperature"],
    "base": _BASE,
    "gradient": """\
gradient : {"q", "p", "both"}, default "q"
    The side to differentiate. The other side is a constant, even if its gradient is
    recorded.""",
    "ignore_index": """\
ignore_index : int or None, default -100
    The label of tokens to leave out; None for no such label.""",
    "reduction": """\
reduction : {"none", "sum", "mean"}, default "none"
    Return one number for every token, their sum, or their mean over the included tokens.""",
    "dtype": _WIDE_DTYPE,
}

HEAD = Texts(
    {
        "hidden_p": """\
hidden_p : array of shape (..., size)
    Hidden states of the reference model (the teacher), one for every token. Without a
    ``weight_p``, its logits of shape (..., vocabulary).""",
        "weight_p": """\
weight_p : array of shape (vocabulary, size), or None
    The reference's head, laid out like a linear layer's weight.""",
        "hidden_q": """\
hidden_q : array of shape (..., size)
    Hidden states of the model (the student) for the same tokens, or its logits without a
    ``weight_q``. The sizes of the two models' hidden states may differ.""",
        "weight_q": """\
weight_q : array of shape (vocabulary, size), or None
    The model's head. At least one side needs a head.""",
        "bias_p": """\
bias_p : array of shape (vocabulary,), optional
    Bias of the reference's head; -inf excludes a word from that side.""",
        "bias_q": """\
bias_q : array of shape (vocabulary,), optional
    Bias of the model's head; -inf excludes a word from that side.""",
        "hidden": """\
hidden : array of shape (..., size)
    Hidden states, one for every token.""",
        "weight": """\
weight : array of shape (vocabulary, size)
    The head, laid out like a linear layer's weight.""",
        "bias": """\
bias : array of shape (vocabulary,), optional
    The head's bias.""",
        "vocab_size": """\
vocab_size : int, optional
    Number of words if weights, biases or logits are padded. Later rows and columns are not
    read, and have a gradient of zero.""",
        "where": """\
where : array of bool, optional
    Tokens to include, of the tokens' shape or broadcasting to it. An excluded token has a
    result of 0 and does not enter gradients, whatever its values are.""",
        "memory": """\
memory : int, optional
    Memory for tiles of logits and of their gradients, in bytes: 64 MiB by default, and 256
    MiB on a device. Results depend on it as matrix products depend on their sizes.""",
        **_HEAD_OPTIONS,
    },
    returns="""\
array
    A divergence for every token, of the operands' library and on their device.""",
    raises={
        "TypeError": (
            "If arrays belong to different libraries, are not dense, not of "
            "floating-point numbers, or lazy."
        ),
        "ValueError": (f"If shapes do not fit each other, {_OPTIONS}"),
    },
    more="""\
The products add rounding of their own: they are computed in the operands' dtype, but 16-bit
operands are multiplied exactly, accumulated in float32 and never rounded to 16 bits.
Gradients of hidden states, weights and biases are products as well, accumulated in float32
at least and rounded once (on CUDA devices, gradients by 16-bit heads' logits are rounded to
16 bits first, as a linear layer's are; in jax every tile's share of a weight's gradient
is). How a library computes float32 products, with TF32 for example, is its own setting.

For the same ``memory`` results have the same bits on any number of threads if the library's
matrix product has.

Derivatives (torch, jax) take one more product with every head, and no array of the size of
the logits. Second derivatives compute all logits at once; so do torch's forward mode and
vmap. jax has no forward mode of it.""",
)

# --- rows and heads that are sharded over ranks ---------------------------------------------

_GROUP = """\
group : torch.distributed.ProcessGroup, optional
    The ranks that share the """
_SUM_GRADIENTS = """\
sum_gradients : bool, default False
    Sum the gradients by the result over all ranks in the backward pass. For losses of which
    every rank computes a part of its own. If every rank computes the same loss, as
    tensor-parallel models do, the sum would count it once for each rank."""
_RANK_DTYPE = """\
dtype : dtype or str, optional
    Floating dtype of the result. By default the promoted dtype of the operands."""

RANKS = Texts(
    {
        "p": """\
p : tensor
    This rank's entries of the reference distribution; their number along ``axis`` may
    differ from rank to rank, and may be 0. Or a DTensor sharded along ``axis``.""",
        "q": """\
q : tensor
    This rank's entries of the model, of the same size along ``axis``, or a DTensor sharded
    along it.""",
        "a": """\
a : tensor
    This rank's exponents, of any number along ``axis``, or a DTensor sharded along it.""",
        "group": f"""{_GROUP}rows. By default all ranks; for DTensors their mesh.""",
        "first": """\
first : int, optional
    The index in the vocabulary of this rank's first logit. By default it is computed from
    gathered sizes, one integer for each rank, or taken from a DTensor.""",
        "temperature": ESTIMATE.parameters["temperature"],
        "axis": """\
axis : int, default {default}
    The axis along which the rows are sharded.""",
        "from_logits": PAIR.parameters["from_logits"],
        "base": _BASE,
        "where": """\
where : tensor of bool, optional
    This rank's entries to include; broadcasts to them. A mask of tokens is
    ``where=mask[..., None]``.""",
        "dtype": _RANK_DTYPE,
        "sum_gradients": _SUM_GRADIENTS,
    },
    raises={
        "TypeError": (
            "If an operand is not a `torch.Tensor`, and if only some of the operands are "
            "DTensors."
        ),
        "ValueError": (
            "If shapes do not match, if ``where`` does not broadcast, if a DTensor is not "
            "sharded along ``axis``, and for an invalid option."
        ),
    },
    more="""\
The forward pass makes one gather of states; the backward pass exchanges nothing, and every
rank gets the gradient of its own entries. All ranks of the group must call, with rows of
the same shape and dtype. A rank that fails leaves the others waiting in the gather until
the group's timeout raises an error there (``timeout=`` of
`torch.distributed.init_process_group`); a rank that exits ends them at once. Second
derivatives, which would need another exchange, raise.""",
)

RANK_HEADS = Texts(
    {
        "hidden_p": """\
hidden_p : tensor of shape (..., size)
    Hidden states of the reference model (the teacher), one for every token and the same on
    every rank. Without a ``weight_p``, its logits of this rank's words, of shape
    (..., words).""",
        "weight_p": """\
weight_p : tensor of shape (words, size), or None
    This rank's rows of the reference's head, of any number including 0, or a DTensor
    sharded along its first axis.""",
        "hidden_q": """\
hidden_q : tensor of shape (..., size)
    Hidden states of the model (the student) for the same tokens, or its logits of this
    rank's words without a ``weight_q``.""",
        "weight_q": """\
weight_q : tensor of shape (words, size), or None
    This rank's rows of the model's head. At least one side needs a head.""",
        "bias_p": """\
bias_p : tensor of shape (words,), optional
    Biases of this rank's words in the reference's head, or a DTensor sharded likewise.""",
        "bias_q": """\
bias_q : tensor of shape (words,), optional
    Biases of this rank's words in the model's head, or a DTensor sharded likewise.""",
        "hidden": """\
hidden : tensor of shape (..., size)
    Hidden states, one for every token and the same on every rank.""",
        "weight": """\
weight : tensor of shape (words, size)
    This rank's rows of the head, or a DTensor sharded along its first axis.""",
        "bias": """\
bias : tensor of shape (words,), optional
    Biases of this rank's words, or a DTensor sharded likewise.""",
        "group": f"""{_GROUP}vocabulary. By default all ranks; for DTensors their mesh.""",
        "first": """\
first : int, optional
    The index in the vocabulary of this rank's first word; words are in the order of ranks.
    By default it is computed from gathered sizes, or taken from a DTensor.""",
        "vocab_size": """\
vocab_size : int, optional
    Number of this rank's words, if its shards are padded.""",
        "where": """\
where : tensor of bool, optional
    Tokens to include, the same on every rank, of the tokens' shape or broadcasting to it.""",
        "memory": """\
memory : int, optional
    Memory for a rank's tiles of logits and of their gradients, in bytes: 64 MiB by default,
    and 256 MiB on a device.""",
        **_HEAD_OPTIONS,
        "sum_gradients": _SUM_GRADIENTS,
    },
    raises={
        "TypeError": (
            "If an operand is not a `torch.Tensor` of floating-point numbers, and if only "
            "some of a rank's shards are DTensors."
        ),
        "ValueError": (
            "If shapes do not fit each other, if a DTensor is not sharded along the "
            "vocabulary or on the same mesh as the others, and for an invalid option."
        ),
    },
    more="""\
All ranks get the whole gradient by the hidden states, which are the same everywhere: it is
summed over them in the precision of the products, before it is rounded. Gradients by
weights and biases are those of the rank's own words.

All ranks of the group must call, with the same tokens. A rank that fails leaves the others
waiting until the group's timeout raises an error there. Second derivatives raise.""",
)

# --- rows that arrive in parts --------------------------------------------------------------

STATE = Texts(
    {
        "axis": """\
axis : int, tuple of ints or None, default -1
    The axes of a block that hold one distribution, along which data are streamed.""",
        "from_logits": PAIR.parameters["from_logits"],
        "normalize": """\
normalize : bool, default True
    Normalize over all blocks. If False, the measure of the masses as they are.""",
        "base": _BASE,
        "dtype": """\
dtype : dtype or str, optional
    Floating dtype of the result. By default that of the blocks, which must be the same for
    all of them.""",
    },
    raises={},
)

UPDATE = Texts(
    {
        "p": "p : array\n    The block's entries of the distribution, or of the reference.",
        "q": """\
q : array
    The block's entries of the model, of the same size along ``axis``.""",
        "a": "a : array\n    Exponents.",
        "where": """\
where : array of bool, optional
    Entries to include; broadcasts to the block.""",
    },
    returns="State\n    A new state of the same kind.",
    raises={
        "TypeError": (
            "If the block belongs to another library or has another dtype than earlier blocks, "
            "and if the function of whole rows raises it."
        ),
        "ValueError": (
            "If the block has rows of another shape than earlier blocks, and if the function "
            "of whole rows raises it."
        ),
    },
)
