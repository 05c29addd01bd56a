"""Words and data with blanks."""

from __future__ import annotations

import pytest

from rules.words import blanks, duration, fill, filled

KNOWN = {"distance_m": 5200.5, "sport": "running", "goal": True}


def test_words_say_what_is_known_and_a_dash_for_what_is_not():
    assert fill("{sport}: {distance_m:.0f} m of {more}", KNOWN) == "running: 5200 m of –"


def test_a_text_that_is_one_blank_is_the_value_itself():
    written = {"how_far": "{distance_m}", "said": "{distance_m:.1f} m", "more": ["{sport}", 3, {"is": "{unknown}"}]}
    assert filled(written, KNOWN) == {"how_far": 5200.5, "said": "5200.5 m", "more": ["running", 3, {"is": None}]}


@pytest.mark.parametrize("words", ["{value!r}", "{value:>10}", "{0}", "{a.b}"])
def test_other_forms_are_refused(words):
    with pytest.raises(ValueError, match="fill in a name"):
        list(blanks(words))


@pytest.mark.parametrize(
    ("milliseconds", "en", "ko"),
    [(0, "0 s", "0초"), (90_000, "1 min 30 s", "1분 30초"), (90_061_000, "1 d 1 h", "1일 1시간")],
)
def test_a_duration_is_its_two_largest_units(milliseconds, en, ko):
    assert (duration(milliseconds, "en"), duration(milliseconds, "ko")) == (en, ko)
