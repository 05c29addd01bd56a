"""Choosing from a catalogue: what fits, in a stable order, each with its reason; and catalogues that are not valid."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ModelInvalid
from devices.sample import DAY, HOUR
from hub.catalogue import load_catalogues
from rules import catalogue
from rules.choice import Setting, choose
from rules.words import Text

CATALOGUES = load_catalogues()
WHY = {"en": "You ran.", "ko": "달렸어요."}
NOON = round(datetime(2026, 6, 1, 12, tzinfo=ZoneInfo("Asia/Seoul")).timestamp() * 1000)
STYLER = {"styler": Text(en="Clothing styler", ko="의류 스타일러")}
WRITTEN = """\
id: drinks
title: {en: Drinks, ko: 마실 것}
again_after: 2d
lasts: 3h
foods:
  milk: {title: {en: milk, ko: 우유}, names: [milk]}
items:
  - {id: tea, title: Tea, text: Tea, tags: [warm]}
  - {id: milk, title: Milk, text: Milk, tags: [warm, cold], needs: {food: [milk]}}
  - {id: night-cap, title: Cap, text: Cap, tags: [warm], needs: {hours: {from: "22:00", to: "02:00"}}}
  - {id: steam, title: Steam, text: Steam, tags: [warm], needs: {devices: [styler]}}
"""
DRINKS = catalogue.parse(WRITTEN, file="drinks.yaml")


def chosen(setting: Setting, *, tags: tuple[str, ...] = ("warm",), pick: int = 5) -> list[str]:
    return [each.item.id for each in choose(DRINKS, setting, tags=tags, pick=pick, because=WHY)]


def at(hour: int, **more) -> Setting:
    return Setting(NOON + (hour - 12) * HOUR, "Asia/Seoul", **more)


def test_what_is_needed_must_be_there() -> None:
    assert chosen(at(12)) == ["tea"]
    assert chosen(at(12, food=frozenset({"milk"}))) == ["tea", "milk"]
    assert chosen(at(12, devices=STYLER)) == ["tea", "steam"]
    assert chosen(at(12, food=frozenset({"milk"})), tags=("warm", "cold")) == ["milk"]


@pytest.mark.parametrize(("hour", "open_"), [(21, False), (22, True), (23, True), (25, True), (26, False)])
def test_hours_go_over_midnight_where_the_person_is(hour: int, open_: bool) -> None:
    assert ("night-cap" in chosen(at(hour))) is open_


def test_what_was_offered_rests_and_then_comes_last() -> None:
    food = frozenset({"milk"})
    assert chosen(at(12, food=food, offered={"tea": NOON - 2 * DAY + 1})) == ["milk"]
    assert chosen(at(12, food=food, offered={"tea": NOON - 2 * DAY})) == ["milk", "tea"]
    longest_ago = {"tea": NOON - 3 * DAY, "milk": NOON - 4 * DAY}
    assert chosen(at(12, food=food, offered=longest_ago)) == ["milk", "tea"]


def test_every_reason_is_said_in_both_languages() -> None:
    [_, milk, steam] = choose(
        DRINKS, at(12, food=frozenset({"milk"}), devices=STYLER), tags=["warm"], pick=3, because=WHY
    )
    assert milk.because == {"en": "You ran. In your fridge: milk.", "ko": "달렸어요. 냉장고 속 재료: 우유."}
    assert steam.because == {
        "en": "You ran. At home: Clothing styler.",
        "ko": "달렸어요. 집에 있는 기기: 의류 스타일러.",
    }


FOODS = sorted({name for each in CATALOGUES.values() for food in each.foods.values() for name in food.names})


@given(st.data())
def test_whatever_the_setting_every_choice_fits_and_is_the_same_again(data) -> None:
    one = CATALOGUES[data.draw(st.sampled_from(sorted(CATALOGUES)))]
    tags = data.draw(st.lists(st.sampled_from(sorted(one.tags)), max_size=2))
    pick, moment = data.draw(st.integers(1, 5)), NOON + data.draw(st.integers(0, DAY))
    items = st.sampled_from([item.id for item in one.items])
    offered = data.draw(st.dictionaries(items, st.integers(moment - 9 * DAY, moment)))
    food = data.draw(st.frozensets(st.sampled_from(FOODS)))
    setting = Setting(moment, "Asia/Seoul", data.draw(st.sampled_from([{}, STYLER])), food, offered)
    found = choose(one, setting, tags=tags, pick=pick, because=WHY)
    assert found == choose(one, setting, tags=tags, pick=pick, because=WHY)
    assert len(found) == len({each.item.id for each in found}) <= pick
    for item, because in found:
        assert set(tags) <= set(item.tags)
        assert moment - offered.get(item.id, 0) >= one.again_after
        assert all(food & set(one.foods[each].names) for each in item.needs.food)
        assert set(item.needs.devices) <= setting.devices.keys()
        assert because["en"].startswith(WHY["en"])
        assert because["ko"].startswith(WHY["ko"])
    if len(found) < pick:
        every = choose(one, setting, tags=tags, pick=500, because=WHY)
        assert found == every


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("lasts: 3h", "lasts: soon"), r"drinks\.yaml:4: lasts: "),
        (("tags: [warm, cold]", "tags: [Warm!]"), r"drinks\.yaml:9: items\.1\.tags\.0: "),
        (("id: steam", "id: tea"), r"more than one is tea"),
        (("food: [milk]", "food: [beer]"), r"not among foods: beer"),
        (("lasts: 3h", "lasts: 3d"), r"lasts is over again_after"),
        (('from: "22:00"', "from: late"), r"drinks\.yaml:10: items\.2\.needs\.hours\.from: "),
        (("devices: [styler]", "device: styler"), r"items\.3\.needs\.device: "),
    ],
)
def test_a_faulty_catalogue_is_named_with_its_line(change: tuple[str, str], fault: str) -> None:
    with pytest.raises(ModelInvalid, match=fault):
        catalogue.parse(WRITTEN.replace(*change), file="drinks.yaml")


def test_everything_wrong_in_all_of_them_is_named(tmp_path) -> None:
    (tmp_path / "drinks.yaml").write_text(WRITTEN.replace("lasts: 3h", "lasts: soon"))
    (tmp_path / "other.yaml").write_text(WRITTEN)
    with pytest.raises(ModelInvalid) as caught:
        load_catalogues(tmp_path)
    assert [(each.file, each.path) for each in caught.value.faults] == [("drinks.yaml", "lasts"), ("other.yaml", "id")]


def test_what_ships_needs_no_device_that_there_is_none_of_and_speaks_both_languages() -> None:
    from hub.catalogue import load_models

    roles = {each.role for each in load_models().values()}
    assert set(CATALOGUES) == {"recovery", "meals", "outfits"}
    for each in CATALOGUES.values():
        for item in each.items:
            assert set(item.needs.devices) <= roles
            assert item.title.en != item.title.ko
            assert item.text.en != item.text.ko
        assert all(name == name.lower() for food in each.foods.values() for name in food.names)


def test_the_schema_knows_what_is_written() -> None:
    described = catalogue.schema()
    assert {"id", "again_after", "lasts", "items"} <= described["properties"].keys()
    assert "from" in described["$defs"]["Hours"]["properties"]
