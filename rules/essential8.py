"""The health index: Life's Essential 8, as far as a watch sees it, published as "k of 8".

Source: Lloyd-Jones et al. 2022, Circulation 146:e18-e43, table of points for adults. Of its eight components (diet, activity,
nicotine, sleep, body mass index, lipids, glucose, blood pressure) three follow from what the hub knows: activity, sleep and
body mass index. The index is their unweighted mean. Not medical advice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rules.stretches import Numbers

OF = 8
METHOD = "Life's Essential 8 (Lloyd-Jones 2022): the unweighted mean of those of its eight components that are known"
COMPONENTS: tuple[str, ...] = ("activity", "sleep", "body_mass_index")

_ACTIVITY = ((150, 100), (120, 90), (90, 80), (60, 60), (30, 40), (1, 20), (0, 0))
"""From so many minutes a week, vigorous ones counted twice, so many points."""
_BODY_MASS = ((40, 0), (35, 15), (30, 30), (25, 70), (0, 100))
"""From so many kg/m2 so many points."""
_SLEEP = ((10, 40), (9, 90), (7, 100), (6, 70), (5, 40), (4, 20), (0, 0))
"""From so many hours a night so many points."""


def activity(minutes: Numbers) -> Numbers:
    """Points for minutes of moderate activity a week, each vigorous minute counted twice; NaN where they are not known."""
    return _points(minutes, _ACTIVITY)


def sleep(hours: Numbers) -> Numbers:
    """Points for hours of sleep a night; NaN where they are not known."""
    return _points(hours, _SLEEP)


def body_mass_index(kg_per_m2: Numbers) -> Numbers:
    """Points for the body mass index; NaN where it is not known."""
    return _points(kg_per_m2, _BODY_MASS)


def _points(values: Numbers, table: Sequence[tuple[float, float]]) -> Numbers:
    points = np.select([values >= low for low, _ in table], [value for _, value in table], default=np.nan)
    return points.astype(np.float64)
