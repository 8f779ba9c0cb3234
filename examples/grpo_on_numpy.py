"""Check a GRPO loss by hand, in numpy alone.

Two prompts with four answers each, their rewards, and the log-probabilities of the answers'
tokens under three models: the one that sampled them, the one that is trained, and the
reference. The same loss is written out as the paper has it, token after token, and then the
batch is cut into micro-batches whose losses add up to it. Replace the arrays with those of a
training step (``tensor.double().numpy()``) to check that step's loss.

Run it with ``python examples/grpo_on_numpy.py``; it needs numpy only.
"""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import numpy as np

from relentropy.objectives import PolicyLoss, group_advantages, grpo_loss

CLIP, BETA = 0.2, 0.04


class Batch(NamedTuple):
    """What a training step knows."""

    rewards: np.ndarray
    """(prompts, group)"""
    log_probs: np.ndarray
    """(answers, time), as all that follow; nan behind the end of an answer."""
    old_log_probs: np.ndarray
    ref_log_probs: np.ndarray
    tokens: np.ndarray
    """True for the tokens of the answers."""


def drawn(seed: int = 0, prompts: int = 2, group: int = 4, longest: int = 6) -> Batch:
    """Some numbers of the size that training has."""
    rng = np.random.default_rng(seed)
    shape = prompts * group, longest
    tokens = np.arange(longest) < rng.integers(1, longest + 1, shape[0])[:, None]
    old = np.where(tokens, -rng.exponential(size=shape), np.nan)
    new, ref = (old + 0.2 * rng.normal(size=shape) for _ in range(2))
    return Batch(rng.integers(0, 2, (prompts, group)).astype(float), new, old, ref, tokens)


def by_hand(batch: Batch) -> float:
    """The paper's objective with its sign turned, one token after another."""
    answers = []
    for prompt in range(len(batch.rewards)):
        group = batch.rewards[prompt]
        mean = math.fsum(group) / len(group)
        deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in group) / (len(group) - 1))
        for k, reward in enumerate(group):
            i = prompt * len(group) + k
            advantage = (reward - mean) / deviation if deviation else 0.0
            gains = []
            for t in np.flatnonzero(batch.tokens[i]):
                ratio = math.exp(batch.log_probs[i, t] - batch.old_log_probs[i, t])
                clipped = min(max(ratio, 1 - CLIP), 1 + CLIP)
                back = math.exp(batch.ref_log_probs[i, t] - batch.log_probs[i, t])
                penalty = back - math.log(back) - 1
                gains.append(min(ratio * advantage, clipped * advantage) - BETA * penalty)
            answers.append(math.fsum(gains) / len(gains))
    return -math.fsum(answers) / len(answers)


def by_library(batch: Batch, denominator: int | None = None) -> PolicyLoss:
    """The same in three lines."""
    advantages = group_advantages(batch.rewards).reshape(-1)
    return grpo_loss(
        batch.log_probs, batch.old_log_probs, advantages, batch.ref_log_probs,
        where=batch.tokens, clip=CLIP, beta=BETA, denominator=denominator,
    )  # fmt: skip


def by_micro_batches(batch: Batch) -> list[float]:
    """One prompt after another, as shares of the full batch's loss."""
    group = batch.rewards.shape[1]
    return [
        float(
            by_library(
                Batch(
                    batch.rewards[i : i + 1],
                    *(one[i * group : (i + 1) * group] for one in batch[1:]),
                ),
                denominator=len(batch.tokens),
            ).loss
        )
        for i in range(len(batch.rewards))
    ]


def main() -> None:
    """Print the three."""
    batch = drawn()
    found, shares = by_library(batch), by_micro_batches(batch)
    sys.stdout.write(
        f"by hand                 {by_hand(batch):.15f}\n"
        f"grpo_loss               {found.loss:.15f}\n"
        f"its micro-batches' sum  {sum(shares):.15f}\n"
        f"policy {found.policy:.6f}, KL {found.kl:.6f}, clipped {found.clip_fraction:.3f}, "
        f"ratios from {found.min_ratio:.3f} to {found.max_ratio:.3f}\n"
    )


if __name__ == "__main__":
    main()
