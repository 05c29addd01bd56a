"""What can go wrong for the person at the command line; the message is the one line they see.

SimulatorError
├── Unreachable     nobody answers at the address
├── SignInRefused   the API or the broker does not accept the name and password
├── ApiRefused      the API answered, and said no
└── NotARecording   the file is not a FIT recording that can be read   (exit code 2)
"""

from __future__ import annotations


class SimulatorError(Exception):
    """Something that ends a command with one line and `exit_code`."""

    exit_code = 1


class Unreachable(SimulatorError):
    """Nobody answers at the address."""


class SignInRefused(SimulatorError):
    """The name and password are not accepted."""


class ApiRefused(SimulatorError):
    """The API answered with a problem; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotARecording(SimulatorError):
    """The file is missing, broken, or no FIT recording."""

    exit_code = 2
