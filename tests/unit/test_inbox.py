"""The inbox: one order for messages and wishes, and a bound in bytes."""

from __future__ import annotations

import threading

import pytest

from hub import inbox
from hub.inbox import Inbox
from hub.wire import Inbound


def _messages(*names):
    return [Inbound(name, b"", 1, 1, 1, False, 0) for name in names]


def _take(box):
    return box.take(timeout=0)


def _topics(batch):
    return [message.topic for message in batch.messages]


def _nothing():
    return None


def test_an_empty_inbox_gives_an_empty_batch():
    batch = _take(Inbox())
    assert (batch.messages, batch.size, batch.wish) == ([], 0, None)


def test_bursts_are_taken_together_in_their_order():
    box = Inbox()
    box.put_messages(_messages("a", "b"), 10)
    box.put_messages(_messages("c"), 5)
    batch = _take(box)
    assert (_topics(batch), batch.size) == (["a", "b", "c"], 15)


def test_a_wish_is_taken_before_all_messages_that_wait():
    box, wish = Inbox(), _nothing
    box.put_messages(_messages("before"), 1)
    box.put_wish(wish)
    box.put_messages(_messages("after"), 1)
    first, second = _take(box), _take(box)
    assert (_topics(first), first.wish) == ([], wish)
    assert (_topics(second), second.size, second.wish) == (["before", "after"], 2, None)
    assert not _topics(_take(box))


def test_what_must_come_behind_the_messages_that_wait_does():
    box, wish = Inbox(), _nothing
    box.put_messages(_messages("before"), 1)
    box.put_wish(wish, behind=True)
    box.put_messages(_messages("after"), 1)
    first, second = _take(box), _take(box)
    assert (_topics(first), first.wish) == (["before"], wish)
    assert (_topics(second), second.wish) == (["after"], None)


def test_a_wish_wakes_who_waits_for_messages():
    box, wish = Inbox(), _nothing
    later = threading.Timer(0.1, box.put_wish, [wish])
    later.start()
    assert box.take(timeout=30).wish is wish


def test_wishes_are_taken_one_by_one_in_their_order():
    box, wishes = Inbox(), [lambda: 1, lambda: 2, lambda: 3]
    for wish in wishes:
        box.put_wish(wish)
    assert [_take(box).wish for _ in wishes] == wishes
    assert _take(box).wish is None


@pytest.mark.parametrize(("count", "size"), [(inbox.BATCH_MESSAGES, 1), (1, inbox.BATCH_BYTES)])
def test_a_batch_that_is_large_enough_waits_for_no_more(count, size):
    box = Inbox()
    box.put_messages(_messages(*["a"] * count), size)
    box.put_messages(_messages("b"), 1)
    assert len(box.take(timeout=60).messages) == count
    assert _topics(_take(box)) == ["b"]


def test_it_is_full_at_its_bound_until_what_is_in_it_was_taken():
    box = Inbox()
    box.put_messages(_messages("a"), inbox.BYTES_LIMIT - 1)
    assert not box.full
    box.put_messages(_messages("b"), 1)
    assert box.full
    # The first of them is as large as a batch may be, so it is taken by itself.
    assert _take(box).size == inbox.BYTES_LIMIT - 1
    assert not box.full


def test_wishes_get_in_even_when_it_is_full():
    box = Inbox()
    box.put_messages(_messages("a"), inbox.BYTES_LIMIT)
    box.put_wish(_nothing)
    assert box.full
    assert _take(box).wish is _nothing
