"""The coefficient of the KL penalty over a training run."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
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
    coefficient nan: it is not hidden, and no state to go on from. Coefficients are Python
    floats, whatever numbers and 0-d arrays they are made of; controllers with the same numbers
    are equal.

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
        # All are looked at before one is set.
        self.value, self.target, self.horizon = (
            _positive("value", value),
            _positive("target", target),
            _positive("horizon", horizon),
        )

    def update(self, kl: Any, n_steps: Any) -> float:
        """Move the coefficient by a divergence that was measured over some steps.

        Parameters
        ----------
        kl : float or 0-d array
            The divergence, in nats; its derivative is left alone.
        n_steps : float or 0-d array
            How many steps, or episodes, it stands for: in the unit of the horizon, and less
            than five horizons, for which the coefficient could turn 0 or negative.

        Returns
        -------
        float
            The new coefficient.
        """
        divergence, n_steps = _number("kl", kl), _number("n_steps", n_steps)
        if not 0 <= n_steps < 5 * self.horizon:
            raise ValueError(
                f"n_steps must be from 0 to less than five horizons of {self.horizon:g}, "
                f"not {n_steps!r}"
            )
        error = divergence / self.target - 1
        clipped = error if math.isnan(error) else min(max(error, -0.2), 0.2)
        self.value *= 1 + clipped * n_steps / self.horizon
        return self.value

    def state_dict(self) -> dict[str, float]:
        """The numbers that a checkpoint keeps."""
        return {"value": self.value, "target": self.target, "horizon": self.horizon}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from such numbers; from impossible ones, an error, and nothing changes."""
        AdaptiveKLController.__init__(self, **_named(state, "value", "target", "horizon"))

    @classmethod
    def from_state_dict(cls, state: dict[str, float]) -> AdaptiveKLController:
        """A controller that goes on from such numbers."""
        return cls(**_named(state, "value", "target", "horizon"))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # its numbers change

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
        found = _number("value", value)
        if not 0 <= found < math.inf:
            raise ValueError(f"value must not be negative, and must be finite, not {value!r}")
        self.value = found + 0.0  # a zero has no sign

    def update(self, kl: Any, n_steps: Any) -> float:
        """The coefficient, whatever the divergence."""
        return self.value

    def state_dict(self) -> dict[str, float]:
        """The number that a checkpoint keeps."""
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from such a number; from an impossible one, an error, and nothing changes."""
        FixedKLController.__init__(self, **_named(state, "value"))

    @classmethod
    def from_state_dict(cls, state: dict[str, float]) -> FixedKLController:
        """A controller that goes on from such a number."""
        return cls(**_named(state, "value"))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # its number changes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


def _positive(name: str, value: Any) -> float:
    found = _number(name, value)
    if not 0 < found < math.inf:
        raise ValueError(f"{name} must be positive and finite, not {value!r}")
    return found


def _number(name: str, value: Any) -> float:
    """A Python float of a number or of a 0-d array, apart from its derivative."""
    found = value.detach() if hasattr(value, "detach") else value
    if hasattr(found, "shape") and tuple(found.shape) == ():
        found = found.item() if hasattr(found, "item") else found
        found = float(found) if hasattr(found, "shape") else found
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError(f"{name} must be a number or a 0-d array, not {value!r}")
    return float(found) if abs(found) <= sys.float_info.max or found != found else math.inf


def _named(state: Any, *names: str) -> dict[str, Any]:
    """The numbers of a state, all of which there must be."""
    if not isinstance(state, Mapping):
        raise TypeError(f"the state must be a dict, as state_dict returns, not {state!r}")
    missing = [repr(name) for name in names if name not in state]
    if missing:
        raise ValueError(
            f"the state has no {', '.join(missing)}; it must have {', '.join(names)}, as "
            "state_dict returns"
        )
    return {name: state[name] for name in names}
