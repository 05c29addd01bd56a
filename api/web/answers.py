"""What a rule does, in words: its answers at each level, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from api.web.catalogue import Catalogue
from api.web.things import Things, amount
from devices.sample import Instant
from hub.catalogue import load_catalogues
from rules.language import Action, CommandAction
from rules.program import Program
from rules.subject import Subject
from rules.terms import Term
from rules.words import blanks, duration, fill


class Answer(NamedTuple):
    """What happens at one step: after how long, at which level, and what."""

    after: str
    level: str
    what: list[str]


def level_word(level: str, say: Catalogue) -> str:
    """A level in words."""
    return say(f"level.{level}") if say.has(f"level.{level}") else level


def answers(program: Program, things: Things, say: Catalogue) -> list[Answer]:
    """What happens, step by step, and at the end."""
    told = []
    for rung in program.ladder:
        after = say("answer.after", held=duration(rung.after, say.language)) if rung.after else say("answer.at_once")
        told.append(Answer(after, rung.level, [_action(each, things, say) for each in rung.actions]))
    if program.when_clear:
        over = [_action(each, things, say) for each in program.when_clear]
        told.append(Answer(say("answer.when_clear"), "clear", over))
    return told


def reason(program: Program, subject: Subject | None, at: Instant, say: Catalogue) -> str:
    """What the rule says when it fires, with what is known of it beforehand filled in."""
    known: dict[str, object] = {}
    for name, given in program.rule.inputs.items():
        number = program.number(Term(name, 0.0), subject or Subject(""), at)
        known[name] = number if number is not None else say(f"fact.{given.default}")
    words = str(getattr(program.rule.because, say.language))
    return _open(words, known)


def _open(words: str, known: Mapping[str, object]) -> str:
    """Words with what is known filled in, and the rest left open."""
    return fill(words, {name: "…" for name, _ in blanks(words)} | dict(known))


def _action(action: Action, things: Things, say: Catalogue) -> str:
    if action.command is not None:
        return _command(action.command, things, say)
    if action.notify is not None:
        return say("answer.notify", text=_open(str(getattr(action.notify.text, say.language)), {}))
    if action.service is not None:
        return say("answer.service", name=action.service.name)
    if action.trait is not None:
        return say("answer.trait", name=action.trait.name.replace("_", " "), to=_plain(action.trait.to, say))
    if action.timer is not None:
        return say(f"answer.timer.{action.timer.do}", rule=action.timer.rule)
    if action.award is not None:
        words = _open(str(getattr(action.award.text, say.language)), {})
        return say("answer.award", points=action.award.points, text=words)
    if action.recommend is not None:
        catalogue = load_catalogues().get(action.recommend.catalogue)
        title = getattr(catalogue.title, say.language) if catalogue is not None else action.recommend.catalogue
        return say("answer.recommend", pick=action.recommend.pick, catalogue=title)
    assert action.event is not None
    return say("answer.event", type=action.event.type)


def _command(asked: CommandAction, things: Things, say: Catalogue) -> str:
    of = asked.to or asked.model or asked.device
    title = things.command(asked.type, of)
    args = [
        f"{say(f'arg.{name}') if say.has(f'arg.{name}') else name} {amount(value, '1') if _number(value) else value}"
        for name, value in asked.args.items()
        if value is not True
    ]
    more = f" ({', '.join(args)})" if args else ""
    return say("answer.command", device=things.device(of), title=title) + more


def _plain(value: object, say: Catalogue) -> object:
    return say("answer.yes" if value else "answer.no") if isinstance(value, bool) else value


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
