"""Korean particles take the form that the word before them asks for."""

from __future__ import annotations

import pytest

from api.web.particles import settle


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("심박수[이/가] 높음", "심박수가 높음"),
        ("문[이/가] 열림", "문이 열림"),
        ("버전 3[으로/로]", "버전 3으로"),
        ("버전 2[과/와]", "버전 2와"),
        ("Heart[을/를]", "Heart를"),
        ("사람[은/는] 집[을/를]", "사람은 집을"),
        ("[a/b]", "[a/b]"),
    ],
)
def test_a_particle_follows_its_word(written: str, said: str) -> None:
    assert settle(written) == said
