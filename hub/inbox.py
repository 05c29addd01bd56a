"""The inbox: everything that changes what the pipeline knows, in one order.

Messages from the broker come in bursts, wishes of the API between them. It is bounded in bytes: when it is full the bridge
stops reading, and the broker, which gets no acknowledgements, stops sending.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hub.wire import Inbound

BYTES_LIMIT = 32 * 1024 * 1024
BATCH_MESSAGES = 4096
BATCH_BYTES = 1024 * 1024

Wish: TypeAlias = Callable[[], None]
"""Something the pipeline's thread is to do, in its turn."""


class Batch:
    """What one turn of the pipeline takes: messages, and wishes with how many messages came before each."""

    def __init__(self) -> None:
        self.messages: list[Inbound] = []
        self.size = 0
        self.wish: Wish | None = None

    @property
    def done(self) -> bool:
        """Whether it is large enough, or a wish comes behind it."""
        return self.wish is not None or len(self.messages) >= BATCH_MESSAGES or self.size >= BATCH_BYTES


class Inbox:
    """Many threads put, one takes."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[list[Inbound], int] | Wish] = queue.SimpleQueue()
        self._put_bytes = 0
        self._taken_bytes = 0

    @property
    def full(self) -> bool:
        """Whether the bridge should read no more for now."""
        return self._put_bytes - self._taken_bytes >= BYTES_LIMIT

    def put_messages(self, messages: list[Inbound], size: int) -> None:
        """Add a burst of `size` bytes. Called by the bridge's thread only."""
        self._put_bytes += size
        self._queue.put((messages, size))

    def put_wish(self, wish: Wish) -> None:
        """Add something to be done between messages."""
        self._queue.put(wish)

    def take(self, *, timeout: float) -> Batch:
        """Everything that waits, up to a batch; empty after `timeout` seconds.

        While one batch is being stored the next gathers, so that under load one commit serves many by itself.
        """
        batch = Batch()
        try:
            item = self._queue.get(timeout=timeout)
            while True:
                if callable(item):
                    batch.wish = item
                else:
                    batch.messages += item[0]
                    batch.size += item[1]
                if batch.done:
                    break
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        self._taken_bytes += batch.size
        return batch
