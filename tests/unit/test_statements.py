"""What DuckDB says, in the hub's words."""

from __future__ import annotations

import duckdb
import pytest

from hub.telemetry.statements import interruptible


def test_an_interrupted_query_is_an_interrupt_and_other_errors_are_themselves():
    with pytest.raises(KeyboardInterrupt), interruptible():
        raise RuntimeError("Query interrupted")
    with pytest.raises(KeyboardInterrupt), interruptible():
        raise duckdb.InvalidInputException("Traceback (most recent call last):\n  ...\nKeyboardInterrupt")
    with pytest.raises(RuntimeError, match="else"), interruptible():
        raise RuntimeError("something else")
