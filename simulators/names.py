"""Korean names, put together at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FAMILY = {"김": 21.5, "이": 14.7, "박": 8.4, "최": 4.7, "정": 4.3, "강": 2.4, "조": 2.1, "윤": 2.1, "장": 2.0, "임": 1.7,
          "한": 1.6, "오": 1.5, "서": 1.5, "신": 1.5, "권": 1.4, "황": 1.4, "안": 1.4, "송": 1.4, "류": 1.3, "홍": 1.1}  # fmt: skip
"""With the share of people who have it, in percent."""
FIRST = "서지민하수예은유현주도시준건우영태재성진"
LAST = {True: "연윤아은희경영민원진서주빈나린", False: "준우호현민훈석진혁원성빈철수환"}


def full_names(rng: np.random.Generator, female: NDArray[np.bool_]) -> list[str]:
    """A name for each."""
    shares = np.array([*FAMILY.values()])
    family = rng.choice(list(FAMILY), len(female), p=shares / shares.sum())
    first = rng.choice(list(FIRST), len(female))
    last = np.where(female, rng.choice(list(LAST[True]), len(female)), rng.choice(list(LAST[False]), len(female)))
    return ["".join(parts) for parts in zip(family.tolist(), first.tolist(), last.tolist(), strict=True)]
