"""The inbox: everything that changes what the pipeline knows, in one order: the order in which it is taken.

Messages from the broker come in bursts, wishes of the API between them, ahead of messages that wait. It is bounded in bytes:
when it is full the bridge stops reading, and the broker, which gets no acknowledgements, stops sending.
"""

from __future__ import annotations

import queue
from collections import deque
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
    """What one turn of the pipeline takes: messages, or a wish."""

    def __init__(self, wish: Wish | None = None) -> None:
        self.messages: list[Inbound] = []
        self.size = 0
        self.wish = wish

    @property
    def done(self) -> bool:
        """Whether it is large enough."""
        return len(self.messages) >= BATCH_MESSAGES or self.size >= BATCH_BYTES


class Inbox:
    """Many threads put, one takes. A wish is taken before all messages that wait: somebody waits for it, be it a withdrawal."""

    def __init__(self) -> None:
        self._bursts: queue.SimpleQueue[tuple[list[Inbound], int] | None] = queue.SimpleQueue()
        self._wishes: deque[Wish] = deque()
        self._put_bytes = 0
        self._taken_bytes = 0

    @property
    def full(self) -> bool:
        """Whether the bridge should read no more for now."""
        return self._put_bytes - self._taken_bytes >= BYTES_LIMIT

    def put_messages(self, messages: list[Inbound], size: int) -> None:
        """Add a burst of `size` bytes. Called by the bridge's thread only."""
        self._put_bytes += size
        self._bursts.put((messages, size))

    def put_wish(self, wish: Wish) -> None:
        """Add something to be done between messages; wishes keep their order."""
        self._wishes.append(wish)
        self._bursts.put(None)  # wakes who takes

    def take(self, *, timeout: float) -> Batch:
        """The next wish, or all messages that wait, up to a batch; empty after `timeout` seconds.

        While one batch is being stored the next gathers, so that under load one commit serves many by itself.
        """
        if self._wishes:
            return Batch(self._wishes.popleft())
        batch = Batch()
        try:
            burst = self._bursts.get(timeout=timeout)
            while True:
                if burst is not None:
                    batch.messages += burst[0]
                    batch.size += burst[1]
                if self._wishes or batch.done:
                    break
                burst = self._bursts.get_nowait()
        except queue.Empty:
            pass
        self._taken_bytes += batch.size
        return batch if batch.messages or not self._wishes else Batch(self._wishes.popleft())
