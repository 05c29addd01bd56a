"""The words of the pages, in Korean and English, from one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import RootModel

from api.web.particles import settle
from devices import located
from devices.model import Title
from rules.words import Text

Language: TypeAlias = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")
_FILE = Path(__file__).with_name("texts.yaml")


class _Texts(RootModel[dict[str, Text]]):
    pass


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All words in one language."""

    language: Language
    texts: dict[str, Text]

    def __call__(self, key: str, **values: object) -> str:
        """The words for a key, with values filled in. A key that is not there is a mistake of the page: `KeyError`."""
        said = str(getattr(self.texts[key], self.language)).format(**values)
        return settle(said) if self.language == "ko" else said

    def has(self, key: str) -> bool:
        """Whether there are words for a key."""
        return key in self.texts

    def title(self, title: Title) -> str:
        """A title of a model."""
        return str(getattr(title, self.language))

    @property
    def other(self) -> Language:
        """The language it is not."""
        return "ko" if self.language == "en" else "en"


def load() -> dict[Language, Catalogue]:
    """The catalogue, by language. Raises `ModelInvalid` if a word is missing in one of them."""
    texts = located.read(_FILE.read_text(encoding="utf-8"), _Texts, file=_FILE.name)[0].root
    return {language: Catalogue(language, texts) for language in LANGUAGES}


def chosen(cookie: str | None, accepted: str | None) -> Language:
    """The language of a visitor: what they chose, else what their browser asks for, else English."""
    if cookie in LANGUAGES:
        return cookie
    for part in (accepted or "").split(","):
        code = part.split(";")[0].strip().split("-")[0]
        if code in LANGUAGES:
            return code
    return "en"
