"""The twin: what a device last reported, what is wanted of it, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from devices.sample import Instant, Sample, Value


@dataclass(slots=True)
class Twin:
    """Kept by the one pipeline thread; others read copies. `reported` has the newest sample of every metric; `version`
    counts the changes since the hub started."""

    device: str
    reported: dict[str, Sample] = field(default_factory=dict)
    desired: dict[str, Value] = field(default_factory=dict)
    online: bool | None = None
    last_seen: Instant | None = None
    version: int = 0

    def seen(self, received_at: Instant) -> None:
        """The device gave a sign of life."""
        if self.last_seen is None or received_at > self.last_seen:
            self.last_seen = received_at

    def report_status(self, *, online: bool) -> bool:
        """Take in the device's own word on whether it is there; whether that changed."""
        changed = self.online is not online
        self.online = online
        if changed:
            self.version += 1
        return changed

    @property
    def delta(self) -> dict[str, Value]:
        """What is wanted and not (yet) so."""
        return {
            metric: wanted
            for metric, wanted in self.desired.items()
            if metric not in self.reported or self.reported[metric].value != wanted
        }


def apply(twins: Mapping[str, Twin], samples: Iterable[Sample]) -> set[str]:
    """Take samples into the twins of their sources; whose twins changed. Duplicates and older samples are no-ops."""
    touched: set[str] = set()
    source, reported = None, dict[str, Sample]()
    for sample in samples:
        if sample.source != source:
            source = sample.source
            reported = twins[source].reported
        known = reported.get(sample.metric)
        if known is None or sample.observed_at > known.observed_at:
            reported[sample.metric] = sample
            touched.add(source)
    for changed in touched:
        twins[changed].version += 1
    return touched
