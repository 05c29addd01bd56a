"""Why a rule did not fire, in a sentence that a wearer understands."""

from __future__ import annotations

from api.web.catalogue import Catalogue
from api.web.things import Things, moment
from devices.sample import Instant
from hub.rulebook import Trace
from rules.conditions import Daily, Threshold, walk
from rules.logic import Held
from rules.program import Program
from rules.state import Outcome
from rules.view import Clause
from rules.words import duration

_OF_ITS_OWN = ("clock", "total", "sequence", "missing", "schedule", "timer")
_ALONE = ("missing", "sequence")
"""What says it all: the conditions inside them are moments, and false most of the time."""
_PRESENT = ("anyone", "everyone", "nobody", "apart")


class WhyNot:
    """Says the outcomes of one rule."""

    def __init__(self, program: Program, things: Things, say: Catalogue, *, zone: str, now: Instant) -> None:
        self._program, self._things, self._say = program, things, say
        self._zone, self._now = zone, now
        inside = [each for _, each in walk(program.rule.when)]
        self._daily = {each.daily for each in inside if isinstance(each, Daily)}
        self._asked = {each.where: each.says for each in inside if getattr(each, "where", None) is not None}
        """What expressions ask for, in words where the rule has them."""
        self._lingering = {each.metric: each for each in inside if isinstance(each, Threshold) and each.agg is None}

    def sentence(self, trace: Trace) -> str:
        """What came of looking, when last, and how often."""
        if trace.outcome is Outcome.NOT_ALLOWED:
            return self._say("why.not_allowed")
        said, when = self._outcome(trace), moment(trace.at, self._zone, self._now, self._say)
        key = "why.when_once" if trace.times == 1 else "why.when"
        return self._say(key, said=said, when=when, times=f"{trace.times:,}")

    def clause(self, clause: Clause) -> str:
        """One condition as it stood."""
        name, say = clause.name, self._say
        if name in _OF_ITS_OWN or name in _PRESENT:
            return self._special(clause)
        metric, title = self._things.metric(name, clause.of), self._things.name(name, clause.of)
        if clause.value is None:
            return self._without_value(clause, title, happens=metric is None)
        value = self._things.value(clause.value, metric)
        if clause.limit in self._asked:
            return self._as_asked(clause, title, value)
        if clause.limit is None:
            return say("why.value", name=title, value=value)
        limit = self._things.value(clause.limit, metric)
        if not isinstance(clause.value, str) and not isinstance(clause.limit, str):
            if self._lingers(clause):
                return say("why.lingers", name=title, value=value, limit=limit)
            side = "under" if clause.value < clause.limit else "over" if clause.value > clause.limit else "at"
            return say(f"why.{side}", name=title, value=value, limit=limit)
        return say("why.is" if clause.truth else "why.not_wanted", name=title, value=value, limit=limit)

    def _as_asked(self, clause: Clause, title: str, value: str) -> str:
        """A value that an expression was asked about."""
        says = self._asked[str(clause.limit)]
        asked = str(getattr(says, self._say.language)) if says is not None else self._say("why.what_is_asked")
        return self._say("why.is_so" if clause.truth else "why.is_not_so", name=title, value=value, asked=asked)

    def _lingers(self, clause: Clause) -> bool:
        """Whether a value is true only because it has not come far enough back from its limit."""
        written = self._lingering.get(clause.name)
        if clause.truth is not True or written is None:
            return False
        value, limit = clause.value, clause.limit
        assert isinstance(value, (int, float))
        assert isinstance(limit, (int, float))
        return value <= limit if written.above is not None else written.below is not None and value >= limit

    def _outcome(self, trace: Trace) -> str:
        say = self._say
        match trace.outcome:
            case Outcome.FALSE:
                return say("why.false", clauses=self._clauses(trace.clauses, truth=False))
            case Outcome.UNKNOWN:
                return say("why.unknown", clauses=self._clauses(trace.clauses, truth=None))
            case Outcome.PENDING:
                return self._pending(trace)
            case Outcome.COOLING:
                until = moment(trace.quiet_until, self._zone, self._now, say)
                return say("why.cooling", until=until)
            case _:
                return say(f"why.{trace.outcome}")

    def _pending(self, trace: Trace) -> str:
        held = next((each.held for each in trace.clauses if each.held is not None), None)
        asked = [each.longer_than for each in self._program.signals if isinstance(each, Held) and each.longer_than]
        needed = duration(asked[0], self._say.language) if asked else "–"
        if held is None:
            return self._say("why.pending_for", needed=needed)
        return self._say("why.pending", held=duration(held, self._say.language), needed=needed)

    def _clauses(self, clauses: list[Clause], *, truth: bool | None) -> str:
        telling = [each for each in clauses if each.truth is truth] or clauses
        telling = [each for each in telling if each.name in _ALONE] or telling
        return self._say("when.and").join(dict.fromkeys(self._unknown(each) or self.clause(each) for each in telling))

    def _unknown(self, clause: Clause) -> str | None:
        """Why a condition is not known, if it is not."""
        if clause.truth is not None or clause.name in _OF_ITS_OWN or clause.name in _PRESENT:
            return None
        title = self._things.name(clause.name, clause.of)
        if clause.limit in self._asked:
            return self._say("why.untold" if clause.value is not None else "why.no_value", name=title)
        if clause.value is None:
            return self._say("why.no_days" if clause.name in self._daily else "why.no_value", name=title)
        return self._say("why.no_limit" if clause.limit is None else "why.stale", name=title)

    def _without_value(self, clause: Clause, title: str, *, happens: bool) -> str:
        if clause.held is not None:
            return self._say("why.seen", name=title, held=duration(clause.held, self._say.language))
        if happens:
            key = "why.happened" if clause.truth else "why.nothing_such" if clause.limit else "why.nothing"
            return self._say(key, name=title)
        return self._say("why.no_value", name=title)

    def _special(self, clause: Clause) -> str:
        held = duration(clause.held, self._say.language) if clause.held is not None else "–"
        limit: object = clause.limit
        if clause.name == "total" and isinstance(clause.limit, float):
            limit = duration(round(clause.limit), self._say.language)
        if clause.name == "missing" and clause.held is None:
            return self._say("why.missing_not_begun")
        if clause.name in _PRESENT:
            truth = "unknown" if clause.truth is None else "true" if clause.truth else "false"
            return self._say(f"why.present.{clause.name}.{truth}")
        value = f"{clause.value:g}" if isinstance(clause.value, float) else clause.value
        limit = f"{limit:g}" if isinstance(limit, float) else limit
        inside = "in" if clause.truth else "out"
        key = f"why.clock.{inside}" if clause.name == "clock" else f"why.{clause.name}"
        return self._say(key, value=value, limit=limit, held=held)
