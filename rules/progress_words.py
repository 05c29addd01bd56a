"""Progress in words, English and Korean: the most telling thing first. What it says is about numbers, never about health."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from rules.amounts import Said, amount, beside
from rules.goals import Standing
from rules.months import Change, TooFewMonths
from rules.periods import TooFew
from rules.progress import Progress
from rules.records import Record
from rules.trend import Trend

NEW_DAYS, ENOUGH_DAYS = 14, 42
"""For so many days a record is news, where there were so many days of data for it to stand out from."""
SAME_PERCENT = 1.0


def sentence(came: Progress, *, titles: Mapping[str, str], unit: str) -> dict[str, str]:
    """Trend, months, the newest turn, a new record, the goal, as far as there is anything to say. `unit` is a UCUM code."""
    return _titled(_statements(came, unit), titles)


def statements(came: Progress, *, unit: str) -> dict[str, list[str]]:
    """The same one by one, without the title, the most telling first; never none."""
    said = _statements(came, unit)
    return {"en": [_capital(each.en) for each in said], "ko": [each.ko for each in said]}


def change_sentence(change: Change | TooFewMonths, *, titles: Mapping[str, str], unit: str) -> dict[str, str]:
    """Only the first month against the last. `unit` is a UCUM code, or as it is to be read."""
    match change:
        case Change():
            return _titled([_changed(change, unit)], titles)
        case TooFewMonths():
            nothing = Said("not enough data for a comparison yet.", "아직 비교할 만큼 기록이 쌓이지 않았어요.")
            return _titled([nothing], titles)


def _statements(came: Progress, unit: str) -> list[Said]:
    parts = [_trend(came, unit), _months(came, unit), _turn(came, unit), _record(came, unit)]
    said = [part for part in parts if part is not None] or [_too_little(came)]
    return said if came.standing is None else [*said, _goal(came.standing, unit)]


def _capital(said: str) -> str:
    return said[0].upper() + said[1:]


def _titled(said: list[Said], titles: Mapping[str, str]) -> dict[str, str]:
    en = " ".join([said[0].en, *(_capital(each.en) for each in said[1:])])
    return {"en": f"{titles['en']}: {en}", "ko": f"{titles['ko']}: {' '.join(each.ko for each in said)}"}


def _trend(came: Progress, unit: str) -> Said | None:
    if isinstance(came.trend, TooFew) or (_has_turned(came) and not came.trend.is_sure):
        return None
    match came.trend.verdict(came.better):
        case "steady":
            return Said("holding steady.", "꾸준히 비슷해요.")
        case "unclear":
            return Said("no clear trend.", "뚜렷한 흐름은 아직 보이지 않아요.")
        case "better":
            return _moving(came.trend, unit, Said(", for the better", " 좋은 쪽으로"))
        case "worse":
            return _moving(came.trend, unit, Said(", not for the better", " 아쉬운 쪽으로"))
        case "rising" | "falling":
            return _moving(came.trend, unit, Said("", ""))


def _moving(moves: Trend, unit: str, side: Said) -> Said:
    up, (en, ko) = moves.slope > 0, amount(abs(moves.slope), unit)
    if moves.is_clear:
        return Said(
            f"clearly {'rising' if up else 'falling'}, by about {en} a month{side.en}.",
            f"한 달에 약 {ko}씩{side.ko} 뚜렷하게 {'늘고' if up else '줄고'} 있어요.",
        )
    return Said(
        f"most likely {'rising' if up else 'falling'}, by about {en} a month{side.en}.",
        f"한 달에 약 {ko}씩{side.ko} {'늘고' if up else '줄고'} 있는 것으로 보여요.",
    )


def _months(came: Progress, unit: str) -> Said | None:
    """A difference that neither a trend nor a turn bears out is told as what it is."""
    if not isinstance(came.change, Change):
        return None
    if isinstance(came.trend, TooFew) or came.trend.is_sure or _has_turned(came) or _is_same(came.change):
        return _changed(came.change, unit)
    first, last = came.change.first, came.change.last
    (en, ko), before = amount(last.value, unit), beside(first.value, last.value, unit)
    return Said(
        f"{_month_en(first.month)} to {_month_en(last.month)}: {before} → {en}, within the usual ups and downs.",
        f"{_month_ko(first.month)}에서 {_month_ko(last.month)}까지 {before} → {ko}, 평소의 오르내림 안에 있어요.",
    )


def _is_same(change: Change) -> bool:
    return change.difference == 0 or (change.percent is not None and abs(change.percent) < SAME_PERCENT)


def _changed(change: Change, unit: str) -> Said:
    en, ko = amount(change.last.value, unit)
    since_en, since_ko = _month_en(change.first.month), _month_ko(change.first.month)
    if _is_same(change):
        return Said(f"about the same since {since_en}: {en}.", f"{since_ko}부터 비슷하게 유지되고 있어요. 지금은 {ko}.")
    up, percent = change.difference > 0, change.percent
    size = amount(abs(change.difference), unit) if percent is None else Said(*[f"{abs(percent):.0f} %"] * 2)
    first = beside(change.first.value, change.last.value, unit)
    return Said(
        f"went {'up' if up else 'down'} by {size.en} since {since_en} ({first} → {en}).",
        f"{since_ko}보다 {size.ko} {'늘었어요' if up else '줄었어요'} ({first} → {ko}).",
    )


def _has_turned(came: Progress) -> bool:
    return not isinstance(came.turns, TooFew) and bool(came.turns)


def _turn(came: Progress, unit: str) -> Said | None:
    if isinstance(came.turns, TooFew) or not came.turns:
        return None
    turn = came.turns[-1]
    (en, ko), before = amount(turn.after, unit), beside(turn.before, turn.after, unit)
    return Said(
        f"a turn around {_day_en(turn.day, came)}: {before} a day before, {en} since.",
        f"{_day_ko(turn.day, came)} 무렵부터 달라졌어요: 하루 평균 {before} → {ko}.",
    )


def _record(came: Progress, unit: str) -> Said | None:
    """The best day or week of the span, while it is news and there was enough before it."""
    fresh = [each for each in came.records if each.kind == "best" and each.every != "month" and _is_news(each, came)]
    if not fresh or isinstance(came.trend, TooFew) or came.trend.days < ENOUGH_DAYS:
        return None
    best = fresh[0]
    (en, ko), start = amount(best.period.value, unit), best.period.start
    if best.every == "day":
        return Said(
            f"the best day of all was {_day_en(start, came)}, with {en}.",
            f"가장 좋은 날은 {_day_ko(start, came)}이었어요({ko}).",
        )
    return Said(
        f"the best week of all began on {_day_en(start, came)}, averaging {en}.",
        f"가장 좋은 주는 {_day_ko(start, came)}에 시작한 주였어요(하루 평균 {ko}).",
    )


def _is_news(record: Record, came: Progress) -> bool:
    return (came.span.last - record.period.start).days <= NEW_DAYS


def _goal(stands: Standing, unit: str) -> Said:
    goal, met, judged = stands.goal, stands.met, stands.judged
    en, ko = amount(goal.target, unit)
    mean = Said("", "") if goal.is_summed or goal.per == "day" else Said(" on average", "평균 ")
    per_ko, count_ko, on = ("하루", "일", "on") if goal.per == "day" else ("한 주", "주", "in")
    said = Said(f"goal of {en}{mean.en} a {goal.per}", f"{per_ko} {mean.ko}목표 {ko}")
    if not judged:
        return Said(f"{said.en}: too early to tell.", f"{said.ko}: 아직 말하기 일러요.")
    return Said(
        f"{said.en}: met {on} {met} of {judged} {goal.per}{'' if judged == 1 else 's'}.",
        f"{said.ko}: {judged}{count_ko} 중 {met}{count_ko} 달성했어요.",
    )


def _too_little(came: Progress) -> Said:
    needed, have = came.trend if isinstance(came.trend, TooFew) else (0, 0)
    return Said(
        f"not enough data yet. A trend needs {needed} days of data; there {'is' if have == 1 else 'are'} {have}.",
        f"아직 기록이 부족해요. 흐름을 말하려면 {needed}일의 기록이 필요한데 지금은 {have}일이 있어요.",
    )


def _day_en(day: date, came: Progress) -> str:
    said = f"{day.day} {day:%B}"
    return said if day.year == came.span.last.year else f"{said} {day.year}"


def _day_ko(day: date, came: Progress) -> str:
    said = f"{day.month}월 {day.day}일"
    return said if day.year == came.span.last.year else f"{day.year}년 {said}"


def _month_en(month: str) -> str:
    return f"{date.fromisoformat(month + '-01'):%B %Y}"


def _month_ko(month: str) -> str:
    return f"{month[:4]}년 {int(month[5:])}월"
