"""Settings: what wins over what, and everything wrong by name. Secrets stay secret, on the screen and on disk."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import pytest

from hub import secret_files, settings
from hub.data_dir import StartFailed, moved_in
from hub.settings import SettingInvalid, Settings


def _load(directory, **environment):
    return settings.load(environment, directory)


def test_without_anything_the_defaults_hold(tmp_path):
    loaded = _load(tmp_path)
    assert loaded == Settings()
    assert (loaded.api_host, loaded.api_port) == ("127.0.0.1", 8000)
    assert (loaded.mqtt_host, loaded.mqtt_port) == ("127.0.0.1", 1883)
    assert loaded.data_dir == Path(".data")
    assert loaded.embedded_broker
    assert loaded.operator_password is None


def test_stores_are_in_the_data_dir_unless_named(tmp_path):
    loaded = _load(tmp_path, HUB_DATA_DIR="/srv/hub")
    assert loaded.database == "sqlite:////srv/hub/hub.sqlite"
    assert loaded.telemetry_path == Path("/srv/hub/telemetry.duckdb")
    named = _load(tmp_path, HUB_DATABASE_URL="postgresql://u@h/d", HUB_TELEMETRY_URL="duckdb:////x/y.duckdb")
    assert named.database == "postgresql://u@h/d"
    assert named.telemetry_path == Path("/x/y.duckdb")


def test_the_environment_wins_over_dotenv_and_dotenv_over_toml(tmp_path):
    (tmp_path / "hub.toml").write_text('HUB_API_PORT = 1\nHUB_MQTT_PORT = 1\nHUB_LOG_LEVEL = "debug"\n')
    (tmp_path / ".env").write_text("HUB_API_PORT=2\nHUB_MQTT_PORT=2\n")
    loaded = _load(tmp_path, HUB_API_PORT="3")
    assert (loaded.api_port, loaded.mqtt_port, loaded.log_level) == (3, 2, "debug")


def test_names_of_others_are_left_alone(tmp_path):
    (tmp_path / ".env").write_text("OTHER=1\n")
    assert _load(tmp_path, PATH="/bin", HUBBUB="1", hub_api_port="1") == Settings()


def test_what_only_the_tests_read_passes(tmp_path):
    assert _load(tmp_path, HUB_TEST_POSTGRES_URL="x", HUB_TEST_STRICT="1") == Settings()


@pytest.mark.parametrize("place", ["environment", ".env", "hub.toml"])
def test_an_unknown_name_stops_the_start_wherever_it_stands(tmp_path, place):
    environment = {"HUB_API_PROT": "1"} if place == "environment" else {}
    if environment == {}:
        (tmp_path / place).write_text("HUB_API_PROT=1\n")
    with pytest.raises(SettingInvalid, match=r"^HUB_API_PROT is not a setting; there are .*HUB_API_PORT"):
        settings.load(environment, tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("HUB_API_PORT", "eighty", "integer"),
        ("HUB_API_PORT", "", "integer"),
        ("HUB_API_PORT", "65536", "65535"),
        ("HUB_MQTT_PORT", "-1", "greater"),
        ("HUB_API_HOST", "not a host", "IPv4 or IPv6"),
        ("HUB_MQTT_HOST", "256.0.0.1", "IPv4 or IPv6"),
        ("HUB_BROKER_URL", "http://host", "a broker is named like"),
        ("HUB_BROKER_URL", "mqtt://", "a broker is named like"),
        ("HUB_BROKER_URL", "mqtt://127.0.0.1:99999", "a broker is named like"),
        ("HUB_BROKER_URL", "mqtt://127.0.0.1:abc", "a broker is named like"),
        ("HUB_TELEMETRY_URL", "sqlite:///x", "a telemetry store is named like"),
        ("HUB_OPERATOR_PASSWORD", "short", "8 characters"),
        ("HUB_LOG_LEVEL", "loud", "'debug'"),
    ],
)
def test_a_bad_value_is_named_with_its_reason(tmp_path, name, value, reason):
    with pytest.raises(SettingInvalid, match=f"^{name}: .*{reason}"):
        _load(tmp_path, **{name: value})


def test_everything_wrong_is_named_at_once(tmp_path):
    with pytest.raises(SettingInvalid) as raised:
        _load(tmp_path, HUB_API_PORT="x", HUB_LOG_LEVEL="loud", HUB_COLOUR="red")
    assert all(name in str(raised.value) for name in ("HUB_API_PORT", "HUB_LOG_LEVEL", "HUB_COLOUR"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"HUB_API_PORT = \n", b"= 5\n", b'HUB_API_HOST = "\xff"\n'])
def test_a_toml_file_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / "hub.toml").write_bytes(content)
    with pytest.raises(SettingInvalid, match=r"^hub\.toml: "):
        _load(tmp_path)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "localhost"])
def test_a_host_is_an_address_or_localhost(tmp_path, host):
    assert _load(tmp_path, HUB_API_HOST=host).api_host == host


SECRETS = {
    "HUB_OPERATOR_PASSWORD": "hush-hush-1",
    "HUB_BROKER_URL": "mqtts://hub:hush-hush-2@broker:8883",
    "HUB_DATABASE_URL": "postgresql://hub:hush-hush-3@db/hub",
}


def test_secrets_are_not_shown(tmp_path):
    loaded = _load(tmp_path, **SECRETS)
    assert "hush" not in repr(loaded) + str(loaded) + loaded.model_dump_json()
    assert loaded.operator_password.get_secret_value() == "hush-hush-1"
    assert not loaded.embedded_broker


def test_secrets_are_not_shown_when_they_are_wrong(tmp_path):
    with pytest.raises(SettingInvalid) as raised:
        _load(tmp_path, HUB_OPERATOR_PASSWORD="hush", HUB_BROKER_URL="http://hub:hush@broker", HUB_TELEMETRY_URL="hush")
    assert "hush" not in str(raised.value)


def test_settings_do_not_change(tmp_path):
    with pytest.raises(ValueError, match="frozen"):
        _load(tmp_path).api_port = 5


# Secrets on disk.


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_a_private_directory_and_file_are_their_owner_s_alone(tmp_path):
    directory = secret_files.private_directory(tmp_path / "data" / "deep")
    secret_files.write_private(directory / "token", b"secret")
    assert (_mode(directory), _mode(directory / "token")) == (0o700, 0o600)
    assert (directory / "token").read_text() == "secret"


def test_a_directory_that_others_could_look_into_is_closed(tmp_path):
    (tmp_path / "data").mkdir(mode=0o755)
    assert _mode(secret_files.private_directory(tmp_path / "data")) == 0o700


def test_a_data_dir_that_cannot_be_one_is_said_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with contextlib.ExitStack() as stack, pytest.raises(StartFailed, match="file cannot be used"):
        moved_in(tmp_path / "file", stack)


def test_what_is_written_anew_replaces_the_old_and_leaves_nothing_behind(tmp_path):
    secret_files.write_private(tmp_path / "token", b"old and longer")
    secret_files.write_private(tmp_path / "token", b"new")
    assert (tmp_path / "token").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_a_leftover_that_others_can_read_does_not_lend_its_mode(tmp_path):
    (tmp_path / "token.new").write_text("left by a crash")
    (tmp_path / "token.new").chmod(0o644)
    secret_files.write_private(tmp_path / "token", b"secret")
    assert _mode(tmp_path / "token") == 0o600


def test_a_secret_is_made_once_and_kept(tmp_path):
    made = secret_files.kept(tmp_path / "password")
    assert len(made) >= 32
    assert secret_files.kept(tmp_path / "password") == made
    assert secret_files.kept(tmp_path / "other") != made
    assert _mode(tmp_path / "password") == 0o600


def test_a_secret_somebody_wrote_by_hand_is_taken_and_closed(tmp_path):
    (tmp_path / "password").write_text("by hand\n")
    (tmp_path / "password").chmod(0o644)
    assert secret_files.kept(tmp_path / "password") == "by hand"
    assert _mode(tmp_path / "password") == 0o600
