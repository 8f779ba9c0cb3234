"""One rank of a group: every case, and what is saved of it. Run as a module."""

import datetime as dt
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

ROWS, COLUMNS = 4, 11
CUTS = {2: [0, 7, 11], 3: [0, 5, 5, 11]}
"""Shards are uneven, and one of three is empty."""
TOKENS = [10, 0, 6, -100]
WEIGHTS = [1.0, -0.5, 2.0, 0.25]
"""Of the rows in the loss."""


def drawn(kind, dtype):
    """Operands of all ranks."""
    rng = np.random.default_rng(7)
    a = 2 * rng.normal(size=(ROWS, COLUMNS))
    b = a + 10.0 ** -np.arange(ROWS)[:, None] * rng.normal(size=(ROWS, COLUMNS))
    if kind == "weights":
        a, b = np.exp(a), np.exp(b)
    if kind == "mixed":
        a = np.exp(a)
    if kind == "masked":  # all that the last rank has, and more on one side
        a[:, 7:], b[:, 7:] = -np.inf, -np.inf
        a[1, :5] = -np.inf
    if kind == "far":
        a[:, 7:] += 900
    if kind == "teacher":
        a = a[:1]
    return [torch.tensor(x, dtype=dtype, requires_grad=True) for x in (a, b)]


def mask():
    chosen = torch.tensor(np.random.default_rng(8).random((ROWS, COLUMNS)) < 0.6)
    chosen[2] = False
    return chosen


# name: (function, kind of operands, dtype, options)
CASES = {
    "kl": ("kl_divergence", "logits", torch.float64, {"from_logits": True}),
    "kl in bits": ("kl_divergence", "logits", torch.float32, {"from_logits": True, "base": 2}),
    "kl of 16 bits": ("kl_divergence", "logits", torch.bfloat16, {"from_logits": True}),
    "kl of weights": ("kl_divergence", "weights", torch.float64, {}),
    "kl of both": ("kl_divergence", "mixed", torch.float64, {"from_logits": (False, True)}),
    "kl beside -inf": ("kl_divergence", "masked", torch.float64, {"from_logits": True}),
    "kl far apart": ("kl_divergence", "far", torch.float64, {"from_logits": True}),
    "kl of one teacher": ("kl_divergence", "teacher", torch.float64, {"from_logits": True}),
    "kl in float64": (
        "kl_divergence", "logits", torch.float32, {"from_logits": True, "dtype": "float64"},
    ),
    "cross-entropy": ("cross_entropy", "mixed", torch.float64, {"from_logits": (False, True)}),
    "cross-entropy of both": ("cross_entropy", "masked", torch.float32, {"from_logits": True}),
    "entropy": ("entropy", "logits", torch.float64, {"from_logits": True}),
    "entropy of weights": ("entropy", "weights", torch.float32, {"base": 2}),
    "logsumexp": ("logsumexp", "masked", torch.float64, {}),
    "tokens": ("token_log_probs", "logits", torch.float64, {}),
    "tokens and entropy": (
        "token_log_probs", "logits", torch.float32,
        {"return_entropy": True, "temperature": 0.7},
    ),
}  # fmt: skip
MASKED = ("kl", "entropy", "tokens", "logsumexp")


def operands_of(function, kind, dtype):
    operands = drawn(kind, dtype)
    return operands[: 1 if function in {"entropy", "logsumexp", "token_log_probs"} else 2]


def loss_of(found):
    """Rows whose value is none count nothing."""
    found = found if isinstance(found, tuple) else (found,)
    weights = torch.tensor(WEIGHTS)
    return sum(
        (i + 1) * (weights * torch.where(one.isfinite(), one, 0)).sum()
        for i, one in enumerate(found)
    )


def main(rank, world, folder):
    from relentropy.distributed import torch as sharded

    from . import sharded_heads

    folder = Path(folder)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world,
        timeout=dt.timedelta(seconds=60),
    )  # fmt: skip
    cut = slice(*CUTS[world][rank : rank + 2])
    saved = {}

    def run(name, function, kind, dtype, options, where=None):
        whole = operands_of(function, kind, dtype)
        own = [x.detach()[:, cut].clone().requires_grad_() for x in whole]
        more = [torch.tensor(TOKENS)] if function == "token_log_probs" else []
        where = None if where is None else where[:, cut]
        found = getattr(sharded, function)(*own, *more, where=where, **options)
        if name == "kl":
            found *= 1.0  # in place, as users may
        loss_of(found).backward()
        found = found if isinstance(found, tuple) else (found,)
        saved[name] = [x.detach() for x in found], [x.grad for x in own]

    for name, case in CASES.items():
        run(name, *case)
    for name in MASKED:
        run(name + ", masked", *CASES[name], where=mask())

    # Parts of a loss: the first rank has all of it.
    own = drawn("logits", torch.float64)[1].detach()[:, cut].clone().requires_grad_()
    value = sharded.entropy(own, from_logits=True, sum_gradients=True)
    (loss_of(value) * (rank == 0)).backward()
    saved["parts of a loss"] = [value.detach()], [own.grad]

    p = drawn("logits", torch.float64)[0][:, cut]
    value = sharded.token_log_probs(p, torch.tensor(TOKENS), first=CUTS[world][rank])
    saved["first is given"] = [value.detach()], []

    saved |= {f"DTensor {name}": one for name, one in dtensors(sharded, world).items()}
    saved["refused"] = refusals(sharded, world)
    saved["heads"] = sharded_heads.of_rank(rank, world)
    torch.save(saved, folder / f"{rank}.pt")

    # The last rank fails: it stays away, or it is gone.
    group = dist.new_group(timeout=dt.timedelta(seconds=2))
    dist.barrier()
    start = time.monotonic()
    if rank == world - 1:
        time.sleep(8 if world == 2 else 0.5)
        os._exit(7)
    try:
        sharded.entropy(p, from_logits=True, group=group)
    except RuntimeError as error:
        found = (time.monotonic() - start, str(error))
    else:
        found = (math.inf, "no error")
    torch.save(found, folder / f"failed-{rank}.pt")
    os._exit(0)  # without waiting for the rank that is gone


def dtensors(sharded, world):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Shard, distribute_tensor

    mesh, found = init_device_mesh("cpu", (world,)), {}
    for name in ("kl", "tokens"):
        function, kind, dtype, options = CASES[name]
        whole = operands_of(function, kind, dtype)
        own = [distribute_tensor(x.detach(), mesh, [Shard(1)]).requires_grad_() for x in whole]
        more = [torch.tensor(TOKENS)] if function == "token_log_probs" else []
        value = getattr(sharded, function)(*own, *more, **options)
        assert isinstance(value, DTensor)
        loss_of(value.to_local()).backward()
        gradients = [x.grad.full_tensor() for x in own]
        found[name] = [value.full_tensor().detach()], gradients
    return found


def refusals(sharded, world):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    mesh = init_device_mesh("cpu", (world,))
    x = torch.ones(ROWS, COLUMNS, dtype=torch.float64)
    by_rows, by_columns = (distribute_tensor(x, mesh, [Shard(i)]) for i in (0, 1))
    copies = distribute_tensor(x, mesh, [Replicate()])
    twice = x.clone().requires_grad_()
    calls = {
        "rows": lambda: sharded.entropy(by_rows),
        "copies": lambda: sharded.entropy(copies),
        "mixture": lambda: sharded.kl_divergence(x, by_columns),
        "group": lambda: sharded.entropy(by_columns, group=dist.group.WORLD),
        "numpy": lambda: sharded.entropy(x.numpy()),
        "temperature": lambda: sharded.kl_divergence(x, x, temperature=2.0),
        "labels": lambda: sharded.token_log_probs(x, torch.tensor([1.0] * ROWS)),
        "forwards": lambda: torch.func.jvp(sharded.entropy, (x,), (x,)),
        "twice": lambda: torch.autograd.grad(
            torch.autograd.grad(
                sharded.entropy(twice).sum(), twice, create_graph=True
            )[0].sum(),
            twice,
        ),
    }  # fmt: skip
    found = {}
    for name, call in calls.items():
        try:
            call()
        except (TypeError, ValueError, RuntimeError) as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
