"""The audit finds what is known of others' functions, each in one run."""

import pytest
from bench.rivals import KINDS
from bench.rivals.lookup import installed

from relentropy.testing import audit

from ..suite.backends import BACKENDS

# By kind, the label of the rival, and a pattern of what must be among the findings.
KNOWN = [
    ("kl_div", "scipy.special.kl_div", "value.inf.extreme.float64"),
    ("kl_div", "scipy.special.kl_div", "value.digits.close.float64"),
    ("kl_divergence", "scipy.stats.entropy", "value.negative.close.float64"),
    ("js_distance", "scipy.spatial.distance.jensenshannon", "value.nan.close.float64"),
    ("rel_entr", "jax.scipy.special.rel_entr", "value.hidden.nan.*"),
    ("kl_divergence", "torch log_softmax, softmax, kl_div", "value.nan.masked.*"),
    ("kl_divergence", "torch log_softmax ×2, kl_div", "value.*.long.float32"),
    ("kl_divergence", "torch Categorical, logits", "value.inf.long.float16"),
    ("binary_kl_divergence", "torch Bernoulli, logits", "value.inf.far.float32"),
    ("binary_kl_divergence", "torch Bernoulli, logits", "value.negative.*.float64"),
    ("kl_beta", "torch Beta", "value.negative.close.float64"),
    ("kl_estimator", "TRL k3", "value.digits.close.float32"),
    ("kl_estimator", "TRL k3", "value.negative.close.bfloat16"),
    ("kl_estimator", "TRL k3", "gradient.digits.close.float64"),
    ("kl_estimator", "torch k3 by expm1", "gradient.digits.close.bfloat16"),
    ("kl_estimator", "TRL k3", "gradient.bias.on-policy.*"),
    ("kl_estimator", "verl k1", "gradient.bias.on-policy.*"),
    ("kl_estimator", "verl k2", "value.bias.on-policy.*"),
    ("kl_estimator", "verl k3", "gradient.*.far.*"),
    ("log_softmax", "torch.special.log_softmax", "value.digits.far.float16"),
    ("rel_entr", "torch where(x > 0, x log(x/y), 0)", "gradient.nan.zero.*"),
    ("entropy", "torch log_softmax", "value.nan.masked.*"),
    ("entropy", "torch log_softmax", "gradient.nan.masked.*"),
    ("js_distance", "torch root of kl_div ×2", "gradient.nan.equal.*"),
    ("hellinger_distance", "torch root of a sum of squares", "gradient.nan.equal.*"),
    ("policy_loss", "TRL grpo", "gradient.nan.masked.*"),
    ("policy_loss", "TRL grpo", "value.nan.overflow.*"),
    ("kl_gamma", "torch Gamma", "value.negative.close.float64"),
    ("policy_loss", "TRL bnpo", "gradient.split.micro-batches.*"),
    ("js_divergence", "Liger-Kernel JSD", "value.nan.*"),
]


@pytest.fixture(scope="module")
def reports():
    """Each rival is audited once."""
    found = {}

    def report(kind, label):
        if (kind, label) not in found:
            (formula,) = (one for one in KINDS[kind] if one.label == label)
            needs = {formula.library, label.partition(".")[0]} & {"torch", "jax", "scipy"}
            missing = [name for name in needs if not installed(name)]
            if missing:
                pytest.skip(f"{missing[0]} is not installed")
            backend = formula.library
            with BACKENDS[backend].active():
                found[kind, label] = audit(
                    formula.call, kind, inputs=formula.inputs, backend=backend, name=label
                )
        return found[kind, label]

    return report


@pytest.mark.parametrize(("kind", "label", "pattern"), KNOWN)
def test_what_is_known_is_found(reports, kind, label, pattern):
    report = reports(kind, label)
    assert report.matching(pattern), str(report)
