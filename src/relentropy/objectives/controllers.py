"""The coefficient of the KL penalty over a training run."""

from __future__ import annotations

import math
from typing import Any


class AdaptiveKLController:
    r"""A coefficient that follows the divergence towards a target.

    .. math::
        e = \operatorname{clip}\Bigl(\frac{\mathrm{KL}}{\text{target}} - 1,\, -0.2,\, 0.2\Bigr),
        \quad \beta \leftarrow \beta \Bigl(1 + e\, \frac{n}{\text{horizon}}\Bigr)

    Parameters
    ----------
    value : float
        The coefficient to begin with, positive.
    target : float
        The divergence to keep, in nats, positive, and measured as `update` is told it.
    horizon : float
        The steps in which an error of 1 would change the coefficient by its own size, positive.

    Attributes
    ----------
    value : float
        The coefficient now.

    See Also
    --------
    FixedKLController : one that stays, with the same methods.
    rlhf_objective, grpo_loss : whose ``beta`` it is.

    Notes
    -----
    The error is clipped to 20 %, so that one outlier moves little. A nan divergence makes the
    coefficient nan: it is not hidden.

    References
    ----------
    D. M. Ziegler et al., "Fine-tuning language models from human preferences",
    arXiv:1909.08593 (2019), section 2.2.

    Examples
    --------
    >>> from relentropy.objectives import AdaptiveKLController
    >>> controller = AdaptiveKLController(0.1, target=6.0, horizon=10_000)
    >>> round(controller.update(9.0, n_steps=256), 6)
    0.100512
    >>> controller.value == AdaptiveKLController.from_state_dict(controller.state_dict()).value
    True
    """

    def __init__(self, value: float, target: float, horizon: float) -> None:
        self.value = _positive("value", value)
        self.target = _positive("target", target)
        self.horizon = _positive("horizon", horizon)

    def update(self, kl: Any, n_steps: float) -> float:
        """Move the coefficient by a divergence that was measured over some steps.

        Parameters
        ----------
        kl : float or 0-d array
            The divergence, in nats.
        n_steps : float
            How many steps, or episodes, it stands for: in the unit of the horizon, and less
            than five horizons, for which the coefficient could turn 0 or negative.

        Returns
        -------
        float
            The new coefficient.
        """
        if not 0 <= n_steps < 5 * self.horizon:
            raise ValueError(
                f"n_steps must be from 0 to less than five horizons of {self.horizon:g}, "
                f"not {n_steps!r}"
            )
        error = float(kl) / self.target - 1
        clipped = error if math.isnan(error) else min(max(error, -0.2), 0.2)
        self.value *= 1 + clipped * n_steps / self.horizon
        return self.value

    def state_dict(self) -> dict[str, float]:
        """The numbers that a checkpoint keeps."""
        return {"value": self.value, "target": self.target, "horizon": self.horizon}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from such numbers."""
        self.value, self.target, self.horizon = (
            float(state[name]) for name in ("value", "target", "horizon")
        )

    @classmethod
    def from_state_dict(cls, state: dict[str, float]) -> AdaptiveKLController:
        """A controller that goes on from such numbers."""
        made = cls(1.0, 1.0, 1.0)
        made.load_state_dict(state)
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r}, {self.target!r}, {self.horizon!r})"


class FixedKLController:
    """A coefficient that stays as it is.

    Parameters
    ----------
    value : float
        The coefficient, not negative.

    Attributes
    ----------
    value : float
        The coefficient.

    See Also
    --------
    AdaptiveKLController : one that follows a target, with the same methods.

    Examples
    --------
    >>> from relentropy.objectives import FixedKLController
    >>> FixedKLController(0.04).update(9.0, n_steps=256)
    0.04
    """

    def __init__(self, value: float) -> None:
        self.value = 0.0 if value == 0 else _positive("value", value)

    def update(self, kl: Any, n_steps: float) -> float:
        """The coefficient, whatever the divergence."""
        return self.value

    def state_dict(self) -> dict[str, float]:
        """The number that a checkpoint keeps."""
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from such a number."""
        self.value = float(state["value"])

    @classmethod
    def from_state_dict(cls, state: dict[str, float]) -> FixedKLController:
        """A controller that goes on from such a number."""
        return cls(state["value"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


def _positive(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, not {value!r}")
    return float(value)
