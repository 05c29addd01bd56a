"""The command line: `python -m simulators home|history|load|crowd|replay`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from rich.console import Console as Terminal

from simulators.cli import parse
from simulators.errors import SimulatorError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Interrupted is a clean end."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        return 0
    except SimulatorError as error:
        Terminal(stderr=True).print(f"simulators: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return error.exit_code
    return code


if __name__ == "__main__":
    sys.exit(main())
