"""Where somebody stands, in words."""

from __future__ import annotations

from rules.amounts import amount
from rules.cohorts import Cohort, Span
from rules.features import Feature
from rules.published import Table

SEXES = {"female": ("women", "여성"), "male": ("men", "남성"), "other": ("people of another sex", "기타 성별")}


def sentence(feature: Feature, table: Table | None, cohort: Cohort | None, *, band: int | None) -> dict[str, str]:
    """In English and Korean: the band, among whom, and what half of them come to."""
    if table is None or cohort is None:
        return {"en": "", "ko": ""}
    who = {"en": _whom_en(cohort), "ko": _whom_ko(cohort)}
    en, ko = feature.title.en, feature.title.ko
    middle, middle_ko = amount(table.median, feature.unit)
    if band is None:
        return {
            "en": f"{en}: half of about {table.size:,} {who['en']} come to {middle} or more.",
            "ko": f"{ko}: {who['ko']} 약 {table.size:,}명의 가운데 값은 {middle_ko}이에요.",
        }
    if band == 100:
        return {
            "en": f"{en}: among about {table.size:,} {who['en']} most are ahead of you for now; the middle is {middle}.",
            "ko": f"{ko}: {who['ko']} 약 {table.size:,}명의 가운데 값은 {middle_ko}이에요. 아직 앞선 분이 많아요.",
        }
    return {
        "en": f"{en}: you are among the best {band} % of about {table.size:,} {who['en']}; the middle is {middle}.",
        "ko": f"{ko}: {who['ko']} 약 {table.size:,}명 가운데 상위 {band} % 안에 들어요. 가운데 값은 {middle_ko}이에요.",
    }


def _whom_en(cohort: Cohort) -> str:
    who = SEXES[cohort.sex][0] if cohort.sex in SEXES else "people"
    parts = [who]
    if cohort.age_band:
        parts.append(f"aged {cohort.age_band.replace('-', ' to ').replace('80+', '80 and over')}")
    if cohort.region:
        parts.append(f"in {cohort.region}")
    if cohort.model:
        parts.append(f"with the same device{_when_en(cohort.acquired)}")
    return " ".join(parts)


def _when_en(span: Span | None) -> str:
    if span is None:
        return ""
    return f" acquired in the same {_LENGTHS[span.months][0]}"


def _whom_ko(cohort: Cohort) -> str:
    parts = []
    if cohort.region:
        parts.append(f"{cohort.region} 지역")
    if cohort.age_band:
        parts.append(
            f"{cohort.age_band.replace('-', '~').replace('80+', '80세 이상')}{'' if '+' in cohort.age_band else '세'}"
        )
    if cohort.sex in SEXES:
        parts.append(SEXES[cohort.sex][1])
    if cohort.model:
        when = "" if cohort.acquired is None else f"{_LENGTHS[cohort.acquired.months][1]}에 "
        parts.append(f"{when}같은 기기를 마련한 분" if when else "같은 기기를 쓰는 분")
    return " ".join(parts) or "모든 이용자"


_LENGTHS = {1: ("month", "같은 달"), 3: ("quarter", "같은 분기"), 12: ("year", "같은 해")}
