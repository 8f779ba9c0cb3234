"""What two libraries document of their losses, in numpy; and the paper's, as loops.

Written from TRL's GRPO trainer page and verl's page on its algorithms, and from the papers; no
tricks, so that what overflows there overflows here.
"""

import numpy as np


def trl_advantages(rewards, *, scale=True):
    """Rewards (prompts, group) less the mean, by torch's deviation plus 1e-4."""
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    return centred / (rewards.std(axis=1, ddof=1, keepdims=True) + 1e-4) if scale else centred


def verl_advantages(rewards, *, scale=True):
    """The same plus 1e-6, and groups of one as they are."""
    if rewards.shape[1] == 1:
        return rewards / (1 + 1e-6) if scale else rewards
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    return centred / (rewards.std(axis=1, ddof=1, keepdims=True) + 1e-6) if scale else centred


def trl_aggregated(losses, mask, loss_type, *, max_length=None):
    total = (losses * mask).sum()
    if loss_type == "grpo":
        return ((losses * mask).sum(-1) / np.maximum(mask.sum(-1), 1.0)).mean()
    if loss_type == "bnpo":
        return total / max(mask.sum(), 1.0)
    assert loss_type == "dr_grpo"
    return total / (len(losses) * max_length)


def verl_aggregated(losses, mask, mode):
    sums, counts = (losses * mask).sum(-1), mask.sum(-1)
    if mode == "token-mean":
        return sums.sum() / counts.sum()
    if mode == "seq-mean-token-sum-norm":
        return sums.sum() / losses.shape[-1]
    if mode == "seq-mean-token-mean":
        sums = sums / (counts + 1e-8)
    return sums[counts > 0].sum() / (counts > 0).sum()


def surrogate(log_ratio, advantages, low, high, dual=None):
    """Of PPO, and of dual clip: with the product of every ratio."""
    ratio = np.exp(log_ratio)
    losses = np.maximum(-advantages * ratio, -advantages * np.clip(ratio, 1 - low, 1 + high))
    if dual is None:
        return losses
    return np.where(advantages < 0, np.minimum(losses, -advantages * dual), losses)


def k3(log_ratio):
    return np.exp(-log_ratio) + log_ratio - 1


def verl_surrogate(log_ratio, *arguments):
    """Of log-ratios that are restricted to [-20, 20]."""
    return surrogate(np.clip(log_ratio, -20, 20), *arguments)


def verl_k3(log_ratio):
    """Of log-ratios that are restricted to [-20, 20], restricted to [-10, 10]."""
    return np.clip(k3(np.clip(log_ratio, -20, 20)), -10, 10)


def paper_grpo(log_probs, old, advantages, ref, mask, clip, beta):
    """Equation 3 of DeepSeekMath with its equation 4, one token after another."""
    outer = 0.0
    answers = [i for i in range(len(log_probs)) if mask[i].any()]
    for i in answers:
        inner, tokens = 0.0, np.flatnonzero(mask[i])
        for t in tokens:
            ratio = np.exp(log_probs[i, t] - old[i, t])
            clipped = min(max(ratio, 1 - clip), 1 + clip)
            gain = min(ratio * advantages[i], clipped * advantages[i])
            back = np.exp(ref[i, t] - log_probs[i, t])
            inner += gain - beta * (back - np.log(back) - 1)
        outer += inner / len(tokens)
    return -outer / len(answers)


def gspo(log_probs, old, advantages, mask, low, high):
    """Equations 5 and 7 of the paper."""
    terms = []
    for i in range(len(log_probs)):
        tokens = np.flatnonzero(mask[i])
        if len(tokens):
            ratio = (np.exp(log_probs[i] - old[i])[tokens].prod()) ** (1 / len(tokens))
            clipped = min(max(ratio, 1 - low), 1 + high)
            terms.append(min(ratio * advantages[i], clipped * advantages[i]))
    return -np.mean(terms)
