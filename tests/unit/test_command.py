"""How far a command has come: forward only."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import command
from devices.command import Command, Status, may_follow

RANK = {"queued": 0, "sent": 1, "accepted": 2, "done": 3, "failed": 3, "expired": 3}
ENDS = (Status.DONE, Status.FAILED, Status.EXPIRED)


@given(st.lists(st.sampled_from(Status), max_size=12))
def test_reports_in_any_order_never_move_a_command_backward(reports):
    history = [Status.QUEUED]
    for report in reports:
        if may_follow(history[-1], report):
            history.append(report)
    ranks = [RANK[status] for status in history]
    assert all(before < after for before, after in pairwise(ranks))
    assert not any(status in ENDS for status in history[:-1])


@given(st.sampled_from(Status))
def test_nothing_follows_itself(status):
    assert not may_follow(status, status)


@given(st.sampled_from(ENDS), st.sampled_from(Status))
def test_nothing_follows_an_end(end, status):
    assert not may_follow(end, status)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENT])
def test_what_is_not_delivered_may_expire(status):
    assert may_follow(status, Status.EXPIRED)


def test_what_is_accepted_no_longer_expires():
    assert not may_follow(Status.ACCEPTED, Status.EXPIRED)
    assert may_follow(Status.ACCEPTED, Status.DONE)
    assert may_follow(Status.ACCEPTED, Status.FAILED)


def test_a_quick_device_may_skip_the_steps_between():
    assert may_follow(Status.QUEUED, Status.DONE)
    assert may_follow(Status.SENT, Status.FAILED)


def test_what_has_expired_stays_expired_even_if_the_device_has_done_it():
    assert not may_follow(Status.EXPIRED, Status.DONE)


def test_what_is_undelivered_is_not_ended():
    assert set(command.UNDELIVERED) == {Status.QUEUED, Status.SENT}
    assert not set(command.UNDELIVERED) & set(ENDS)


def test_a_command_is_written_as_the_contract_says():
    payload = command.encode(Command("c1", "watch1", "show", {"text": "안녕"}, 1_795_332_706_496))
    assert json.loads(payload) == {
        "id": "c1",
        "type": "show",
        "args": {"text": "안녕"},
        "expires_at": 1_795_332_706_496,
    }
