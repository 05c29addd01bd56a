"""The journal: what was appended is there, whatever was cut short."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.telemetry.journal import Journal


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal")
    yield opened
    opened.close()


def test_records_come_back_in_order_across_segments(journal, tmp_path):
    journal.append(b"one")
    journal.turn()
    journal.append(b"")
    journal.append(b"three")
    assert list(Journal(tmp_path / "journal").records()) == [b"one", b"", b"three"]


def test_dropped_segments_are_gone_and_later_ones_stay(journal):
    journal.append(b"old")
    finished = journal.turn()
    journal.append(b"new")
    journal.drop(finished)
    assert list(journal.records()) == [b"new"]


def test_a_journal_opened_again_goes_on_behind_what_is_there(journal, tmp_path):
    journal.append(b"before")
    again = Journal(tmp_path / "journal")
    again.append(b"after")
    assert list(again.records()) == [b"before", b"after"]
    again.close()


@given(records=st.lists(st.binary(max_size=40), min_size=1, max_size=5), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_segment_cut_anywhere_gives_the_whole_records_before_the_cut(tmp_path, records, data):
    directory = tmp_path / str(len(list(tmp_path.iterdir())))
    journal = Journal(directory)
    ends = []
    for record in records:
        journal.append(record)
        ends.append(next(directory.iterdir()).stat().st_size)
    (segment,) = journal.turn()
    cut = data.draw(st.integers(0, ends[-1]))
    os.truncate(segment, cut)
    assert list(journal.records()) == records[: sum(end <= cut for end in ends)]


def test_a_damaged_record_ends_its_segment_and_not_the_next(journal):
    journal.append(b"whole")
    journal.append(b"damaged")
    (segment,) = journal.turn()
    content = bytearray(segment.read_bytes())
    content[-1] ^= 1
    segment.write_bytes(content)
    journal.append(b"next")
    assert list(journal.records()) == [b"whole", b"next"]


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_record_that_could_not_be_written_is_not_there_and_the_next_one_is(journal, monkeypatch):
    journal.append(b"before")
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(b"refused")
    journal.append(b"after")
    assert list(journal.records()) == [b"before", b"after"]


@pytest.fixture
def disk(monkeypatch):
    """How much of each file is on the disk for certain, by its number there."""
    synced = {}

    def sync(file):
        found = os.fstat(file)
        synced[found.st_ino] = found.st_size

    monkeypatch.setattr(os, "fdatasync", sync)
    return synced


def survivors(directory, disk):
    """What a journal has after a power failure that took everything which was not synced."""
    assert directory.stat().st_ino in disk, "the disk does not know of the segments"
    for path in directory.iterdir():
        os.truncate(path, disk.get(path.stat().st_ino, 0))
    return list(Journal(directory).records())


@given(steps=st.lists(st.sampled_from(["append", "turn", "sync"]), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_synced_outlives_the_power(tmp_path, disk, steps):
    directory = tmp_path / str(len(list(tmp_path.iterdir())))
    journal, records, synced = Journal(directory), [], 0
    for step in ["append", *steps, "sync", "append"]:
        if step == "append":
            records.append(f"record {len(records)}".encode())
            journal.append(records[-1])
        elif step == "turn":
            journal.turn()
        else:
            journal.sync()
            synced = len(records)
    assert survivors(directory, disk)[:synced] == records[:synced]
    journal.close()


def test_files_are_let_go_of_once_they_are_synced(journal):
    before = len(os.listdir("/dev/fd"))
    for number in range(10):
        journal.append(b"%d" % number)
        journal.turn()
    journal.sync()
    assert len(os.listdir("/dev/fd")) == before


def test_after_a_failed_sync_nothing_is_taken_for_synced_but_what_is_appended_then(journal, monkeypatch, disk):
    journal.append(b"perhaps")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        with pytest.raises(OSError, match="No space"):
            journal.sync()
    disk.clear()
    journal.sync()  # there is nothing that it could say again
    assert not disk
