"""The feed: who was away can ask for what came since, and learns whether that is all of it."""

from __future__ import annotations

import pytest

from hub import feed
from hub.feed import Feed


@pytest.fixture
def live():
    return Feed()


def _publish(live, *kinds, numbered=True):
    for kind in kinds:
        live.publish(kind, {}, device="watch1", person="minji", numbered=numbered)


def _kinds(happenings):
    return [each.kind for each in happenings]


def _ignore(_):
    return None


def test_listeners_hear_what_is_published_while_they_listen(live):
    heard = []
    _publish(live, "before")
    live.listen(heard.append)
    _publish(live, "a", "b")
    assert _kinds(heard) == ["a", "b"]
    assert live.listened_to


def test_a_listener_that_left_hears_no_more(live):
    heard = []
    listener = heard.append
    live.listen(listener)
    _publish(live, "a")
    live.leave(listener)
    _publish(live, "b")
    assert _kinds(heard) == ["a"]
    assert not live.listened_to


def test_every_listener_hears_everything_in_order(live):
    one, two = [], []
    live.listen(one.append)
    live.listen(two.append)
    _publish(live, "a", "b", "c")
    assert _kinds(one) == _kinds(two) == ["a", "b", "c"]


def test_numbers_rise_by_one_and_twins_have_none(live):
    heard = []
    live.listen(heard.append)
    _publish(live, "a")
    _publish(live, "twin", numbered=False)
    _publish(live, "b")
    first, twin, second = heard
    assert second.id == first.id + 1
    assert twin.id == 0


def test_numbers_of_a_later_start_are_larger(live):
    _publish(live, *"abc")
    later = Feed()
    _publish(later, "d")
    assert later.recent(1)[0].id > live.recent(1)[0].id


def test_resuming_after_a_number_gives_what_came_since_and_all_of_it(live):
    _publish(live, *"abcd")
    ids = [each.id for each in reversed(live.recent(4))]
    for place, number in enumerate(ids):
        missed, whole = live.listen(_ignore, after=number)
        assert ("".join(_kinds(missed)), whole) == ("abcd"[place + 1 :], True)


def test_resuming_just_before_the_oldest_is_whole(live):
    _publish(live, *"ab")
    oldest = live.recent(2)[-1].id
    assert live.listen(_ignore, after=oldest - 1)[1]
    assert not live.listen(_ignore, after=oldest - 2)[1]


def test_without_a_number_nothing_was_missed(live):
    _publish(live, "a")
    assert live.listen(_ignore) == ([], True)


def test_a_number_of_an_earlier_start_is_a_gap(live):
    assert live.listen(_ignore, after=5) == ([], False)
    _publish(live, "a")
    missed, whole = live.listen(_ignore, after=5)
    assert (_kinds(missed), whole) == (["a"], False)


def test_what_has_fallen_out_is_a_gap(live, monkeypatch):
    monkeypatch.setattr(feed, "KEPT", 3)
    short = Feed()
    heard = []
    short.listen(heard.append)
    _publish(short, *"abcde")
    missed, whole = short.listen(_ignore, after=heard[0].id)
    assert (_kinds(missed), whole) == (["c", "d", "e"], False)
    missed, whole = short.listen(_ignore, after=heard[1].id)
    assert (_kinds(missed), whole) == (["c", "d", "e"], True)


def test_what_is_missed_is_not_also_heard(live):
    _publish(live, "a")
    heard = []
    missed, _ = live.listen(heard.append, after=live.recent(1)[0].id - 1)
    _publish(live, "b")
    assert _kinds(missed) + _kinds(heard) == ["a", "b"]


def test_recent_is_the_newest_first(live):
    _publish(live, *"abc")
    _publish(live, "twin", numbered=False)
    assert _kinds(live.recent(2)) == ["c", "b"]
    assert _kinds(live.recent(9)) == ["c", "b", "a"]
    assert live.recent(0) == []
