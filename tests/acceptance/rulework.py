"""What tests of rules have in common: rules put on over the API, samples with times of their own, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.harness import ok

BEAT = """\
id: {id}
title: Fast
scope: {{each: person}}
purpose: service
inputs:
  limit: {{default: {limit}, unit: "/min", range: [40, 220]}}
when: {{metric: heart_rate, above: $limit}}
then: {{notify: {{text: "Above {{limit:.0f}}"}}}}
because: "Your heart beats {{value:.0f}} times a minute, above {{limit:.0f}}."
tests:
  - name: it fires
    given: [{{at: 0s, heart_rate: 60}}, {{at: 5s, heart_rate: 215, until: 8s}}]
    expect: [{{at: 5s}}]
"""


def beat(rule: str, limit: int = 100) -> str:
    """A rule that fires once a heart beats faster than a limit."""
    return BEAT.format(id=rule, limit=limit)


def written(rule: str, body: str, *, scope: str = "person") -> str:
    """A rule of which only what matters is said."""
    head = f"id: {rule}\ntitle: A rule\nscope: {{each: {scope}}}\npurpose: service\n"
    return head + body.strip() + "\nbecause: That is why.\n"


def put(api: httpx.Client, rule: str, text: str, *, activate: bool = True) -> str:
    """Save a rule; its version."""
    answer = api.put(f"/v1/rules/{rule}", json={"text": text, "activate": activate})
    return str(ok(answer)["version"])


def fired(api: httpx.Client, rule: str, scope: str, *, shadow: bool = False) -> list[tuple[int, str]]:
    """(time, level) of what a rule decided in a scope, oldest first."""
    return [(at, level) for _, at, level in decided(api, rule, scope, shadow=shadow)]


def decided(api: httpx.Client, rule: str, scope: str, *, shadow: bool = False) -> list[tuple[str, int, str]]:
    """(id, time, level), oldest first."""
    rows = traces(api, rule, scope)["fired"]
    return sorted(
        ((row["id"], instant(row["observed_at"]), row["level"]) for row in rows if row["shadow"] is shadow),
        key=lambda row: (row[1], row[0]),
    )


def traces(api: httpx.Client, rule: str, scope: str) -> Any:
    """Why a rule did and did not fire."""
    return ok(api.get(f"/v1/rules/{rule}/traces", params={"scope": scope, "limit": 100}))


def instant(written: str) -> int:
    """Milliseconds since 1970."""
    return round(datetime.fromisoformat(written).timestamp() * 1000)


def rfc3339(at: int) -> str:
    """A time as the API takes it."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()


def readings(metric: str, values: Sequence[tuple[int, Any]]) -> list[dict[str, Any]]:
    """A message with values at their times."""
    return [{"ts": at, "values": {metric: value}} for at, value in values]
