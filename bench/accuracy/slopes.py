"""The worst of a derivative on one backend."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slope:
    """The largest error of a derivative's components, over their condition numbers."""

    function: str
    dtype: str
    backend: str
    ulp: float
    allowed: float
    components: int
    where: str
    """The component, its row and its truth."""

    @property
    def fails(self) -> bool:
        return not self.ulp <= self.allowed
