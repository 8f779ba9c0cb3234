"""The clipped objective that the policy losses of three projects have in common."""


def clipped(log_ratio, advantages, low=0.2, high=0.2, dual=None):
    """Minus PPO's objective, equation 7 of arXiv:1707.06347, of each token.

    With ``dual`` as equation 5 of arXiv:1912.09729 has it.
    """
    ratio = log_ratio.exp()
    held = ratio.clamp(1 - low, 1 + high)
    losses = (-advantages * ratio).maximum(-advantages * held)
    if dual is None:
        return losses
    return losses.minimum(-advantages * dual).where(advantages < 0, losses)


def per_token(advantages, logp):
    """Advantages of answers, beside their tokens."""
    return advantages if advantages.ndim == logp.ndim else advantages[..., None]
