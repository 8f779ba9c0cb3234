"""Every rival by the kind of function that it is, as the audit is given them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import liger, openrlhf, plain, trl, verl
from .lookup import library_of, named

GRPO_TRAINER = "https://huggingface.co/docs/trl/main/en/grpo_trainer"
GKD_TRAINER = "https://huggingface.co/docs/trl/main/en/gkd_trainer"
TRL = "https://github.com/huggingface/trl"
VERL = "https://github.com/volcengine/verl"
VERL_GRPO = "https://verl.readthedocs.io/en/latest/algo/grpo.html"
VERL_PPO = "https://verl.readthedocs.io/en/latest/algo/ppo.html"
OPENRLHF = "https://github.com/OpenRLHF/OpenRLHF"
OPENRLHF_RL = "https://openrlhf.readthedocs.io/en/latest/rl.html"
LIGER = "https://github.com/linkedin/Liger-Kernel"
SCHULMAN = "http://joschu.net/blog/kl-approx.html"


@dataclass(frozen=True)
class Formula:
    """One way in which people compute a kind of function."""

    label: str
    library: str
    """Whose arrays it takes: "numpy" (and SciPy), "torch" or "jax"."""
    inputs: str
    """What it is of: "values", "probs", "logits", "log_probs" or "parameters"."""
    call: Callable[..., Any]
    source: str = ""
    """Where a project says that it computes this; "" for what everybody writes, and for a
    library's own function, whose name is the label."""


def _own(label, inputs, *arguments, **options):
    """A library's function by its name."""
    library = library_of(label)

    @plain.quiet
    def call(*arrays):
        return named(label)(*arrays, *arguments, **options)

    return Formula(label, "numpy" if library == "scipy" else library, inputs, call)


def _torch(label, inputs, call, source="", **options):
    return Formula(
        label, "torch", inputs, partial(call, **options) if options else call, source
    )


def _numpy(label, inputs, call, source=""):
    return Formula(label, "numpy", inputs, call, source)


def _jax(label, inputs, call):
    return Formula(label, "jax", inputs, call)


KINDS = {
    # Of x and y, one element at a time.
    "kl_div": (
        _own("scipy.special.kl_div", "values"),
        _own("jax.scipy.special.kl_div", "values"),
        _numpy("numpy x log(x/y) - x + y", "values", plain.numpy_kl_div),
        _torch("torch xlogy(x, x/y) - x + y", "values", plain.torch_kl_div),
    ),
    "rel_entr": (
        _own("scipy.special.rel_entr", "values"),
        _own("jax.scipy.special.rel_entr", "values"),
        _torch("torch where(x > 0, x log(x/y), 0)", "values", plain.torch_rel_entr),
        _jax("jax where(x > 0, x log(x/y), 0)", "values", plain.jax_rel_entr),
    ),
    # Of p and q, whose last axis they reduce.
    "kl_divergence": (
        _numpy("scipy.stats.entropy", "probs", plain.scipy_kl_weights),
        _numpy("numpy sum of p log(p/q)", "probs", plain.numpy_kl_weights),
        _torch("torch kl_div of logarithms", "probs", plain.torch_kl_weights),
        _torch("torch Categorical, probs", "probs", plain.torch_kl_categorical_weights),
        _jax("jax rel_entr summed", "probs", plain.jax_kl_weights),
        _torch("torch log_softmax ×2, kl_div", "logits", plain.torch_kl_logits),
        _torch("torch log_softmax, softmax, kl_div", "logits", plain.torch_kl_softmax),
        _torch("torch Categorical, logits", "logits", plain.torch_kl_categorical),
        _jax("jax log_softmax ×2", "logits", plain.jax_kl_logits),
        _torch("TRL GKD, beta 0", "logits", trl.generalized_js, GKD_TRAINER, beta=0),
        _torch("Liger-Kernel KLDIV", "logits", liger.kl, f"{LIGER}/pull/262"),
        _torch(
            "Liger-Kernel JSD, beta 0",
            "logits",
            liger.generalized_js,
            beta=0,
            source=f"{LIGER}/issues/1453",
        ),
    ),
    "js_divergence": (
        _numpy("scipy jensenshannon squared", "probs", plain.scipy_js_weights),
        _torch("torch kl_div ×2", "probs", plain.torch_js_weights),
        _jax("jax rel_entr ×2", "probs", plain.jax_js_weights),
        _torch("torch softmax ×2, kl_div ×2", "logits", plain.torch_js_logits),
        _torch("TRL GKD", "logits", trl.generalized_js, GKD_TRAINER),
        _torch("Liger-Kernel JSD", "logits", liger.generalized_js, f"{LIGER}/issues/1453"),
    ),
    "js_distance": (
        _numpy("scipy.spatial.distance.jensenshannon", "probs", plain.scipy_js_distance),
        _torch("torch root of kl_div ×2", "probs", plain.torch_js_distance),
        _jax("jax root of rel_entr ×2", "probs", plain.jax_js_distance),
    ),
    "hellinger_distance": (
        _numpy("numpy root of a sum of squares", "probs", plain.numpy_hellinger),
        _torch("torch root of a sum of squares", "probs", plain.torch_hellinger),
    ),
    "entropy": (
        _numpy("scipy.stats.entropy", "probs", plain.scipy_entropy),
        _torch("torch -sum of p log(p)", "probs", plain.torch_entropy_weights),
        _torch("torch Categorical, probs", "probs", plain.torch_entropy_categorical_weights),
        _jax("jax entr summed", "probs", plain.jax_entropy_weights),
        _torch("torch log_softmax", "logits", plain.torch_entropy_logits),
        _torch("torch Categorical, logits", "logits", plain.torch_entropy_categorical),
        _jax("jax log_softmax", "logits", plain.jax_entropy_logits),
    ),
    "logsumexp": (
        _own("scipy.special.logsumexp", "logits", axis=-1),
        _own("torch.special.logsumexp", "logits", -1),
        _own("jax.scipy.special.logsumexp", "logits", -1),
        _numpy("numpy log(sum(exp))", "logits", plain.numpy_logsumexp),
    ),
    "log_softmax": (
        _own("scipy.special.log_softmax", "logits", axis=-1),
        _own("torch.special.log_softmax", "logits", -1),
        _own("jax.nn.log_softmax", "logits", -1),
        _numpy("numpy log of softmax", "logits", plain.numpy_log_softmax),
    ),
    # Of p and q, or of their logits, one pair at a time.
    "binary_kl_divergence": (
        _numpy("scipy rel_entr ×2", "probs", plain.scipy_kl_bernoulli_probs),
        _torch("torch Bernoulli, probs", "probs", plain.torch_kl_bernoulli_probs),
        _torch("torch Bernoulli, logits", "logits", plain.torch_kl_bernoulli),
    ),
    # Of the parameters of p and then of q.
    **{
        kind: (
            _torch(
                f"torch {family}", "parameters", partial(plain.torch_kl_family, family, names)
            ),
        )
        for kind, family, names in (
            ("kl_normal", "Normal", ("loc", "scale")),
            ("kl_laplace", "Laplace", ("loc", "scale")),
            ("kl_gumbel", "Gumbel", ("loc", "scale")),
            ("kl_exponential", "Exponential", ("rate",)),
            ("kl_poisson", "Poisson", ("rate",)),
            ("kl_geometric", "Geometric", ("probs",)),
            ("kl_gamma", "Gamma", ("concentration", "rate")),
            ("kl_beta", "Beta", ("concentration1", "concentration0")),
        )
    },
    # Of the sampled tokens' log_probs under the policy and the reference.
    "kl_estimator": (
        _numpy("numpy k3", "log_probs", plain.numpy_k3, SCHULMAN),
        _torch("torch k3 by expm1", "log_probs", plain.torch_k3),
        _torch("TRL k3", "log_probs", trl.k3, GRPO_TRAINER),
        _torch("verl k1", "log_probs", verl.k1, VERL_PPO),
        _torch("verl abs", "log_probs", verl.absolute, VERL_PPO),
        _torch("verl k2", "log_probs", verl.k2, VERL_PPO),
        _torch("verl k3", "log_probs", verl.k3, f"{VERL}/issues/2928"),
        _torch("verl k3+", "log_probs", verl.k3_plus, f"{VERL}/pull/6058"),
        _torch("OpenRLHF k1", "log_probs", openrlhf.k1, OPENRLHF_RL),
        _torch("OpenRLHF k2", "log_probs", openrlhf.k2, OPENRLHF_RL),
        _torch(
            "OpenRLHF k3 before #1335",
            "log_probs",
            openrlhf.k3_unbounded,
            f"{OPENRLHF}/pull/1160",
        ),
        _torch("OpenRLHF k3", "log_probs", openrlhf.k3, f"{OPENRLHF}/pull/1335"),
    ),
    # Of logp, logp_old, logp_ref, advantages and mask.
    "policy_loss": (
        *(
            _torch(f"TRL {one}", "log_probs", trl.grpo_loss, GRPO_TRAINER, loss_type=one)
            for one in ("grpo", "bnpo", "dr_grpo")
        ),
        *(
            _torch(f"verl {one}", "log_probs", verl.policy_loss, VERL_GRPO, mode=one)
            for one in (
                "token-mean",
                "seq-mean-token-mean",
                "seq-mean-token-sum",
                "seq-mean-token-sum-norm",
            )
        ),
        _torch(
            "verl k3+",
            "log_probs",
            verl.policy_loss,
            f"{VERL}/pull/6058",
            estimator=verl.k3_plus,
        ),
        _torch("OpenRLHF", "log_probs", openrlhf.policy_loss, OPENRLHF_RL),
        _torch(
            "OpenRLHF by sequences",
            "log_probs",
            openrlhf.policy_loss,
            OPENRLHF_RL,
            per_sequence=True,
        ),
    ),
    # Of a teacher's and a student's logits and the mask of the rows.
    "distillation_loss": (
        _torch("TRL GKD", "logits", trl.gkd_loss, GKD_TRAINER),
        _torch(
            "TRL GKD before #4105", "logits", trl.gkd_loss, f"{TRL}/pull/4105", by_entries=True
        ),
    ),
}
"""For each kind, what people call in its place."""
