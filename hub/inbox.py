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
    """What one turn of the pipeline takes: messages, and a wish to be fulfilled behind them."""

    def __init__(self, wish: Wish | None = None) -> None:
        self.messages: list[Inbound] = []
        self.size = 0
        self.wish = wish

    @property
    def done(self) -> bool:
        """Whether it is large enough, or a wish comes behind it."""
        return self.wish is not None or len(self.messages) >= BATCH_MESSAGES or self.size >= BATCH_BYTES


class Inbox:
    """Many threads put, one takes. A wish is taken before all messages that wait, since somebody waits for it, be it a
    withdrawal; what must come behind them, as the passing of time, says so.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[list[Inbound], int] | Wish | None] = queue.SimpleQueue()
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
        self._queue.put((messages, size))

    def put_wish(self, wish: Wish, *, behind: bool = False) -> None:
        """Add something to be done between messages, ahead of those that wait or behind them; wishes of a kind keep their order."""
        if behind:
            self._queue.put(wish)
        else:
            self._wishes.append(wish)
            self._queue.put(None)  # wakes who takes

    def take(self, *, timeout: float) -> Batch:
        """The next wish, or what waits, up to a batch; empty after `timeout` seconds.

        While one batch is being stored the next gathers, so that under load one commit serves many by itself.
        """
        if self._wishes:
            return Batch(self._wishes.popleft())
        batch = Batch()
        try:
            self._gather(batch, self._queue.get(timeout=timeout))
            while not (self._wishes or batch.done):
                self._gather(batch, self._queue.get_nowait())
        except queue.Empty:
            pass
        self._taken_bytes += batch.size
        if self._wishes and not batch.messages and batch.wish is None:
            return Batch(self._wishes.popleft())
        return batch

    def _gather(self, batch: Batch, item: tuple[list[Inbound], int] | Wish | None) -> None:
        if callable(item):
            batch.wish = item
        elif item is not None:
            batch.messages += item[0]
            batch.size += item[1]
