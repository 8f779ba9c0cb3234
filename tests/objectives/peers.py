"""What two libraries document of their advantages, and the papers' objectives, in numpy.

Written from TRL's GRPO trainer page and verl's page on its algorithms, and from the papers; no
tricks, so that what overflows there overflows here. The libraries' losses are among the rivals.
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


def surrogate(log_ratio, advantages, low, high, dual=None):
    """Of PPO, and of dual clip: with the product of every ratio."""
    ratio = np.exp(log_ratio)
    losses = np.maximum(-advantages * ratio, -advantages * np.clip(ratio, 1 - low, 1 + high))
    if dual is None:
        return losses
    return np.where(advantages < 0, np.minimum(losses, -advantages * dual), losses)


def k3(log_ratio):
    return np.exp(-log_ratio) + log_ratio - 1


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
