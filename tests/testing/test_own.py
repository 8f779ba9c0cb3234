"""What an audit says of this library's functions: nothing that is not so."""

import pytest

from relentropy import estimators
from relentropy.testing import assert_audit, audit

from ..suite.backends import BACKENDS
from .own import WITH_TRUTHS, grpo, own, penalty

EACH = [
    pytest.param(kind, inputs, id=f"{kind.name}-{inputs}")
    for kind in WITH_TRUTHS
    for inputs in kind.inputs
]
each = pytest.mark.parametrize(("kind", "inputs"), EACH)


@each
def test_values_have_all_their_digits(kind, inputs):
    report = audit(own(kind, inputs), kind.name, inputs=inputs)
    assert report, str(report)
    assert report.worst() < 6


@each
def test_derivatives_have_all_their_digits(kind, inputs):
    pytest.importorskip("torch")
    wanted = {"inputs": inputs, "backend": "torch", "dtypes": ["bfloat16", "float64"]}
    report = audit(own(kind, inputs), kind.name, **wanted)
    assert report, str(report)
    assert "gradient" in report.tables


@pytest.mark.parametrize("name", ["kl_divergence", "log_softmax", "kl_div"])
def test_the_strict_library(name):
    pytest.importorskip("array_api_strict")
    (kind,) = (kind for kind in WITH_TRUTHS if kind.name == name)
    report = audit(own(kind, kind.inputs[-1]), name, inputs=kind.inputs[-1],
                   backend="array_api_strict")  # fmt: skip
    assert report, str(report)
    assert report.dtypes == ("float32", "float64")


def test_jax():
    pytest.importorskip("jax")
    (kind,) = (kind for kind in WITH_TRUTHS if kind.name == "k3")
    with BACKENDS["jax"].active():
        report = audit(
            own(kind, "log_probs"), "k3", backend="jax", dtypes=["float32", "float64"]
        )
    assert report, str(report)
    assert report.worst("gradient") < 6


# What `kl_estimate` documents of bias is all that is found.
BIASED = {
    ("k1", "pathwise"): ["gradient.bias.on-policy.float64"],
    ("k2", "pathwise"): ["value.bias.on-policy.float64"],
    ("k3", "pathwise"): ["gradient.bias.on-policy.float64"],
    ("abs", "pathwise"): ["value.bias.on-policy.float64", "gradient.bias.on-policy.float64"],
    ("k1", "straight_through"): [],
    ("k2", "straight_through"): ["value.bias.on-policy.float64"],
    ("k3", "straight_through"): [],
}


@pytest.mark.parametrize(("name", "gradient"), BIASED, ids="-".join)
def test_estimators_have_the_bias_that_they_must(name, gradient):
    pytest.importorskip("torch")

    def fn(log_probs, ref):
        return estimators.kl_estimate(log_probs, ref, estimator=name, gradient=gradient)

    report = audit(fn, "kl_estimator", backend="torch")
    assert [finding.name for finding in report.findings] == BIASED[name, gradient]
    assert f"its values are those of {name}" in report.remarks
    assert report.worst("value", "[a-n]*") < 3


def test_weights_undo_the_bias_of_other_samples():
    pytest.importorskip("torch")

    def fn(log_probs, ref, old):
        return estimators.kl_estimate(log_probs, ref, log_weights=log_probs - old)

    report = audit(fn, "kl_estimator", backend="torch", weighted=True)
    assert report, str(report)
    assert "its gradient as a loss is unbiased off-policy" in report.remarks


@pytest.mark.parametrize(("fn", "kind"), [(grpo, "policy_loss"), (penalty, "kl_penalty")])
def test_losses(fn, kind):
    pytest.importorskip("torch")
    report = assert_audit(fn, kind, backend="torch")
    assert "the KL penalty's value is that of k3" in report.remarks
    assert set(report.tables) == {"value", "gradient"}
    assert "masked" in report.tables["gradient"]


def test_losses_in_numpy():
    assert_audit(grpo, "policy_loss")
