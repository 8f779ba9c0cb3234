"""Distil a teacher into a student whose logits are bfloat16, to the end.

Two linear language models over 64 words, the teacher's weights and the student's; both give
their logits in bfloat16, as mixed-precision training does. The last stage, where a divergence
is about 1e-6, is where a loss must still say which way is down: log-softmax in bfloat16 is off
by more than there is to see, ``q - p`` in its backward pass is zero or noise, and the loss can
be negative. The same training, with nothing else changed, goes on with this library's.

Run it with ``python examples/distill.py``; it needs torch and takes some seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.nn import functional

import relentropy

WIDTH, WORDS, TOKENS, STEPS = 16, 64, 128, 400
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def ordinary(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """What is written everywhere: log-softmax of both sides, and torch's ``kl_div``."""
    return functional.kl_div(
        functional.log_softmax(student, dim=-1),
        functional.log_softmax(teacher, dim=-1),
        reduction="batchmean",
        log_target=True,
    )


def accurate(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """The same divergence, of the same bfloat16 logits."""
    return relentropy.kl_divergence(teacher, student, from_logits=True).mean()


@dataclass
class History:
    """What was measured along the way."""

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """What the loss said, at every step."""
    divergences: list[float] = field(default_factory=list)
    """The truth: the mean divergence before logits are rounded, in float64."""


def distil(loss: Loss, *, steps: int = STEPS, seed: int = 0) -> History:
    """Train from the same start with a loss of bfloat16 logits."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(TOKENS, WIDTH, generator=generator) / WIDTH**0.5
    teacher = 0.3 * torch.randn(WIDTH, WORDS, generator=generator)
    student = teacher + 0.3 * torch.randn(WIDTH, WORDS, generator=generator)
    student = torch.nn.Parameter(student)
    target = (tokens @ teacher).to(torch.bfloat16)
    optimiser = torch.optim.Adam([student], lr=2e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    history = History()
    for step in range(steps + 1):
        logits = (tokens @ student).to(torch.bfloat16)
        value = loss(target, logits)
        history.losses.append(value.item())
        if step % (steps // 20) == 0:
            history.steps.append(step)
            history.divergences.append(divergence(tokens, teacher, student))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
    return history


def divergence(tokens: torch.Tensor, teacher: torch.Tensor, student: torch.Tensor) -> float:
    """The mean divergence of the two models as they are."""
    with torch.no_grad():
        logits = [tokens.double() @ weights.double() for weights in (teacher, student)]
        return float(relentropy.kl_divergence(*logits, from_logits=True).mean())


def main() -> None:
    """Print both histories side by side."""
    usual, ours = distil(ordinary), distil(accurate)
    line = "{:>6}  {:>12} {:>12}  {:>12} {:>12}\n"
    sys.stdout.write(line.format("step", "ordinary", "is", "relentropy", "is"))
    for i, step in enumerate(usual.steps):
        numbers = (
            value
            for history in (usual, ours)
            for value in (history.losses[step], history.divergences[i])
        )
        sys.stdout.write(line.format(step, *(f"{number:.3e}" for number in numbers)))


if __name__ == "__main__":
    main()
