"""A rule as a page looks at it: what is on record of it, and for whom it is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from api.scopes import own_scope
from api.web.catalogue import Catalogue
from api.web.things import Things
from api.web.visits import Visit
from devices.errors import HubError, ModelInvalid
from hub.runtime import Hub
from hub.store.accounts import OPERATOR
from hub.store.tables import RuleRow, RuleSwitchRow, RuleVersionRow
from hub.views import Reader
from rules.program import Program
from rules.subject import Subject


@dataclass(frozen=True, slots=True)
class Record:
    """What is on record of a rule; `shown` is the version that is on, else in the shadow, else the newest."""

    row: RuleRow
    versions: list[RuleVersionRow]
    switches: list[RuleSwitchRow]
    shown: RuleVersionRow
    program: Program | None
    wrong: str | None

    def number(self, version: str | None) -> str:
        """The number of a version."""
        return next((str(each.number) for each in self.versions if each.version == version), "–")


@dataclass(frozen=True, slots=True)
class Regarded:
    """A rule, the visitor, and the scope they look at; `scope` is one that the visitor may see."""

    hub: Hub
    visit: Visit
    record: Record
    program: Program
    scope: str | None
    subject: Subject | None

    @property
    def say(self) -> Catalogue:
        """The visitor's language."""
        return self.visit.say

    @property
    def id(self) -> str:
        """Which rule."""
        return self.record.row.id

    @property
    def kind(self) -> str:
        """What it is about."""
        return self.program.rule.scope.each

    @property
    def zone(self) -> str:
        """The time zone of the scope."""
        return self.subject.zone if self.subject is not None else "UTC"

    @property
    def things(self) -> Things:
        """The names of what it looks at."""
        return Things(self.hub.registry.models, self.say)

    @property
    def operates(self) -> bool:
        """Whether the visitor may switch and change it."""
        return self.visit.caller.role == OPERATOR

    @property
    def reader(self) -> Reader:
        """Who reads what the scope's devices said."""
        return Reader(self.visit.caller.username, self.visit.caller.person, "service", f"/rules/{self.id}")


def load(hub: Hub, rule_id: str) -> Record:
    """What is on record of a rule. Raises `NotFound`."""
    store = hub.rulebook.store
    row, versions = store.rule(rule_id), store.versions(rule_id)
    wanted = row.active or row.shadow
    shown = next((each for each in versions if each.version == wanted), versions[0])
    try:
        program, wrong = hub.rulebook.compile(shown.text), None
    except ModelInvalid as error:
        program, wrong = None, str(error.faults[0])
    return Record(row, versions, store.switches(rule_id), shown, program, wrong)


def regard(hub: Hub, visit: Visit, record: Record, scope: str | None) -> Regarded:
    """Look at a rule for a scope, if the visitor may see it. That an operator looks at a person is put on record."""
    assert record.program is not None
    kind = record.program.rule.scope.each
    subject = None
    if scope is not None:
        try:
            scope = own_scope(hub, visit.caller, kind, scope)
            subject = hub.registry.subject(kind, scope)
        except HubError:
            subject = None
    regarded = Regarded(hub, visit, record, record.program, scope if subject is not None else None, subject)
    if subject is not None and kind == "person":
        hub.gate.person(subject.id, regarded.reader)
    return regarded
