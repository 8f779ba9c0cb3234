"""Language-model heads whose vocabulary is sharded over ranks.

`relentropy.heads` for tensor-parallel models: each rank has some rows of the weights, as a
column-parallel linear layer has, and all hidden states. Logits exist in tiles only, and no rank
has a whole row of them. The forward pass makes one gather of states, a handful of numbers for
each token; the backward pass makes one exchange, the sum of the hidden states' gradients.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, overload

import torch
from torch import Tensor

from .. import _arguments, heads
from .._doc_texts import RANK_HEADS
from .._formulas.cross_entropy import CrossEntropy
from .._formulas.kl_logits import KLFromLogits
from .._formulas.token import TokenLogProb
from .._heads import (
    Given,
    class_labels,
    reduced,
    require_a_head,
    require_weight,
    rows_of,
    shapes_of,
    two_sides,
    whole_numbers,
)
from .._records import counterpart
from ._heads import evaluate
from ._ranks import (
    entries_before,
    group_of,
    is_dtensor,
    place_of_shard,
    replicated,
    require_shard,
)

__all__ = ["linear_cross_entropy", "linear_kl_divergence", "linear_token_log_probs"]

Group = Any


@counterpart(heads.linear_kl_divergence, RANK_HEADS)
def linear_kl_divergence(
    hidden_p: Tensor,
    weight_p: Tensor | None,
    hidden_q: Tensor,
    weight_q: Tensor | None,
    *,
    group: Group = None,
    bias_p: Tensor | None = None,
    bias_q: Tensor | None = None,
    temperature: float = 1.0,
    base: float | None = None,
    vocab_size: int | None = None,
    where: Tensor | None = None,
    gradient: Literal["q", "p", "both"] = "q",
    memory: int | None = None,
    dtype: Any = None,
    sum_gradients: bool = False,
) -> Tensor:
    r"""Return the relative entropy D(p‖q) of two heads that are sharded over ranks.

    .. math:: D(p \| q), \quad
        p = \operatorname{softmax}((h_p W_p^\top + b_p) / T), \;
        q = \operatorname{softmax}((h_q W_q^\top + b_q) / T)

    Returns
    -------
    tensor
        A divergence for every token, the same bits on every rank.

    See Also
    --------
    relentropy.heads.linear_kl_divergence : for heads in one place.
    relentropy.distributed.torch.kl_divergence : from materialized logits.

    Examples
    --------
    In every process of a group, with its rows of both heads; here in a group of one process:

    >>> import torch
    >>> from torch import distributed
    >>> from relentropy.distributed.heads import linear_kl_divergence
    >>> alone = {"rank": 0, "world_size": 1, "store": distributed.HashStore()}
    >>> distributed.init_process_group("gloo", **alone)
    >>> hidden, head = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 0], [0, 1], [2, 2]])
    >>> student = (0.5 * head).requires_grad_()
    >>> loss = linear_kl_divergence(hidden, head, hidden, student).mean()
    >>> loss.backward()
    >>> print(f"{loss.item():.6f}")
    0.060269
    >>> distributed.destroy_process_group()
    """
    temperature = _arguments.positive("temperature", temperature)
    base = _arguments.checked_base(base)
    gradient = _arguments.chosen("gradient", gradient, ("q", "p", "both"))
    own = {"weight_p": weight_p, "weight_q": weight_q, "bias_p": bias_p, "bias_q": bias_q}
    whole = {"hidden_p": hidden_p, "hidden_q": hidden_q}
    for side in "pq":  # without a head the logits of this rank's words
        if own[f"weight_{side}"] is None:
            own[f"hidden_{side}"] = whole.pop(f"hidden_{side}")
    call = _Call(own, whole, group, sum_gradients)
    given = {**call.own, **call.whole}
    p, q = two_sides(
        given["hidden_p"], given["weight_p"], given["bias_p"],
        given["hidden_q"], given["weight_q"], given["bias_q"], gradient,
    )  # fmt: skip
    require_a_head(p, q)
    (value,) = rows_of(
        KLFromLogits((True, True), True, base), [p, q], temperature=temperature,
        vocab_size=vocab_size, where=where, memory=memory, dtype=dtype, evaluate=call.evaluate,
    )  # fmt: skip
    return value


@counterpart(heads.linear_cross_entropy, RANK_HEADS)
def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    group: Group = None,
    first: int | None = None,
    bias: Tensor | None = None,
    temperature: float = 1.0,
    ignore_index: int | None = -100,
    reduction: Literal["none", "sum", "mean"] = "none",
    vocab_size: int | None = None,
    where: Tensor | None = None,
    memory: int | None = None,
    dtype: Any = None,
    sum_gradients: bool = False,
) -> Tensor:
    r"""Return the cross-entropy of targets under a head that is sharded over ranks.

    .. math:: H(p, q) = -\sum_i p_i \log q_i, \quad
        q = \operatorname{softmax}((h W^\top + b) / T)

    Parameters
    ----------
    targets : tensor of int of shape (...), or of floats of shape (..., words)
        Labels among all words, the same on every rank; or soft targets of this rank's words,
        weights that are normalized over all of them, and constants in derivatives.

    Returns
    -------
    tensor
        Cross-entropies in nats, the same bits on every rank; tokens that are left out have 0,
        and so has the mean of none.

    See Also
    --------
    relentropy.heads.linear_cross_entropy : for a head in one place.

    Notes
    -----
    A label that is on no rank, and not ignored, gives nan.

    Examples
    --------
    In every process of a group, with its rows of the head; here in a group of one process:

    >>> import torch
    >>> from torch import distributed
    >>> from relentropy.distributed.heads import linear_cross_entropy
    >>> alone = {"rank": 0, "world_size": 1, "store": distributed.HashStore()}
    >>> distributed.init_process_group("gloo", **alone)
    >>> hidden, head = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 0], [0, 1], [2, 2]])
    >>> loss = linear_cross_entropy(hidden, head, torch.tensor([0]), reduction="mean")
    >>> print(f"{loss.item():.6f}")
    0.407606
    >>> distributed.destroy_process_group()
    """
    reduction = _arguments.chosen("reduction", reduction, ("none", "sum", "mean"))
    own, whole = {"weight": weight, "bias": bias}, {"hidden": hidden}
    soft = isinstance(targets, Tensor) and targets.dtype.is_floating_point
    (own if soft else whole)["targets"] = targets
    call = _Call(own, whole, group, sum_gradients)
    targets = {**call.own, **call.whole}["targets"]
    side = Given("", call.whole["hidden"], call.own["weight"], call.own["bias"])
    require_weight(side)
    options = {
        "temperature": temperature, "vocab_size": vocab_size, "memory": memory, "dtype": dtype,
        "evaluate": call.evaluate,
    }  # fmt: skip
    if soft:
        entries = Given("", targets, label="targets", moves=False, log=False)
        (value,) = rows_of(
            CrossEntropy((False, True), None), [entries, side], where=where, **options
        )
    else:
        whole_numbers("targets", targets, hidden)
        targets, where = class_labels(targets, ignore_index, where, side)
        (value,) = rows_of(
            TokenLogProb(with_entropy=False), [side],
            tokens=call.among_own(targets, side, first, vocab_size), where=where, **options,
        )  # fmt: skip
        value = 0 - value  # not -0 for what is left out
    return value if reduction == "none" else reduced(value, where, reduction)


@overload
def linear_token_log_probs(
    hidden: Tensor, weight: Tensor, tokens: Tensor, *, group: Group = None, first: int |
    None = None, bias: Tensor | None = None, temperature: float = 1.0, return_entropy:
    Literal[False] = False, vocab_size: int | None = None, where: Tensor | None = None,
    memory: int | None = None, dtype: Any = None, sum_gradients: bool = False,
) -> Tensor: ...  # fmt: skip


@overload
def linear_token_log_probs(
    hidden: Tensor, weight: Tensor, tokens: Tensor, *, group: Group = None, first: int |
    None = None, bias: Tensor | None = None, temperature: float = 1.0, return_entropy:
    Literal[True], vocab_size: int | None = None, where: Tensor | None = None, memory: int |
    None = None, dtype: Any = None, sum_gradients: bool = False,
) -> tuple[Tensor, Tensor]: ...  # fmt: skip


@overload
def linear_token_log_probs(
    hidden: Tensor, weight: Tensor, tokens: Tensor, *, group: Group = None, first: int |
    None = None, bias: Tensor | None = None, temperature: float = 1.0, return_entropy: bool,
    vocab_size: int | None = None, where: Tensor | None = None, memory: int | None = None,
    dtype: Any = None, sum_gradients: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...  # fmt: skip


@counterpart(heads.linear_token_log_probs, RANK_HEADS)
def linear_token_log_probs(
    hidden: Tensor,
    weight: Tensor,
    tokens: Tensor,
    *,
    group: Group = None,
    first: int | None = None,
    bias: Tensor | None = None,
    temperature: float = 1.0,
    return_entropy: bool = False,
    vocab_size: int | None = None,
    where: Tensor | None = None,
    memory: int | None = None,
    dtype: Any = None,
    sum_gradients: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Return the log-probabilities of tokens under a head that is sharded over ranks.

    .. math:: \log \operatorname{softmax}((h W^\top + b) / T)_t

    Parameters
    ----------
    tokens : tensor of int of shape (...)
        The chosen words among all, the same on every rank.
    return_entropy : bool, default False
        Return the rows' entropies as well, from the same tiles.

    Returns
    -------
    tensor, or a pair of them
        Log-probabilities in nats, and with ``return_entropy`` entropies; the same bits on every
        rank. A token that is on no rank has nan.

    See Also
    --------
    relentropy.heads.linear_token_log_probs : for a head in one place.

    Examples
    --------
    In every process of a group, with its rows of the head; here in a group of one process:

    >>> import torch
    >>> from torch import distributed
    >>> from relentropy.distributed.heads import linear_token_log_probs
    >>> alone = {"rank": 0, "world_size": 1, "store": distributed.HashStore()}
    >>> distributed.init_process_group("gloo", **alone)
    >>> hidden, head = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 0], [0, 1], [2, 2]])
    >>> tokens = torch.tensor([0])
    >>> logs, entropies = linear_token_log_probs(hidden, head, tokens, return_entropy=True)
    >>> print(f"{logs.item():.6f} {entropies.item():.6f}")
    -0.407606 0.832396
    >>> distributed.destroy_process_group()
    """
    with_entropy = _arguments.one_flag("return_entropy", return_entropy)
    call = _Call(
        {"weight": weight, "bias": bias}, {"hidden": hidden, "tokens": tokens}, group,
        sum_gradients,
    )  # fmt: skip
    side = Given("", call.whole["hidden"], call.own["weight"], call.own["bias"])
    require_weight(side)
    rows, _ = shapes_of(side)
    tokens = whole_numbers("tokens", call.whole["tokens"], hidden)
    if tuple(tokens.shape) != rows:
        raise ValueError(f"tokens must have the shape {rows}, not {tuple(tokens.shape)}")
    found = rows_of(
        TokenLogProb(with_entropy), [side],
        tokens=call.among_own(tokens, side, first, vocab_size), temperature=temperature,
        vocab_size=vocab_size, where=where, memory=memory, dtype=dtype, evaluate=call.evaluate,
    )  # fmt: skip
    return (found[0], found[1]) if with_entropy else found[0]


class _Call:
    """Arguments of a call as tensors of this rank."""

    def __init__(
        self, own: dict[str, Any], whole: dict[str, Any], group: Group, sum_gradients: Any
    ) -> None:
        for name, one in {**whole, **own}.items():
            optional = name.startswith(("weight", "bias"))
            if not isinstance(one, Tensor) and not (one is None and optional):
                raise TypeError(f"{name} must be a torch tensor, not {type(one).__name__}")
        sharded = {name: one for name, one in own.items() if is_dtensor(one)}
        self.words: int | None = None
        """Number of words on all ranks, if the operands are DTensors."""
        first = next(iter(sharded.values()), None)
        self.group = group_of(group, first)
        for name, one in sharded.items():
            axis = 0 if name.startswith(("weight", "bias")) else one.ndim - 1
            require_shard(name, one, first, axis)
            self.words = one.shape[axis]
        for name, one in own.items():
            if sharded and one is not None and name not in sharded:
                raise TypeError(
                    f"{name} is no DTensor, and {next(iter(sharded))} is; shard all"
                )
        self.own = {
            name: one.to_local() if name in sharded else one for name, one in own.items()
        }
        self.whole = {name: replicated(name, one) for name, one in whole.items()}
        flag = _arguments.one_flag("sum_gradients", sum_gradients)
        self.evaluate = partial(evaluate, group=self.group, sum_gradients=flag)

    def among_own(
        self, tokens: Tensor, side: Given, first: int | None, vocab_size: Any
    ) -> Tensor:
        """Return the words' indices on this rank, and -2 for words of other ranks."""
        size = shapes_of(side)[1]
        if vocab_size is not None:
            size = _arguments.integer("vocab_size", vocab_size, 0)
        if first is not None and self.words is not None:
            raise ValueError("first is known of DTensors: leave it out")
        if first is not None:
            first = _arguments.integer("first", first, 0)
        elif self.words is None:
            first = entries_before(size, self.group, side.hidden.device)
        else:
            first = place_of_shard(self.words, self.group)
        places = tokens.to(torch.int64) - first
        # -1 is the place of what pads a row that has no words here.
        return torch.where((places >= 0) & (places < size), places, -2)
