"""What the hub counts of itself, for Prometheus. Numbers only: no names of devices or people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """One set for one hub, so that several can live in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.messages = self._counter("hub_messages", "Messages taken in and acknowledged, by channel", ["channel"])
        self.samples = self._counter("hub_samples_stored", "Samples stored; repeats are not counted")
        self.repeats = self._counter("hub_changes_repeated", "Samples and events that were stored already")
        self.events = self._counter("hub_events_stored", "Events stored; repeats are not counted")
        self.unpermitted = self._counter(
            "hub_samples_unpermitted", "Values dropped because nobody allowed to keep them"
        )
        self.quarantined = self._counter("hub_quarantined", "Parts of messages refused, by reason", ["code"])
        self.decisions = self._counter("hub_decisions", "Decisions of rules, by level", ["level"])
        self.commands = self._counter("hub_commands", "Commands that reached a status", ["status"])
        self.retries = self._counter("hub_store_retries", "Times a store could not be written and was tried again")
        self.chores = self._counter("hub_chore_cpu_seconds", "CPU time that chores behind the pipeline took", ["chore"])
        self.turn = Histogram(
            "hub_turn_seconds",
            "Time a batch took from being decoded to being stored, decided on and recorded",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.batch = Histogram(
            "hub_turn_messages",
            "Messages taken in one turn",
            buckets=(1, 4, 16, 64, 256, 1024, 4096),
            registry=self._registry,
        )
        self.bridge_up = Gauge("hub_bridge_connected", "1 while subscribed at the broker", registry=self._registry)
        self.broker_restarts = Gauge(
            "hub_broker_restarts", "Times the embedded broker was started again", registry=self._registry
        )
        self.listeners = Gauge("hub_stream_listeners", "Live streams open", registry=self._registry)

    def _counter(self, name: str, text: str, labels: list[str] | None = None) -> Counter:
        return Counter(name, text, labels or [], registry=self._registry)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
