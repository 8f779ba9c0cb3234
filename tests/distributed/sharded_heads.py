"""What one rank finds of heads of which it has some words, and what one machine finds."""

import numpy as np
import torch

from relentropy import heads

from .ranks import COLUMNS, CUTS, ROWS, TOKENS, loss_of

# name: (function, dtype, operands, options); operands by the names of their arguments.
CASES = {
    "kl": ("linear_kl_divergence", torch.float64, {"gradient": "both"}),
    "kl of logits": ("linear_kl_divergence", torch.float64, {"base": 2}),
    "kl of 16 bits": ("linear_kl_divergence", torch.bfloat16, {"temperature": 0.7}),
    "kl in small tiles": ("linear_kl_divergence", torch.float32, {"memory": 2000}),
    "kl of some tokens": ("linear_kl_divergence", torch.float64, {"where": True}),
    "labels": ("linear_cross_entropy", torch.float64, {"reduction": "mean"}),
    "soft targets": ("linear_cross_entropy", torch.float64, {"reduction": "sum"}),
    "tokens": ("linear_token_log_probs", torch.float64, {}),
    "tokens and entropy": ("linear_token_log_probs", torch.float32, {"return_entropy": True}),
}


def operands(name):
    """Tensors that are whole on every rank, and those of which a rank has its words."""
    function, dtype, _ = CASES[name]
    rng = np.random.default_rng(5)
    hidden_p, hidden_q = rng.normal(size=(2, ROWS, 6))
    hidden_p = hidden_p[:, :3]
    weight_p, weight_q = rng.normal(size=(COLUMNS, 3)), rng.normal(size=(COLUMNS, 6))
    bias = rng.normal(size=COLUMNS)
    bias[2] = -np.inf if function == "linear_kl_divergence" else 0.0
    if function != "linear_kl_divergence":
        whole, own = {"hidden": hidden_q}, {"weight": weight_q, "bias": bias}
    elif name == "kl of logits":
        bias[2] = 0.5
        whole, own = {"hidden_q": hidden_q}, {"weight_q": weight_q, "bias_q": bias}
        own["hidden_p"] = rng.normal(size=(ROWS, COLUMNS))  # of which it has some columns
    else:
        whole = {"hidden_p": hidden_p, "hidden_q": hidden_q}
        own = {
            "weight_p": weight_p, "weight_q": weight_q,
            "bias_p": bias, "bias_q": np.where(bias == -np.inf, bias, 0.3),
        }  # fmt: skip
    return tuple(
        {key: torch.tensor(x, dtype=dtype, requires_grad=True) for key, x in one.items()}
        for one in (whole, own)
    )


def arguments(name):
    """Those that are not differentiated, and the same of soft targets by columns."""
    function, dtype, options = CASES[name]
    options = dict(options)
    if options.get("where"):
        options["where"] = torch.tensor([True, False, True, True])
    if name == "kl of logits":
        options["weight_p"] = None
    targets = None
    if name == "soft targets":
        targets = torch.tensor(np.random.default_rng(6).random((ROWS, COLUMNS)), dtype=dtype)
    elif function == "linear_cross_entropy":
        options["targets"] = torch.tensor(TOKENS)
    elif function == "linear_token_log_probs":
        options["tokens"] = torch.tensor(TOKENS)
    return options, targets


def called(function, name, whole, own, targets, **more):
    options, _ = arguments(name)
    if targets is not None:
        options["targets"] = targets
    found = function(**whole, **own, **options, **more)
    loss_of(found).backward()
    found = found if isinstance(found, tuple) else (found,)
    return [one.detach() for one in found]


def on_one_machine(name):
    whole, own = operands(name)
    _, targets = arguments(name)
    found = called(getattr(heads, CASES[name][0]), name, whole, own, targets)
    return found, [{key: x.grad for key, x in one.items()} for one in (whole, own)]


def of_rank(rank, world):
    """Values, gradients of what is whole, and those of the rank's own words."""
    from relentropy.distributed import heads as sharded

    found = {}
    for name in CASES:
        found[name] = _of_rank(sharded, name, slice(*CUTS[world][rank : rank + 2]))
    place = {"first": CUTS[world][rank]}
    found["tokens, first is given"] = _of_rank(
        sharded, "tokens", slice(*CUTS[world][rank : rank + 2]), **place
    )
    for name in ("kl", "kl of logits", "labels", "soft targets"):
        found[f"DTensor {name}"] = _of_dtensors(sharded, name, world)
    found["refused"] = _refusals(sharded, world)
    hidden = torch.empty(0, 3, requires_grad=True)
    nothing = sharded.linear_cross_entropy(
        hidden, torch.ones(2, 3), torch.empty(0, dtype=torch.int64), reduction="mean"
    )
    nothing.backward()
    found["no tokens"] = nothing.detach(), hidden.grad
    return found


def _of_rank(sharded, name, cut, **more):
    whole, every = operands(name)
    own = {
        key: (x.detach()[:, cut] if key == "hidden_p" else x.detach()[cut]).clone()
        for key, x in every.items()
    }
    own = {key: x.requires_grad_() for key, x in own.items()}
    _, targets = arguments(name)
    targets = None if targets is None else targets[:, cut]
    values = called(getattr(sharded, CASES[name][0]), name, whole, own, targets, **more)
    return values, *({key: x.grad for key, x in one.items()} for one in (whole, own))


def _of_dtensors(sharded, name, world):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    mesh = init_device_mesh("cpu", (world,))
    whole, every = operands(name)
    own = {
        key: distribute_tensor(x.detach(), mesh, [Shard(int(key == "hidden_p"))])
        for key, x in every.items()
    }
    own = {key: x.requires_grad_() for key, x in own.items()}
    _, targets = arguments(name)
    targets = None if targets is None else distribute_tensor(targets, mesh, [Shard(1)])
    values = called(getattr(sharded, CASES[name][0]), name, whole, own, targets)
    gradients = {
        key: None if x.grad is None else x.grad.full_tensor() for key, x in own.items()
    }
    return values, {key: x.grad for key, x in whole.items()}, gradients


def _refusals(sharded, world):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    mesh = init_device_mesh("cpu", (world,))
    hidden, weight = torch.ones(ROWS, 3), torch.ones(COLUMNS, 3)
    labels = torch.zeros(ROWS, dtype=torch.int64)
    by_words, across = (distribute_tensor(weight, mesh, [Shard(i)]) for i in (0, 1))
    twice = weight.clone().requires_grad_()

    def differentiated_twice():
        value = sharded.linear_cross_entropy(hidden, twice, labels).sum()
        torch.autograd.grad(value, twice, create_graph=True)

    calls = {
        "numpy": lambda: sharded.linear_cross_entropy(hidden.numpy(), weight, labels),
        "no weight": lambda: sharded.linear_cross_entropy(hidden, None, labels),
        "sizes": lambda: sharded.linear_cross_entropy(hidden, across, labels),
        "hidden": lambda: sharded.linear_cross_entropy(by_words, weight, labels),
        "mixture": lambda: sharded.linear_kl_divergence(hidden, by_words, hidden, weight),
        "group": lambda: sharded.linear_cross_entropy(hidden, weight, labels, group=1),
        "tokens": lambda: sharded.linear_token_log_probs(hidden, weight, labels[1:]),
        "labels": lambda: sharded.linear_token_log_probs(hidden, weight, labels.double()),
        "logits": lambda: sharded.linear_kl_divergence(hidden, None, hidden, None),
        "twice": differentiated_twice,
        "forwards": lambda: torch.func.jvp(
            lambda x: sharded.linear_cross_entropy(x, weight, labels), (hidden,), (hidden,)
        ),
        "first": lambda: sharded.linear_cross_entropy(hidden, by_words, labels, first=1),
    }
    found = {}
    for name, call in calls.items():
        try:
            call()
        except (TypeError, ValueError, RuntimeError) as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found
