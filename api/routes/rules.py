"""Rules: what there is, what is on, why it did or did not fire, and what another version would have done."""

from __future__ import annotations

import contextlib
import re
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field

from api.deps import ME, CallerDep, HubDep, OperatorDep
from api.instants import Moment, to_instant, to_rfc3339
from api.scopes import own_scope, scopes_of, seen_scopes
from devices.errors import Invalid, ModelInvalid, NotFound
from devices.topics import ID_PATTERN
from hub.replays import Job
from hub.rulebook import OWN, Trace
from hub.runtime import Hub
from hub.store.tables import DecisionRow, RuleRow, RuleVersionRow
from rules import language
from rules.decision import Decision
from rules.state import Outcome

router = APIRouter(prefix="/v1", tags=["rules"])

TEXT_LIMIT = 256 * 1024


class RuleOut(BaseModel):
    """A rule, as far as a list needs it."""

    id: str
    pack: str
    title: dict[str, str]
    scope: str
    active: str | None = Field(description="the version that is on; null while the rule is off")
    shadow: str | None
    fired_at: str | None


class VersionOut(BaseModel):
    """One version; never changed."""

    version: str
    number: int
    saved_at: str
    saved_by: str


class SwitchOut(BaseModel):
    """Who put what on or off."""

    at: str
    by: str
    what: str
    version: str | None


class RuleDetail(RuleOut):
    """A rule with its text and its past."""

    text: str
    inputs: dict[str, Any]
    versions: list[VersionOut]
    switches: list[SwitchOut]


class RuleIn(BaseModel):
    """A rule to be saved."""

    text: str = Field(max_length=TEXT_LIMIT)
    activate: bool = True


class VersionIn(BaseModel):
    """Which version."""

    version: str


class ShadowIn(BaseModel):
    """Which version is to run in the shadow; null for none."""

    version: str | None


class TextIn(BaseModel):
    """A rule to be tried; without a text, the version that is on, or the newest while none is."""

    text: str | None = Field(default=None, max_length=TEXT_LIMIT)


class TestOut(BaseModel):
    """What came of a rule's own tests."""

    passed: bool
    tests: int
    faults: list[dict[str, Any]]


class OutcomeOut(BaseModel):
    """The last time that looking at a rule came to this, and how often it did."""

    outcome: Outcome
    at: str
    times: int
    clauses: list[dict[str, Any]]


class TracesOut(BaseModel):
    """Why a rule fired, and why it did not."""

    rule: str
    scope: str
    fired: list[dict[str, Any]]
    outcomes: list[OutcomeOut]


class ReplayIn(BaseModel):
    """Which span, whom, and which version: of the rule that is on, a version of it, or a text not saved yet."""

    from_: Moment = Field(alias="from")
    to: Moment
    version: str | None = None
    text: str | None = Field(default=None, max_length=TEXT_LIMIT)
    against: str | None = Field(default=None, description="a version to compare with")
    scopes: list[str] | None = Field(default=None, max_length=1000)


class ReplayOut(BaseModel):
    """How far a replay is, and what it found."""

    id: str
    rule: str
    status: Literal["running", "done", "cancelled", "too_many", "failed"]
    done: int
    total: int
    samples: int
    seconds: float
    error: str | None
    decisions: list[dict[str, Any]]
    difference: dict[str, list[dict[str, Any]]] | None


class TuneIn(BaseModel):
    """What an input is to be."""

    value: float


@router.get("/rules")
def rules(hub: HubDep, caller: CallerDep) -> dict[str, Any]:
    """Every rule, by pack; when it last fired, for whom the caller may see."""
    fired = hub.ledger.last_fired(seen_scopes(hub, caller))
    return {"items": [_out(hub, row, fired) for row in hub.rulebook.store.rules()], "next": None}


@router.get("/rules/schema")
def schema() -> dict[str, Any]:
    """The JSON Schema of rule files, for editors."""
    return language.schema()


@router.get("/rules/packs/{pack}")
def export(hub: HubDep, _operator: OperatorDep, pack: str) -> Response:
    """The rules of a pack that are on, as YAML documents one after the other."""
    store = hub.rulebook.store
    texts = [
        store.version(row.id, row.active).text for row in store.rules() if row.pack == pack and row.active is not None
    ]
    if not texts:
        raise NotFound(f"there is no rule on in a pack {pack}")
    body = "---\n".join(text if text.endswith("\n") else text + "\n" for text in texts)
    return Response(body, media_type="application/yaml")


@router.post("/rules/packs", status_code=201)
def import_pack(
    hub: HubDep,
    operator: OperatorDep,
    text: Annotated[str, Body(media_type="application/yaml")],
    pack: Annotated[str, Query(pattern=f"^{ID_PATTERN}$", description="where rules go that are new")] = OWN,
) -> dict[str, Any]:
    """Save and put on every rule of a pack; all of them, or none if anything is wrong in any."""
    documents = re.split(r"^---(?:[ \t].*)?(?:\n|\Z)", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    texts = [(f"rule {number}", each) for number, each in enumerate(filter(str.strip, documents), start=1)]
    saved = hub.rulebook.save_pack(texts, pack=pack, by=operator.username)
    hub.rulebook.activate_all(saved, by=operator.username)
    return {"items": [version.rule_id for version in saved], "next": None}


@router.get("/rules/replays/{job_id}")
def replay_status(hub: HubDep, _operator: OperatorDep, job_id: str) -> ReplayOut:
    """How far a replay is, and what it found."""
    return _job(hub.replays.job(job_id))


@router.delete("/rules/replays/{job_id}")
def cancel_replay(hub: HubDep, _operator: OperatorDep, job_id: str) -> ReplayOut:
    """Have a replay stop."""
    return _job(hub.replays.cancel(job_id))


@router.get("/rules/{rule_id}")
def rule(hub: HubDep, caller: CallerDep, rule_id: str) -> RuleDetail:
    """A rule with its text, its versions, and who put which on."""
    store = hub.rulebook.store
    row = store.rule(rule_id)
    versions = store.versions(rule_id)
    shown = next((each for each in versions if each.version == row.active), versions[0])
    program = hub.rulebook.compile(shown.text)
    return RuleDetail(
        **_out(hub, row, hub.ledger.last_fired(seen_scopes(hub, caller))).model_dump(),
        text=shown.text,
        inputs={name: given.model_dump(mode="json") for name, given in program.rule.inputs.items()},
        versions=[_version(each) for each in versions],
        switches=[
            SwitchOut(at=to_rfc3339(each.at), by=each.by, what=each.what, version=each.version)
            for each in store.switches(rule_id)
        ],
    )


@router.put("/rules/{rule_id}")
def save(hub: HubDep, operator: OperatorDep, rule_id: str, new: RuleIn) -> VersionOut:
    """Save a version, and put it on. Everything wrong in it is named at once, with line and path; then nothing is saved."""
    version = hub.rulebook.save(rule_id, new.text, by=operator.username)
    if new.activate:
        hub.rulebook.activate(rule_id, version.version, by=operator.username)
    return _version(version)


@router.post("/rules/{rule_id}/activate")
def activate(hub: HubDep, operator: OperatorDep, rule_id: str, which: VersionIn) -> RuleOut:
    """Put a version on; an old one to roll back."""
    row = hub.rulebook.activate(rule_id, which.version, by=operator.username)
    return _out(hub, row, hub.ledger.last_fired())


@router.post("/rules/{rule_id}/switch-off")
def switch_off(hub: HubDep, operator: OperatorDep, rule_id: str) -> RuleOut:
    """Put a rule off."""
    return _out(hub, hub.rulebook.switch_off(rule_id, by=operator.username), hub.ledger.last_fired())


@router.post("/rules/{rule_id}/shadow")
def shadow(hub: HubDep, operator: OperatorDep, rule_id: str, which: ShadowIn) -> RuleOut:
    """Run a version beside the one that is on, without effects; null ends it."""
    return _out(hub, hub.rulebook.shadow(rule_id, which.version, by=operator.username), hub.ledger.last_fired())


@router.post("/rules/{rule_id}/test")
def test(hub: HubDep, _operator: OperatorDep, rule_id: str, tried: TextIn) -> TestOut:
    """Run a rule's own tests; of a text that is not saved, too."""
    text = tried.text if tried.text is not None else hub.rulebook.newest(rule_id).text
    try:
        written = hub.rulebook.check(text)
    except ModelInvalid as error:
        faults = [{"line": each.line, "path": each.path, "reason": each.reason} for each in error.faults]
        return TestOut(passed=False, tests=0, faults=faults)
    return TestOut(passed=True, tests=len(written.rule.tests), faults=[])


@router.get("/rules/{rule_id}/traces")
def traces(
    hub: HubDep, caller: CallerDep, rule_id: str, scope: str = ME, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> TracesOut:
    """Why a rule fired, and why it did not: the last firings, and of every other outcome the last, each with its conditions."""
    kind = hub.rulebook.compile(hub.rulebook.newest(rule_id).text).rule.scope.each
    whose = own_scope(hub, caller, kind, scope)
    rows = hub.ledger.fired(rule_id, whose, limit=limit)
    outcomes: list[OutcomeOut] = []
    with contextlib.suppress(NotFound):  # of a rule that is off there are only the firings of when it was on
        outcomes = [_outcome(trace) for trace in hub.rulebook.traces(rule_id, whose)]
    return TracesOut(rule=rule_id, scope=whose, fired=[_fired(row) for row in rows], outcomes=outcomes)


@router.post("/rules/{rule_id}/replay", status_code=202)
def replay(hub: HubDep, _operator: OperatorDep, rule_id: str, asked: ReplayIn) -> ReplayOut:
    """Have a rule meet the past: when would it have fired, for whom? A job; look at it under /v1/rules/replays/{id}."""
    since, until = to_instant(asked.from_), to_instant(asked.to)
    if since >= until:
        raise Invalid("from must be before to")
    book = hub.rulebook
    program = (
        book.attempt(asked.text)
        if asked.text is not None
        else book.program(rule_id, asked.version or _version_on(hub, rule_id))
    )
    if program.id != rule_id:
        raise Invalid(f"the rule in the text is {program.id}, not {rule_id}")
    against = book.program(rule_id, asked.against) if asked.against else None
    job = hub.replays.start(program, since=since, until=until, scopes=asked.scopes, against=against)
    return _job(job)


@router.put("/rules/{rule_id}/inputs/{name}")
def tune(hub: HubDep, caller: CallerDep, rule_id: str, name: str, wanted: TuneIn, scope: str = ME) -> TuneIn:
    """Set an input of a rule for a person or home."""
    kind = hub.rulebook.program(rule_id, _version_on(hub, rule_id)).rule.scope.each
    whose = own_scope(hub, caller, kind, scope)
    if whose not in scopes_of(hub, caller, kind):
        raise NotFound(f"there is no {kind} {whose}")
    hub.rulebook.tune(rule_id, whose, name, wanted.value, by=caller.username)
    return wanted


def _version_on(hub: Hub, rule_id: str) -> str:
    row = hub.rulebook.store.rule(rule_id)
    if row.active is None:
        raise NotFound(f"{rule_id} is off; name a version")
    return row.active


def _out(hub: Hub, row: RuleRow, fired: dict[str, int]) -> RuleOut:
    version = row.active or hub.rulebook.store.versions(row.id)[0].version
    program = hub.rulebook.program(row.id, version)
    return RuleOut(
        id=row.id,
        pack=row.pack,
        title=program.rule.title.model_dump(),
        scope=program.rule.scope.each,
        active=row.active,
        shadow=row.shadow,
        fired_at=to_rfc3339(fired[row.id]) if row.id in fired else None,
    )


def _version(row: RuleVersionRow) -> VersionOut:
    return VersionOut(version=row.version, number=row.number, saved_at=to_rfc3339(row.saved_at), saved_by=row.saved_by)


def _outcome(trace: Trace) -> OutcomeOut:
    clauses = [msgspec.to_builtins(clause) for clause in trace.clauses]
    return OutcomeOut(outcome=trace.outcome, at=to_rfc3339(trace.at), times=trace.times, clauses=clauses)


def _fired(row: DecisionRow) -> dict[str, Any]:
    body = row.model_dump(exclude={"observed_at", "decided_at"})
    return body | {"observed_at": to_rfc3339(row.observed_at), "decided_at": to_rfc3339(row.decided_at)}


def _decision(decision: Decision) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(decision)
    del body["actions"], body["decided_at"], body["depth"]
    return body | {"observed_at": to_rfc3339(decision.observed_at)}


def _job(job: Job) -> ReplayOut:
    differs = job.difference if job.status != "running" else None
    return ReplayOut(
        id=job.id,
        rule=job.program.id,
        status=job.status,  # type: ignore[arg-type]
        done=job.done,
        total=job.total,
        samples=job.samples,
        seconds=round(job.seconds, 3),
        error=job.error,
        decisions=[_decision(each) for each in job.decisions] if job.status != "running" else [],
        difference={name: [_decision(each) for each in getattr(differs, name)] for name in differs._fields}
        if differs is not None
        else None,
    )
