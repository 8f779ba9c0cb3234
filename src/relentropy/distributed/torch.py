"""Vocabulary-parallel measures: every rank of a process group holds a shard of each row.

For tensor-parallel training, in which the last layer leaves each rank with the logits of its
part of the vocabulary and no rank with a whole row. The functions are those of the library with
a ``group``; they take the rank's own entries, of any number, or DTensors that are sharded along
the axis. The forward pass makes one gather of states, a dozen numbers for every row; the
backward pass exchanges nothing, and every rank gets the gradient of its own entries.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, overload

import torch
from torch import Tensor

from .. import _arguments, divergences, entropies, special
from .._arrays.prepared import Prepared
from .._arrays.protocols import Measure
from .._autodiff.jobs import RowJob
from .._doc_texts import RANKS
from .._formulas.cross_entropy import CrossEntropy
from .._formulas.kl_logits import KLFromLogits
from .._formulas.logsumexp import LogSumExp
from .._formulas.tempered import tempered
from .._formulas.token import TokenLogProb
from .._records import counterpart
from ..estimators import tokens as _tokens
from ._ranks import (
    entries_before,
    evaluate,
    group_of,
    is_dtensor,
    place_of_shard,
    replicated,
    require_shard,
)

__all__ = ["cross_entropy", "entropy", "kl_divergence", "logsumexp", "token_log_probs"]

Group = Any


@counterpart(divergences.kl_divergence, RANKS)
def kl_divergence(
    p: Tensor,
    q: Tensor,
    *,
    group: Group = None,
    axis: int = -1,
    from_logits: _arguments.FromLogits = False,
    temperature: float = 1.0,
    base: float | None = None,
    where: Tensor | None = None,
    dtype: Any = None,
    sum_gradients: bool = False,
) -> Tensor:
    r"""Return the relative entropy D(p‖q) of rows that are sharded over ranks.

    .. math:: D(p \| q) = \sum_i p_i \log \frac{p_i}{q_i}

    Parameters
    ----------
    temperature : float, default 1.0
        Divisor of the logits, applied in working precision and without an array of quotients.
        It needs logits on both sides.

    Returns
    -------
    tensor
        Divergences, the same bits on every rank; for DTensors a replicated DTensor.

    See Also
    --------
    relentropy.kl_divergence : for rows in one place.

    Notes
    -----
    Weights are converted to their logarithms, so that they need one gather as well; the notes
    of `relentropy.streaming.KLState` give the cost.

    Examples
    --------
    In every process of a group, with its part of the vocabulary; here in a group of one
    process:

    >>> import torch
    >>> from torch import distributed
    >>> from relentropy.distributed.torch import kl_divergence
    >>> alone = {"rank": 0, "world_size": 1, "store": distributed.HashStore()}
    >>> distributed.init_process_group("gloo", **alone)
    >>> teacher = torch.tensor([[1.0, 2.0, 3.0]])
    >>> student = torch.tensor([[1.0, 2.0, 2.0]], requires_grad=True)
    >>> loss = kl_divergence(teacher, student, from_logits=True).mean()
    >>> loss.backward()
    >>> print(f"{loss.item():.6f}")
    0.119630
    >>> distributed.destroy_process_group()
    """
    flags = _arguments.both_flags(from_logits)
    temperature = _arguments.positive("temperature", temperature)
    if temperature != 1 and not all(flags):
        raise ValueError("temperature is for logits: pass from_logits=True, or 1")
    measure = KLFromLogits(flags, True, _arguments.checked_base(base))
    call = _Call({"p": p, "q": q}, group, axis, where, dtype, sum_gradients)
    return call.done(tempered(measure, temperature))[0]


@counterpart(entropies.cross_entropy, RANKS)
def cross_entropy(
    p: Tensor,
    q: Tensor,
    *,
    group: Group = None,
    axis: int = -1,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    where: Tensor | None = None,
    dtype: Any = None,
    sum_gradients: bool = False,
) -> Tensor:
    r"""Return the cross-entropy of q under p, for rows that are sharded over ranks.

    .. math:: H(p, q) = -\sum_i p_i \log q_i

    Returns
    -------
    tensor
        Cross-entropies, the same bits on every rank; for DTensors a replicated DTensor.

    See Also
    --------
    token_log_probs : if p is a token.
    relentropy.cross_entropy : for rows in one place.

    Examples
    --------
    In every process of a group, with its part of the vocabulary; here in a group of one
    process:

    >>> import torch
    >>> from torch import distributed
    >>> from relentropy.distributed.torch import cross_entropy
    >>> alone = {"rank": 0, "world_size": 1, "store": distributed.HashStore()}
    >>> distributed.init_process_group("gloo", **alone)
    >>> targets = torch.tensor([[0.0, 0.5, 0.5]])
    >>> logits = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    >>> loss = cross_entropy(targets, logits, from_logits=(False, True)).mean()
    >>> print(f"{loss.item():.6f}")
    0.907606
    >>> distributed.destroy_process_group()
    """
    measure = CrossEntropy(_arguments.both_flags(from_logits), _arguments.checked_base(base))
    call = _Call({"p": p, "q": q}, group, axis, where, dtype, sum_gradients)
    return call.done(measure)[0]


@counterpart(entropies.entropy, RANKS)
def entropy(
    p: Tensor,
    *,
    group: Group = None,
    axis: int = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Tensor | None = None,
    dtype: Any = None,
    sum_gradients: bool = False,
) -> Tensor:
    r"""Return the Shannon entropy of rows that are sharded over ranks.

    .. math:: H(p) = -\sum_i p_i \log p_i

    Parameters
    ----------
    p : tensor
        This rank's entries, of any number along ``axis``, or a DTensor sharded along it.
    from_logits : bool, default False
        Whether p are logits (or log-probabilities).

    Returns
    -------
    tensor
        Entropies, the same bits on every rank; for a DTensor a replicated DTensor.

    See Also
    --------
    relentropy.entropy : for rows in one place.

    Examples
    --------
    In every process of a group, with its part of the vocabulary; here in a group of one
    process:

    >>> import torch
    >>> from torch import distributed
    >>> from relentropy.distributed.torch import entropy
    >>> alone = {"rank": 0, "world_size": 1, "store": distributed.HashStore()}
    >>> distributed.init_process_group("gloo", **alone)
    >>> bonus = entropy(torch.tensor([[1.0, 2.0, 3.0]]), from_logits=True).mean()
    >>> print(f"{bonus.item():.6f}")
    0.832396
    >>> distributed.destroy_process_group()
    """
    flags = (_arguments.one_flag("from_logits", from_logits),) * 2
    measure = CrossEntropy(flags, _arguments.checked_base(base), same=True)
    return _Call({"p": p}, group, axis, where, dtype, sum_gradients).done(measure)[0]


@counterpart(special.logsumexp, RANKS)
def logsumexp(
    a: Tensor,
    *,
    group: Group = None,
    axis: int = -1,
    where: Tensor | None = None,
    dtype: Any = None,
    sum_gradients: bool = False,
) -> Tensor:
    r"""Return the logarithm of a sum of exponentials, for rows that are sharded over ranks.

    .. math:: \log \sum_i e^{a_i}

    Returns
    -------
    tensor
        Logarithms, the same bits on every rank; for a DTensor a replicated DTensor. -inf if no
        rank has selected any entry.

    See Also
    --------
    relentropy.special.logsumexp : for rows in one place.

    Examples
    --------
    In every process of a group, with its part of the vocabulary; here in a group of one
    process:

    >>> import torch
    >>> from torch import distributed
    >>> from relentropy.distributed.torch import logsumexp
    >>> alone = {"rank": 0, "world_size": 1, "store": distributed.HashStore()}
    >>> distributed.init_process_group("gloo", **alone)
    >>> logits = torch.tensor([[1.0, 2.0, 3.0]])
    >>> log_probs = logits - logsumexp(logits)[..., None]
    >>> print(f"{log_probs.exp().sum().item():.4f}")
    1.0000
    >>> distributed.destroy_process_group()
    """
    return _Call({"a": a}, group, axis, where, dtype, sum_gradients).done(LogSumExp())[0]


@overload
def token_log_probs(
    logits: Tensor, tokens: Tensor, *, group: Group = None, first: int | None = None,
    temperature: float = 1.0, axis: int = -1, return_entropy: Literal[False] = False, where:
    Tensor | None = None, dtype: Any = None, sum_gradients: bool = False,
) -> Tensor: ...  # fmt: skip


@overload
def token_log_probs(
    logits: Tensor, tokens: Tensor, *, group: Group = None, first: int | None = None,
    temperature: float = 1.0, axis: int = -1, return_entropy: Literal[True], where: Tensor |
    None = None, dtype: Any = None, sum_gradients: bool = False,
) -> tuple[Tensor, Tensor]: ...  # fmt: skip


@overload
def token_log_probs(
    logits: Tensor, tokens: Tensor, *, group: Group = None, first: int | None = None,
    temperature: float = 1.0, axis: int = -1, return_entropy: bool, where: Tensor | None =
    None, dtype: Any = None, sum_gradients: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...  # fmt: skip


@counterpart(_tokens.token_log_probs, RANKS)
def token_log_probs(
    logits: Tensor,
    tokens: Tensor,
    *,
    group: Group = None,
    first: int | None = None,
    temperature: float = 1.0,
    axis: int = -1,
    return_entropy: bool = False,
    where: Tensor | None = None,
    dtype: Any = None,
    sum_gradients: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Return the log-probabilities of tokens under logits that are sharded over ranks.

    .. math:: \log \operatorname{softmax}(a / T)_{t} = a_t / T - \log \sum_i \exp(a_i / T)

    Their negative is the cross-entropy loss of a vocabulary-parallel language model.

    Parameters
    ----------
    logits : tensor
        The logits of this rank's part of the vocabulary, or a DTensor sharded along ``axis``.
        Parts are in the order of ranks.
    tokens : tensor of int
        The chosen entries of the whole vocabulary, the same on every rank.
    return_entropy : bool, default False
        Return the rows' entropies as well, from the same states.
    dtype : dtype or str, optional
        Floating dtype of the results. By default that of the logits, but float32 for 16-bit
        logits.

    Returns
    -------
    tensor, or a pair of them
        Log-probabilities in nats, and with ``return_entropy`` entropies; the same bits on every
        rank. A token that is on no rank has nan.

    Raises
    ------
    TypeError
        If tokens are not integers.
    ValueError
        If tokens have another shape than the rows.

    See Also
    --------
    relentropy.estimators.token_log_probs : for rows in one place.

    Examples
    --------
    In every process of a group, with its part of the vocabulary; here in a group of one
    process:

    >>> import torch
    >>> from torch import distributed
    >>> from relentropy.distributed.torch import token_log_probs
    >>> alone = {"rank": 0, "world_size": 1, "store": distributed.HashStore()}
    >>> distributed.init_process_group("gloo", **alone)
    >>> logits = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    >>> loss = -token_log_probs(logits, torch.tensor([2])).mean()
    >>> print(f"{loss.item():.6f}")
    0.407606
    >>> distributed.destroy_process_group()
    """
    temperature = _arguments.positive("temperature", temperature)
    with_entropy = _arguments.one_flag("return_entropy", return_entropy)
    call = _Call({"logits": logits}, group, axis, where, dtype, sum_gradients)
    (local,) = call.operands.values()
    tokens = replicated("tokens", tokens)
    tokens, _ = _arguments.labels("tokens", tokens, "logits", local, call.axis)
    size = local.shape[call.axis]
    first = call.first(size) if first is None else _arguments.integer("first", first, 0)
    # An entry is known by its place on this rank, where the tokens of others are nowhere.
    tokens = tokens - first if size else torch.full_like(tokens, -2)
    places = torch.arange(size, dtype=torch.int32, device=local.device)
    places = places.reshape((-1,) + (1,) * (local.ndim - call.axis - 1))
    found = call.done(
        tempered(TokenLogProb(with_entropy), temperature),
        {"tokens": tokens, "positions": places},
        widen=True,
    )
    return (found[0], found[1]) if with_entropy else found[0]


class _Sharding(NamedTuple):
    """Mesh and size of sharded rows."""

    mesh: Any
    size: int
    """Size of the whole axis."""


class _Call:
    """Arguments of a call as tensors of this rank."""

    def __init__(
        self, operands: dict[str, Any], group: Group, axis: Any, where: Any, dtype: Any,
        sum_gradients: Any,
    ) -> None:  # fmt: skip
        for name, one in operands.items():
            if not isinstance(one, Tensor):
                raise TypeError(f"{name} must be a torch tensor, not {type(one).__name__}")
        ndim = max(one.ndim for one in operands.values())
        self.axis = _arguments.one_axis(axis, ndim)
        self.dtype = dtype
        self.sum_gradients = _arguments.one_flag("sum_gradients", sum_gradients)
        self.sharding = self._common(operands, ndim)
        first = next(iter(operands.values()))
        self.group = group_of(group, None if self.sharding is None else first)
        self.operands = {
            name: one if self.sharding is None else one.to_local()
            for name, one in operands.items()
        }
        self.where = where
        if is_dtensor(where):
            self.where = where.to_local()

    def done(
        self, measure: Measure, parameters: dict[str, Any] | None = None, *, widen: bool = False
    ) -> tuple[Tensor, ...]:
        """Return the measure's outputs for the rows of all ranks."""
        call = Prepared(self.operands, self.where, self.dtype, parameters, widen=widen)
        layout = call.layout(self.axis)
        job = RowJob(layout, call.result_dtype, call.xp, measure)
        found = evaluate(job, call.operands, self.group, sum_gradients=self.sum_gradients)
        if self.sharding is None:
            return found
        from torch.distributed.tensor import DTensor, Replicate

        mesh = self.sharding.mesh
        return tuple(
            DTensor.from_local(one, mesh, [Replicate()], run_check=False) for one in found
        )

    def first(self, size: int) -> int:
        """Return the number of entries on the ranks before this one."""
        device = next(iter(self.operands.values())).device
        if self.sharding is None:
            return entries_before(size, self.group, device)
        return place_of_shard(self.sharding.size, self.group)

    def _common(self, operands: dict[str, Any], ndim: int) -> _Sharding | None:
        """Return the sharding of DTensors, or None for plain tensors."""
        given = [name for name, one in operands.items() if is_dtensor(one)]
        if not given:
            return None
        if len(given) < len(operands):
            raise TypeError(f"{given[0]} is a DTensor, and the others are not; shard all")
        first = operands[given[0]]
        for name, one in operands.items():
            along = self.axis - (ndim - one.ndim)
            require_shard(name, one, first, along)
        return _Sharding(first.device_mesh, first.shape[self.axis - (ndim - first.ndim)])
