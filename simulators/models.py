"""The shipped device models, as a device of that kind knows itself."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from devices import model
from devices.model import Model
from simulators.errors import SimulatorError


@cache
def load(model_id: str) -> Model:
    """The model; raises `SimulatorError` if there is none of this name."""
    source = files("devices").joinpath("models", f"{model_id}.yaml")
    if not source.is_file():
        raise SimulatorError(f"there is no device model {model_id!r}")
    return model.parse(source.read_text(encoding="utf-8"), file=f"{model_id}.yaml")
