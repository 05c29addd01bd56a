"""What the broker's log says, and what clients only make it look like."""

from __future__ import annotations

import pytest

from hub.broker import EmbeddedBroker

HEAD = "[17922] 2026/11/23 11:27:55.950698 [ERR] "
STREAM = "JetStream stream 'HUB > $MQTT_sess' critical write error: write /data/msgs/1.blk: no space left on device"
MESSAGE = (
    "JetStream failed to store a msg on stream 'HUB > $MQTT_sess': write /data/msgs/1.blk: no space left on device"
)


@pytest.fixture
def broker(tmp_path, monkeypatch):
    made = EmbeddedBroker(tmp_path / "broker", host="127.0.0.1", port=0, control_port=0)
    made.noted = []
    monkeypatch.setattr(made, "_note_cannot_write", made.noted.append)
    return made


@pytest.mark.parametrize("said", [STREAM, MESSAGE])
def test_that_it_cannot_write_is_noted(broker, said):
    broker._read_log([f"{HEAD}{said}\n"])
    assert broker.noted == ["no space left on device"]


@pytest.mark.parametrize(
    "line",
    [
        f'{HEAD}127.0.0.1:40180 - mid:58 - "{STREAM}" - unable to connect: {STREAM}\n',
        f'{HEAD}127.0.0.1:40180 - mid:58 - "x" - Publish Violation - Subject "{MESSAGE}"\n',
        f'{HEAD}127.0.0.1:40180 - mid:58 - "{HEAD}{MESSAGE}" - authentication error\n',
        f"{HEAD.replace('ERR', 'INF')}{STREAM}\n",
    ],
)
def test_nobody_has_the_broker_started_anew_by_what_they_call_themselves(broker, line):
    broker._read_log([line])
    assert broker.noted == []
