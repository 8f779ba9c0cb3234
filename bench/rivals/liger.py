"""What Liger-Kernel documents of its divergences, written down in torch without their fusion.

Its page, https://linkedin.github.io/Liger-Kernel/Low-Level-APIs/, names the kernels. What one
entry contributes is shown in linkedin/Liger-Kernel#1453 (Jensen-Shannon: a mixture made of
probabilities, and its two ends) and in #262 (KL: at least 1e-10 in the logarithm).
"""


def kl(p_logits, q_logits):
    """KL(p‖q) of each row, of a target p that is given as probabilities."""
    p, log_q = p_logits.softmax(-1), q_logits.log_softmax(-1)
    return (p * (p.clamp(min=1e-10).log() - log_q)).sum(-1)


def generalized_js(p_logits, q_logits, beta=0.5, temperature=1.0):
    """Of each row, of a teacher p and a student q; what ``beta`` means is TRL's."""
    log_p, log_q = ((one / temperature).log_softmax(-1) for one in (p_logits, q_logits))
    p, q = log_p.exp(), log_q.exp()
    if beta == 0:
        return (p * (log_p - log_q)).sum(-1)
    if beta == 1:
        return (q * (log_q - log_p)).sum(-1)
    middle = beta * p + (1 - beta) * q
    return (beta * p * log_p + (1 - beta) * q * log_q - middle * middle.log()).sum(-1)
