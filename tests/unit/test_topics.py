"""Topics: written and read in one place, and nothing else is one of the hub's."""

from __future__ import annotations

import pytest

from devices import topics
from devices.topics import Address, Channel


@pytest.mark.parametrize("channel", list(Channel))
def test_what_is_written_is_read_back(channel):
    assert topics.parse(topics.of("home-1", "watch-1", channel)) == Address("home-1", "watch-1", channel)


def test_a_topic_is_spelled_as_the_contract_says():
    assert topics.of("home1", "watch1", Channel.TELEMETRY) == "hub/v1/home1/watch1/telemetry"


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "hub/v1/home1/watch1",
        "hub/v1/home1/watch1/telemetry/more",
        "/hub/v1/home1/watch1/telemetry",
        "hub/v1/home1/watch1/telemetry/",
        "hub/v2/home1/watch1/telemetry",
        "HUB/v1/home1/watch1/telemetry",
        "hub/v1/home1/watch1/TELEMETRY",
        "hub/v1/home1/watch1/other",
        "hub/v1//watch1/telemetry",
        "hub/v1/+/watch1/telemetry",
        "hub/v1/home1/#/telemetry",
        "hub/v1/Home1/watch1/telemetry",
        "hub/v1/-home/watch1/telemetry",
        "hub/v1/home1/watch1\n/telemetry",
        "hub/v1/home1/watch.1/telemetry",
        "hub/v1/home1/" + "a" * 64 + "/telemetry",
    ],
)
def test_what_is_not_a_topic_of_the_hub_is_not_read(topic):
    assert topics.parse(topic) is None


@pytest.mark.parametrize("name", ["a", "0", "home-1", "a-", "a" * 63])
def test_a_good_id_is_an_id(name):
    assert topics.is_id(name)


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a.b", "a/b", "é", "a\n", "a b", "a" * 64, "٣"])
def test_a_bad_id_is_no_id(name):
    assert not topics.is_id(name)


def test_a_subscription_covers_one_channel_of_every_device():
    assert topics.subscription(Channel.EVENT) == "hub/v1/+/+/event"


def test_commands_are_the_only_channel_that_devices_do_not_publish_on():
    assert set(Channel) - set(topics.INBOUND) == {Channel.COMMAND}
