"""The functions as people write them, in the array type of their library."""

import numpy as np

quiet = np.errstate(all="ignore")
"""A decorator: what these functions divide by and overflow with is what they are here for."""

# --- one element -----------------------------------------------------------------------------


@quiet
def numpy_kl_div(x, y):
    return x * np.log(x / y) - x + y


def torch_kl_div(x, y):
    import torch

    return torch.xlogy(x, x / y) - x + y


def torch_rel_entr(x, y):
    """With the condition around the logarithm instead of inside it: pytorch#89558."""
    import torch

    return torch.where(x > 0, x * torch.log(x / y), 0.0)


def jax_rel_entr(x, y):
    """The same: https://docs.jax.dev/en/latest/faq.html, on gradients that contain `where`."""
    import jax.numpy as jnp

    return jnp.where(x > 0, x * jnp.log(x / y), 0.0)


def torch_k3(logp, logp_ref):
    """Schulman's estimator with the difference in an exponential minus one."""
    r = logp_ref - logp
    return r.expm1() - r


@quiet
def numpy_k3(logp, logp_ref):
    """http://joschu.net/blog/kl-approx.html, letter by letter."""
    r = logp_ref - logp
    return np.exp(r) - 1 - r


# --- KL of rows ------------------------------------------------------------------------------


@quiet
def numpy_kl_weights(p, q, axis=-1):
    p = p / np.sum(p, axis=axis, keepdims=True)
    q = q / np.sum(q, axis=axis, keepdims=True)
    return np.sum(p * np.log(p / q), axis=axis)


@quiet
def scipy_kl_weights(p, q, axis=-1):
    from scipy import stats

    return stats.entropy(p, q, axis=axis)


def torch_kl_weights(p, q, axis=-1):
    import torch

    p = p / p.sum(axis, keepdim=True)
    q = q / q.sum(axis, keepdim=True)
    return torch.nn.functional.kl_div(q.log(), p, reduction="none").sum(axis)


def torch_kl_logits(p, q, axis=-1):
    import torch

    functional = torch.nn.functional
    log_p, log_q = functional.log_softmax(p, axis), functional.log_softmax(q, axis)
    return functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(axis)


def torch_kl_softmax(p, q):
    """The example in the documentation of torch.nn.KLDivLoss: a target that is no logarithm."""
    import torch

    functional = torch.nn.functional
    target = functional.softmax(p, -1)
    return functional.kl_div(functional.log_softmax(q, -1), target, reduction="none").sum(-1)


def torch_kl_categorical(p, q):
    return _torch_kl("Categorical", {"logits": p}, {"logits": q})


def torch_kl_categorical_weights(p, q):
    return _torch_kl("Categorical", {"probs": p}, {"probs": q})


def jax_kl_weights(p, q, axis=-1):
    from jax.scipy import special

    p = p / p.sum(axis, keepdims=True)
    q = q / q.sum(axis, keepdims=True)
    return special.rel_entr(p, q).sum(axis)


def jax_kl_logits(p, q, axis=-1):
    import jax

    log_p, log_q = jax.nn.log_softmax(p, axis), jax.nn.log_softmax(q, axis)
    return (jax.numpy.exp(log_p) * (log_p - log_q)).sum(axis)


# --- KL of parametric families ---------------------------------------------------------------


def torch_kl_bernoulli(p, q):
    return _torch_kl("Bernoulli", {"logits": p}, {"logits": q})


def torch_kl_bernoulli_probs(p, q):
    return _torch_kl("Bernoulli", {"probs": p}, {"probs": q})


@quiet
def scipy_kl_bernoulli_probs(p, q):
    from scipy import special

    return special.rel_entr(p, q) + special.rel_entr(1 - p, 1 - q)


def torch_kl_family(family, names, *parameters):
    """Of the parameters of one distribution, and of the other."""
    half = len(parameters) // 2
    p, q = (
        dict(zip(names, part, strict=True)) for part in (parameters[:half], parameters[half:])
    )
    return _torch_kl(family, p, q)


def _torch_kl(family, p, q):
    """Without the look at values, which raises where a number is wanted to be judged."""
    from torch import distributions

    family = getattr(distributions, family)
    first, second = (family(**one, validate_args=False) for one in (p, q))
    return distributions.kl_divergence(first, second)


# --- Jensen-Shannon and Hellinger ------------------------------------------------------------


@quiet
def scipy_js_distance(p, q):
    from scipy.spatial import distance

    return distance.jensenshannon(p, q, axis=-1)


def scipy_js_weights(p, q):
    return scipy_js_distance(p, q) ** 2


def torch_js_weights(p, q):
    middle = (p + q) / 2
    return (torch_kl_weights(p, middle) + torch_kl_weights(q, middle)) / 2


def torch_js_logits(p, q):
    return torch_js_weights(p.softmax(-1), q.softmax(-1))


def torch_js_distance(p, q):
    return torch_js_weights(p, q).sqrt()


def jax_js_weights(p, q):
    middle = (p + q) / 2
    return (jax_kl_weights(p, middle) + jax_kl_weights(q, middle)) / 2


def jax_js_distance(p, q):
    import jax.numpy as jnp

    return jnp.sqrt(jax_js_weights(p, q))


def numpy_hellinger(p, q):
    return np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2, axis=-1) / 2)


def torch_hellinger(p, q):
    return ((p.sqrt() - q.sqrt()).square().sum(-1) / 2).sqrt()


# --- entropy ---------------------------------------------------------------------------------


@quiet
def scipy_entropy(p):
    from scipy import stats

    return stats.entropy(p, axis=-1)


def torch_entropy_logits(logits):
    log_p = logits.log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1)


def torch_entropy_categorical(logits):
    from torch.distributions import Categorical

    return Categorical(logits=logits, validate_args=False).entropy()


def torch_entropy_categorical_weights(p):
    from torch.distributions import Categorical

    return Categorical(probs=p, validate_args=False).entropy()


def torch_entropy_weights(p):
    return -(p * p.log()).sum(-1)


def jax_entropy_logits(logits):
    import jax

    log_p = jax.nn.log_softmax(logits, -1)
    return -(jax.numpy.exp(log_p) * log_p).sum(-1)


def jax_entropy_weights(p):
    from jax.scipy import special

    return special.entr(p).sum(-1)


# --- reductions in logarithms ----------------------------------------------------------------


@quiet
def numpy_logsumexp(a):
    return np.log(np.sum(np.exp(a), axis=-1))


@quiet
def numpy_log_softmax(a):
    grown = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.log(grown / grown.sum(axis=-1, keepdims=True))
