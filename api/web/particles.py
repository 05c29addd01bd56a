"""Korean particles, whose form hangs on how the word before them ends: `{name}[이/가]` becomes 문이 or 심박수가."""

from __future__ import annotations

import re

_PARTICLE = re.compile(r"(\S?)\[([가-힣]+)/([가-힣]+)\]")
_CLOSED = frozenset("013678lmnLMN")
"""Digits and letters that are read with a consonant at their end."""


def settle(text: str) -> str:
    """Words with every particle in the form that belongs there."""
    return _PARTICLE.sub(lambda found: found[1] + (found[2] if _closed(found[1]) else found[3]), text)


def _closed(letter: str) -> bool:
    if "가" <= letter <= "힣":
        return (ord(letter) - ord("가")) % 28 != 0
    return letter in _CLOSED
