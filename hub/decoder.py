"""The decoder: what the messages of a batch hold, sorted, and of it only what may be kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devices import codecs, topics
from devices.command import Result
from devices.sample import Event, Instant, Reject
from devices.topics import Channel
from hub.arrivals import Arrivals
from hub.metrics import Metrics
from hub.registry import Entry, Registry
from hub.store.tables import QuarantineRow
from hub.telemetry import Change
from rules.chain import MADE_BY_RULE

if TYPE_CHECKING:
    from hub.wire import Inbound

ROUTES_KEPT = 100_000


@dataclass(slots=True)
class Intake:
    """What the messages of a batch hold, sorted."""

    changes: list[Change] = field(default_factory=list)
    events: bool = False
    results: list[Result] = field(default_factory=list)
    statuses: list[tuple[Entry, bool, Instant]] = field(default_factory=list)
    refusals: list[QuarantineRow] = field(default_factory=list)
    unpermitted: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """Where a topic leads: a device's channel, or a refusal."""

    channel: Channel
    entry: Entry | None
    refusal: Reject | None = None


class Decoder:
    """Owned by the pipeline's thread; `may_be_online(entry)` says whether a device that says it is there may be."""

    def __init__(
        self, registry: Registry, arrivals: Arrivals, metrics: Metrics, *, may_be_online: Callable[[Entry], bool]
    ) -> None:
        self._registry, self._arrivals, self._metrics = registry, arrivals, metrics
        self._may_be_online = may_be_online
        self._routes: dict[str, Route] = {}

    def forget_routes(self) -> None:
        """Devices have changed: look up anew where topics lead."""
        self._routes.clear()

    def decode(self, messages: Sequence[Inbound]) -> Intake:
        """Read every message, and drop what nobody allowed to keep."""
        intake, counts = Intake(), Counter[Channel]()
        routes = self._routes
        for message in messages:
            route = routes.get(message.topic) or self._route(message.topic)
            entry = route.entry
            if entry is None:
                intake.refusals.append(
                    refusal(message, None, route.refusal or Reject("topic", "not a topic of the hub"))
                )
            elif route.channel is Channel.TELEMETRY:
                self._decode_telemetry(message, entry, intake)
            else:
                self._decode_other(message, route.channel, entry, intake)
            counts[route.channel] += 1
        for channel, count in counts.items():
            self._metrics.messages.labels(channel).inc(count)
        return intake

    def _decode_telemetry(self, message: Inbound, entry: Entry, intake: Intake) -> None:
        stamp = self._arrivals.stamp(message)
        decoded = codecs.telemetry(message.payload, source=entry.id, model=entry.model, received_at=stamp)
        if decoded.stamped:
            self._arrivals.note(message, stamp)
        samples = decoded.samples
        if not entry.permits_all:
            samples = [sample for sample in samples if sample.metric in entry.permitted]
            intake.unpermitted += len(decoded.samples) - len(samples)
        intake.changes += samples
        if decoded.rejects:
            intake.refusals += [refusal(message, entry, reject) for reject in decoded.rejects]

    def _decode_other(self, message: Inbound, channel: Channel, entry: Entry, intake: Intake) -> None:
        read: Event | Result | bool | Reject
        match channel:
            case Channel.EVENT:
                received_at = message.received_at
                read = codecs.event(message.payload, source=entry.id, model=entry.model, received_at=received_at)
            case Channel.RESULT:
                read = codecs.result(message.payload, source=entry.id)
            case _:
                read = codecs.status(message.payload)
        match read:
            case Event() if read.id.startswith(MADE_BY_RULE):
                reason = f"ids that begin with {MADE_BY_RULE} are for events that rules publish"
                intake.refusals.append(refusal(message, entry, Reject("id", reason)))
            case Event():
                intake.changes.append(read)
                intake.events = True
            case Result():
                intake.results.append(read)
            case bool() if not read or self._may_be_online(entry):
                intake.statuses.append((entry, read, message.received_at))
            case Reject():
                intake.refusals.append(refusal(message, entry, read))

    def _route(self, topic: str) -> Route:
        if len(self._routes) > ROUTES_KEPT:
            self._routes.clear()
        route = self._routes[topic] = self._find(topic)
        return route

    def _find(self, topic: str) -> Route:
        address = topics.parse(topic)
        if address is None:
            return Route(Channel.TELEMETRY, None, Reject("topic", "not a topic of the hub"))
        entry = self._registry.entries.get(address.device)
        if entry is None:
            return Route(address.channel, None, Reject("unknown_device", "there is no such device"))
        if entry.home != address.home:
            return Route(address.channel, None, Reject("wrong_home", "the device belongs to another home"))
        return Route(address.channel, entry)


def refusal(message: Inbound, entry: Entry | None, reject: Reject) -> QuarantineRow:
    """What is put on record of a message, or of a part of one, that cannot be taken."""
    return QuarantineRow(
        at=message.received_at,
        kind="message",
        topic=message.topic[:256],
        device_id=entry.id if entry else None,
        code=reject.code,
        reason=reject.reason,
        excerpt=reject.excerpt,
    )
