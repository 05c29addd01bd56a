"""`python -m hub`: the command line."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

from devices.errors import HubError
from hub import importing, workbench
from hub.features import command as features
from hub.settings import Settings, load

CROWD = 5_000


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code. What cannot be done ends with one clear line."""
    parser = argparse.ArgumentParser(prog="python -m hub", description="The Experience Hub.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="run broker, bridge, pipeline and API",
        description="Run the hub until it is told to stop. Settings come from HUB_* variables, .env and hub.toml.",
    )
    serve.add_argument("--demo", action="store_true", help="with a made-up home that lives: two people, seven devices")
    serve.add_argument(
        "--crowd",
        type=int,
        default=CROWD,
        metavar="N",
        help="with --demo: so many made-up wearers around the home, to be compared with (default: %(default)s)",
    )
    check = commands.add_parser("check", help="check device models and rules, naming file, line and reason")
    check.add_argument("files", nargs="*", type=Path, metavar="MODEL.yaml", help="model files; all that ship if none")
    workbench.add_to(commands)
    features.add_to(commands)
    importing.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        if options.command == "rules":
            return workbench.run(options)
        if options.command == "features":
            return features.run(options)
        if options.command == "import":
            return importing.run(options)
        if options.command == "check":
            return _check(options.files)
        return _serve(load(), crowd=options.crowd if options.demo else None)
    except HubError as error:
        print(f"hub: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read what was printed has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _serve(settings: Settings, *, crowd: int | None) -> int:
    gc.disable()  # until the hub is up: what is loaded now stays
    from api.server import serve

    return serve(settings, demo=crowd is not None, crowd=crowd or 0)


def _check(files: list[Path]) -> int:
    from devices import model
    from hub.catalogue import load_catalogues, load_models, load_packs

    for path in files:
        print(f"{path}: {model.parse(path.read_text(), file=path.name).id} is a valid device model")
    if not files:
        models = load_models()
        rules, catalogues = len(load_packs(models)), len(load_catalogues())
        print(f"{len(models)} device models, {rules} rules and {catalogues} catalogues are valid")
    return 0


def _leave(code: int) -> NoReturn:
    """End at once: everything is closed by now, and DuckDB's binding would list its own objects on the way out."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
