"""Chance: noise for the tables of peers, drawn by OpenDP (https://opendp.org), which has its own way with floating point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.errors import HubError


class ChanceMissing(HubError):
    """Noise is asked for, and the library for it is not installed."""


class Chance:
    """See `rules.blur.Noise`."""

    def __init__(self, epsilon: float) -> None:
        """Raises `ChanceMissing`."""
        try:
            import opendp.prelude as dp
        except ImportError as error:
            raise ChanceMissing("HUB_PEERS_EPSILON asks for noise, which needs OpenDP: pip install opendp") from error
        dp.enable_features("contrib")
        self.epsilon, self._dp = epsilon, dp

    def people(self, count: int, *, epsilon: float) -> int:
        return max(int(self.counting(epsilon)(count)), 0)

    def nearest(self, errors: NDArray[np.int64], *, epsilon: float) -> int:
        return int(self.choosing(epsilon)(errors.tolist()))

    def counting(self, epsilon: float) -> Any:
        """The measurement behind `people`."""
        dp = self._dp
        return (dp.atom_domain(T=int), dp.absolute_distance(T=int)) >> dp.m.then_geometric(1 / epsilon)

    def choosing(self, epsilon: float) -> Any:
        """The measurement behind `nearest`."""
        dp = self._dp
        space = dp.vector_domain(dp.atom_domain(T=int)), dp.linf_distance(T=int)
        return space >> dp.m.then_noisy_max(dp.max_divergence(), 2 / epsilon, negate=True)
