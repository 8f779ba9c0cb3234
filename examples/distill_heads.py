"""Distil a small transformer, with all logits at once and without them.

A teacher and a smaller student, both transformers over the same 32,000 words. The loss is the
divergence of the student's next-token distribution from the teacher's: once of logits that
exist, as two linear layers give them, and once of hidden states and heads, whose logits are
made in tiles. The loss curves are the same; what differs is the memory that the loss takes.

Run it with ``python examples/distill_heads.py``; it needs torch and takes a minute or two.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

import relentropy
from relentropy.heads import linear_kl_divergence

WORDS, LENGTH, BATCH, STEPS = 32_000, 128, 8, 12
Loss = Callable[[Tensor, nn.Linear, Tensor, nn.Linear], Tensor]


class Transformer(nn.Module):
    """Causal, of one layer, with a head."""

    def __init__(self, words: int, size: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, size)
        self.places = nn.Embedding(LENGTH, size)
        self.layer = nn.TransformerEncoderLayer(size, 4, 2 * size, dropout=0, batch_first=True)
        self.head = nn.Linear(size, words)

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states, one for every token."""
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        hidden = self.words(tokens) + self.places.weight[:length]
        return self.layer(hidden, src_mask=mask, is_causal=True)


def with_logits(p: Tensor, teacher: nn.Linear, q: Tensor, student: nn.Linear) -> Tensor:
    """All logits at once, and their gradient."""
    return relentropy.kl_divergence(teacher(p), student(q), from_logits=True).mean()


def without_logits(p: Tensor, teacher: nn.Linear, q: Tensor, student: nn.Linear) -> Tensor:
    """The same of tiles, which take a few megabytes."""
    return linear_kl_divergence(
        p, teacher.weight, q, student.weight, bias_p=teacher.bias, bias_q=student.bias,
        memory=1 << 23,
    ).mean()  # fmt: skip


class History(NamedTuple):
    """What was measured along the way."""

    losses: list[float]
    megabytes: float
    """The most that a step of the loss took, forwards and backwards, beyond what there was."""


def distil(
    loss: Loss, *, words: int = WORDS, batch: int = BATCH, steps: int = STEPS
) -> History:
    """Train a student; the same one on the same tokens for every loss."""
    torch.manual_seed(0)
    teacher, student = Transformer(words, 64).requires_grad_(False), Transformer(words, 32)
    optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
    losses, peak = [], 0.0
    for _ in range(steps):
        tokens = torch.randint(words, (batch, LENGTH))
        hidden_p, hidden_q = teacher(tokens), student(tokens)
        optimizer.zero_grad(set_to_none=False)  # gradients are there before the loss is
        before = _start()
        value = loss(hidden_p, teacher.head, hidden_q, student.head)
        value.backward()
        peak = max(peak, _peak() - before) if losses else 0.0  # after one to warm up
        optimizer.step()
        losses.append(value.item())
    return History(losses, peak)


def _start() -> float:
    """Start the high-water mark of memory anew, where the system has one."""
    if sys.platform != "linux":
        return 0.0
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _peak()


def _peak() -> float:
    if sys.platform != "linux":
        return float("nan")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Both curves, and what they took."""
    whole, tiles = distil(with_logits), distil(without_logits)
    lines = [f"{'step':>4}  {'with logits':>12}  {'without':>12}"]
    for step, pair in enumerate(zip(whole.losses, tiles.losses, strict=True)):
        lines.append(f"{step:4}  {pair[0]:12.8f}  {pair[1]:12.8f}")
    one = 4 * BATCH * LENGTH * WORDS / 2**20
    lines.append(f"The logits of one model are {one:.0f} MB; the loss took")
    lines.append(f"{whole.megabytes:.0f} MB with them, {tiles.megabytes:.0f} MB without.")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
