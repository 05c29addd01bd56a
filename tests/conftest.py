"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.harness import HubProcess, running

# Examples are judged by what they do, not by how long a busy machine takes over them.
settings.register_profile("hub", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hub")

STRICT = os.environ.get("HUB_TEST_STRICT") == "1"


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: half of the tests wait for a hub, a broker or a browser most of the time."""
    return (os.cpu_count() or 1) + 1


def wanted(program: str, *places: str) -> str:
    """The path of a program of the system; without it the test is skipped, or, where nothing may be, fails."""
    found = shutil.which(program) or next((place for place in places if Path(place).exists()), None)
    if found is None:
        reason = f"{program} is not installed on this machine"
        if STRICT:
            pytest.fail(f"{reason}, and HUB_TEST_STRICT=1 allows no skips")
        pytest.skip(f"SKIPPED LOUDLY: {reason}")
    return found


@pytest.fixture
def mosquitto() -> str:
    """The Mosquitto broker."""
    return wanted("mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")


@pytest.fixture(scope="session")
def chromium() -> str:
    """A Chromium browser."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return wanted("chromium")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub for the tests of one file; each test registers what it needs under names of its own."""
    with running(tmp_path_factory.mktemp("hub")) as process:
        yield process
