"""Sign-in decisions, and what a connection may do."""

from __future__ import annotations

import pytest

from devices import access
from devices.access import Admitted, Credential, Denied

TOKEN = "the-token-of-watch-1"
WATCH = Credential("home1", "watch1", access.token_hash(TOKEN))


def _admit(credential=WATCH, *, username="watch1", token=TOKEN, client_id="watch1", holders=None):
    return access.admit(credential, username=username, token=token, client_id=client_id, holders=holders or {})


def test_the_right_token_lets_a_device_in():
    assert _admit() == Admitted(access.permissions("home1", "watch1"))


def test_an_unknown_device_is_denied():
    assert _admit(None) == Denied("unknown device")


def test_revoked_credentials_are_denied_whatever_the_token():
    revoked = Credential("home1", "watch1", None)
    assert _admit(revoked) == Denied("credentials revoked")
    assert _admit(revoked, token="") == Denied("credentials revoked")


@pytest.mark.parametrize(
    "token", ["", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), " " + TOKEN, access.token_hash(TOKEN), "\x00", "ключ"]
)
def test_a_wrong_token_is_denied(token):
    assert _admit(token=token) == Denied("wrong password")


@pytest.mark.parametrize("client_id", ["watch2", "session-of-watch2"])
def test_a_client_id_that_another_device_holds_is_denied(client_id):
    denied = _admit(client_id=client_id, holders={client_id: "watch2"})
    assert denied == Denied("client id belongs to another device")


def test_a_wrong_token_is_denied_before_anything_is_told_of_client_ids():
    assert _admit(token="no", client_id="watch2", holders={"watch2": "watch2"}) == Denied("wrong password")


def test_a_device_may_use_a_client_id_it_holds_or_nobody_does():
    assert isinstance(_admit(client_id="my-phone", holders={"my-phone": "watch1"}), Admitted)
    assert isinstance(_admit(client_id="fresh", holders={"other": "watch2"}), Admitted)


def test_a_client_id_is_held_as_a_whole_and_not_by_its_beginning():
    assert isinstance(_admit(client_id="watch22", holders={"watch2": "watch2"}), Admitted)
    assert isinstance(_admit(username="watch1", client_id="watch1x", holders={"watch1": "watch1"}), Admitted)


def test_a_client_id_may_have_128_characters_and_no_more():
    assert isinstance(_admit(client_id="c" * 128), Admitted)
    assert _admit(client_id="c" * 129) == Denied("client id too long")


def test_permissions_have_no_wildcards_and_only_the_device_s_own_topics():
    allowed = access.permissions("home1", "watch1")
    for topic in allowed.publish + allowed.subscribe:
        assert topic.startswith("hub/v1/home1/watch1/")
        assert not set("+#*>$") & set(topic)


def test_a_device_publishes_what_it_says_and_hears_only_its_commands():
    allowed = access.permissions("home1", "watch1")
    channels = {topic.rsplit("/", 1)[1] for topic in allowed.publish}
    assert channels == {"telemetry", "event", "status", "result"}
    assert allowed.subscribe == ("hub/v1/home1/watch1/command",)


def test_no_topic_of_a_device_is_one_of_a_device_whose_id_begins_alike():
    short, long = access.permissions("home1", "watch1"), access.permissions("home1", "watch10")
    assert not set(short.publish + short.subscribe) & set(long.publish + long.subscribe)


def test_permissions_follow_the_credential_and_not_the_user_name():
    other = Credential("home2", "watch9", access.token_hash(TOKEN))
    assert _admit(other, username="watch1") == Admitted(access.permissions("home2", "watch9"))


def test_a_token_hash_is_sha_256_in_hex():
    assert access.token_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
