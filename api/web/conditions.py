"""The condition of a rule in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.web.catalogue import Catalogue
from api.web.things import Things, amount
from devices.model import Metric
from devices.sample import Instant
from rules import conditions as c
from rules.program import Program
from rules.subject import Subject
from rules.terms import Term
from rules.words import duration

_DAYS = {"0": "sun", "1": "mon", "2": "tue", "3": "wed", "4": "thu", "5": "fri", "6": "sat", "7": "sun"}


class Spoken:
    """Says the conditions of one rule, with the limits as they are for a scope."""

    def __init__(
        self, program: Program, things: Things, say: Catalogue, *, subject: Subject | None, at: Instant
    ) -> None:
        self._program, self._things, self._say, self._at = program, things, say, at
        self._subject = subject or Subject("")

    def condition(self, written: Any) -> str:
        """A condition with everything in it, without a full stop."""
        said = self._said(written)
        lasting = getattr(written, "for_", None)
        if lasting and not isinstance(written, c.Absent):
            said = self._say("when.for", what=said, held=self._held(lasting))
        notes = "; ".join(self._notes(written)) if isinstance(written, c.Threshold) else ""
        return self._say("when.noted", what=said, notes=notes) if notes else said

    def limit(self, term: Term | None, metric: Metric | None) -> str:
        """A limit; where it hangs on what is not known of somebody, what it hangs on."""
        if term is None:
            return "–"
        unit = metric.spec.unit if metric is not None else "1"
        if unit == "1" and term.input is not None:
            unit = self._program.rule.inputs[term.input].unit
        number = self._program.number(term, self._subject, self._at)
        if number is not None:
            return amount(number, unit)
        default = self._program.rule.inputs[term.input or ""].default
        fact = self._say(f"fact.{default}")
        return fact if not term.offset else f"{fact} {term.offset:+g}".replace("-", "− ").replace("+", "+ ")

    def _said(self, written: Any) -> str:
        match written:
            case c.Threshold():
                return self._threshold(written)
            case c.Counted():
                what = self._such(self._things.name(written.count_of, written.of), written)
                name = self._say("when.counted", what=what, window=self._held(written.window))
                return self._bounds(name, written, None)
            case c.Daily():
                return self._daily(written)
            case c.TraitIs():
                return self._bounds(written.trait.replace("_", " "), written, None)
            case c.Present():
                return self._say(f"when.present.{written.present}", place=self._place(written.in_))
            case c.During():
                return self._during(written.during)
            case c.AllOf() | c.AnyOf() | c.Not() | c.Count():
                return self._joined(written)
            case c.Total():
                inside, above = self.condition(written.total), self._held(written.above)
                return self._say(f"when.total.{written.per}", what=inside, above=above)
            case c.Segment():
                return self._say("when.segment", what=written.segment.replace("_", " "))
            case c.Absent():
                held = self._held(written.for_)
                return self._say("when.absent", what=self._things.name(written.absent, written.of), held=held)
            case _:
                return self._moment(written)

    def _moment(self, written: Any) -> str:
        match written:
            case c.Edge():
                metric = self._things.metric(written.metric, written.of)
                key = "rises_above" if written.rises_above is not None else "falls_below"
                limit = self.limit(written.rises_above or written.falls_below, metric)
                return self._say(f"when.{key}", name=self._things.name(written.metric, written.of), limit=limit)
            case c.Changed():
                to = written.to if isinstance(written.to, list) else [written.to] if written.to else []
                name = self._things.name(written.changed, written.of)
                return self._say("when.changed_to" if to else "when.changed", name=name, to=self._things.values(to))
            case c.Happened():
                return self._say("when.happens", what=self._such(self._things.name(written.event, written.of), written))
            case c.Timer():
                return self._say("when.timer", held=self._held(written.timer))
            case c.Schedule():
                return self._schedule(written.schedule)
            case c.Missing():
                within = self._held(written.within)
                parts = {"missing": self._inside(written.missing), "after": self._inside(written.after)}
                return self._say("when.missing", within=within, **parts)
            case c.Sequence():
                steps = self._say("when.then").join(self.condition(each) for each in written.sequence)
                said = self._say("when.within", what=steps, within=self._held(written.within))
                return said if written.without is None else self._without(said, written.without)
            case _:
                return type(written).__name__

    def _without(self, said: str, without: Any) -> str:
        return self._say("when.without", what=said, without=self.condition(without))

    def _threshold(self, written: c.Threshold) -> str:
        metric, name = self._things.metric(written.metric, written.of), self._things.name(written.metric, written.of)
        if written.where is not None:
            return self._say("when.where", name=name, where=self._asked(written))
        if written.window is not None and written.agg is not None:
            return self._bounds(self._over(name, written.agg, written.window), written, metric)
        return self._bounds(name, written, metric)

    def _notes(self, written: c.Threshold) -> Iterator[str]:
        """Where it is over again, if that is not at the limit itself; and how often it must be measured."""
        metric = self._things.metric(written.metric, written.of)
        for key in ("clear_below", "clear_above"):
            if (term := getattr(written, key)) is not None:
                yield self._say(f"when.{key}", limit=self.limit(term, metric))
        if written.on_gap is not None:
            yield self._say("when.gap", gap=self._held(written.on_gap.longer_than))

    def _such(self, name: str, written: c.Happened | c.Counted) -> str:
        """An event with what is asked of it."""
        return name if written.where is None else self._say("when.such", what=name, where=self._asked(written))

    def _asked(self, written: c.Threshold | c.Counted | c.Happened) -> str:
        """What an expression asks for, in words where the rule has them."""
        return str(getattr(written.says, self._say.language)) if written.says is not None else written.where or ""

    def _schedule(self, cron: str) -> str:
        """A schedule in words, if it is one of every day or of some days of the week."""
        minute, hour, day, month, weekday = cron.split()
        days = weekday.split(",")
        if not (
            minute.isdigit() and hour.isdigit() and day == month == "*" and (weekday == "*" or set(days) <= set(_DAYS))
        ):
            return self._say("when.schedule", cron=cron)
        clock = f"{int(hour):02}:{int(minute):02}"
        if weekday == "*":
            return self._say("when.every_day", clock=clock)
        return self._say("when.on_days", clock=clock, days=", ".join(self._say(f"day.{_DAYS[each]}") for each in days))

    def _over(self, name: str, agg: str, window: Instant) -> str:
        return self._say("when.window", name=name, agg=self._say(f"agg.{agg}"), window=self._held(window))

    def _held(self, lasting: Instant) -> str:
        return duration(lasting, self._say.language)

    def _bounds(self, name: str, written: c.Bounds, metric: Metric | None) -> str:
        for key in ("above", "below"):
            if (term := getattr(written, key)) is not None:
                return self._say(f"when.{key}", name=name, limit=self.limit(term, metric))
        if written.between is not None:
            low, high = (self.limit(term, metric) for term in written.between)
            return self._say("when.between", name=name, low=low, high=high)
        equals = written.equals
        if isinstance(equals, Term):
            return self._say("when.equals", name=name, value=self.limit(equals, metric))
        states = self._things.values([equals] if isinstance(equals, str) else equals or [])
        return self._say("when.equals", name=name, value=states)

    def _daily(self, written: c.Daily) -> str:
        metric = self._things.metric(written.daily)
        name = self._say("when.daily", agg=self._say(f"agg.{written.agg}"), name=self._things.name(written.daily))
        if written.equals is not None:
            since = f"{written.from_:%H:%M}" if written.from_ is not None else ""
            key = "when.first_at_from" if since else "when.first_at"
            name = self._say(key, name=self._things.name(written.daily), since=since)
        for key in ("rises", "falls"):
            if (days := getattr(written, key)) is not None:
                return self._say(f"when.{key}", name=name, days=days)
        if written.drifts_by is not None:
            if written.equals is None:
                return self._say("when.drifts_by", name=name, limit=self.limit(written.drifts_by, metric))
            return self._say("when.later_by", name=name, limit=self.limit(written.drifts_by, None))
        key, term = ("above", written.above) if written.above is not None else ("below", written.below)
        return self._say(f"when.{key}", name=name, limit=self.limit(term, metric))

    def _during(self, span: c.Span) -> str:
        said = self._say("when.during", begin=f"{span.from_:%H:%M}", end=f"{span.to:%H:%M}")
        days = ", ".join(self._say(f"day.{each}") for each in span.days or [])
        return f"{said} ({days})" if days else said

    def _place(self, place: str | None) -> str:
        return self._say("place.home") if place == "home" else place or ""

    def _inside(self, written: Any) -> str:
        """A condition inside another, in brackets where it could be misread."""
        said = self.condition(written)
        return f"({said})" if isinstance(written, (c.AllOf, c.AnyOf, c.Missing, c.Sequence)) else said

    def _joined(self, written: Any) -> str:
        inside = [self._inside(each) for _, each in c.parts(written)]
        match written:
            case c.Not():
                return self._say("when.not", what=inside[0])
            case c.Count():
                return self._say("when.at_least", count=written.at_least, what="; ".join(inside))
            case c.AnyOf():
                return self._say("when.or").join(inside)
            case _:
                return self._say("when.and").join(inside)
