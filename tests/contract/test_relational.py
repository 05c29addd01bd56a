"""What the relational store keeps to, on every database it runs on."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from devices.access import Credential, token_hash
from devices.command import Command, Result, Status
from devices.errors import Conflict, NotFound, StoreUnavailable
from hub.arrivals import Arrival
from hub.recommender import Recommendation
from hub.store import ledger as ledger_module
from hub.store.accounts import OPERATOR, PERSON, Accounts, NewPerson
from hub.store.consents import Consent, Consents
from hub.store.enrolment import Enrolment, Placed, Resident
from hub.store.fleet import CLIENT_IDS_KEPT, Fleet
from hub.store.ledger import Ledger, Tick, Turn
from hub.store.recommendations import DISMISSED, EXPIRED, TAKEN, WITHDRAWN, RecommendationStore
from hub.store.sessions import TOKEN_LIFE, Caller
from hub.store.tables import QuarantineRow
from rules.decision import Decision
from rules.view import Clause

NOW = 1_795_332_706_496
PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(engine):
    return Accounts(engine)


@pytest.fixture
def fleet(engine):
    return Fleet(engine)


@pytest.fixture
def ledger(engine):
    return Ledger(engine)


@pytest.fixture
def recommendations(engine):
    return RecommendationStore(engine)


@pytest.fixture
def consents(engine):
    return Consents(engine)


@pytest.fixture
def home(accounts):
    return accounts.add_home(home_id="home1", name="Home", timezone="Asia/Seoul", now=NOW)


@pytest.fixture
def minji(accounts, home):
    return accounts.add_person(_person("minji"), now=NOW)


@pytest.fixture
def watch(fleet, home):
    return _register(fleet)[0]


def _person(id_, *, username=None, home="home1"):
    return NewPerson(id_, username or id_, PASSWORD, id_.title(), home=home, birth_year=1980)


def _register(fleet, device_id="watch1", *, home="home1", owner=None):
    return fleet.register(
        device_id=device_id, home=home, model="health-watch", owner=owner, acquired_on="2026-01-02", now=NOW
    )


def _command(id_="c1", *, device="watch1", expires_at=NOW + 100):
    return Command(id_, device, "vibrate", {"strength": 3, "deep": {"a": [1, None, "한"]}}, expires_at)


def _decision(id_="d1", *, scope="minji", at=NOW):
    return Decision(
        id=id_,
        rule="ease-off",
        version="v1",
        kind="person",
        scope=scope,
        source="watch1",
        level="notice",
        observed_at=at,
        decided_at=at + 5,
        because={"en": "so", "ko": "그래서"},
        clauses=(Clause("heart_rate", True, 190.0, 175.8, 10_000),),
        actions=[],
    )


def _refusal(n, *, kind="value", device="watch1"):
    return QuarantineRow(at=NOW + n, kind=kind, topic="t", device_id=device, code="c", reason=f"r{n}", excerpt="")


# Accounts.


def test_the_operator_is_made_with_the_password(accounts):
    accounts.ensure_operator(PASSWORD)
    token = accounts.sign_in(username=OPERATOR, password=PASSWORD, now=NOW)
    assert accounts.sessions.identify(token, now=NOW) == Caller(OPERATOR, OPERATOR, None)


def test_a_changed_operator_password_ends_what_was_signed_in(accounts):
    accounts.ensure_operator(PASSWORD)
    token = accounts.sign_in(username=OPERATOR, password=PASSWORD, now=NOW)
    accounts.ensure_operator("another password")
    assert accounts.sessions.identify(token, now=NOW) is None
    assert accounts.sign_in(username=OPERATOR, password=PASSWORD, now=NOW) is None
    assert accounts.sign_in(username=OPERATOR, password="another password", now=NOW)


def test_the_same_operator_password_leaves_everybody_signed_in(accounts):
    accounts.ensure_operator(PASSWORD)
    token = accounts.sign_in(username=OPERATOR, password=PASSWORD, now=NOW)
    accounts.ensure_operator(PASSWORD)
    assert accounts.sessions.identify(token, now=NOW) is not None


def test_a_person_signs_in_and_out(accounts, minji):
    token = accounts.sign_in(username="minji", password=PASSWORD, now=NOW)
    assert accounts.sessions.identify(token, now=NOW) == Caller("minji", PERSON, "minji")
    other = accounts.sessions.issue("minji", now=NOW)
    accounts.sessions.end(token)
    assert accounts.sessions.identify(token, now=NOW) is None
    assert accounts.sessions.identify(other, now=NOW) is not None
    accounts.sessions.end(token)


def test_a_token_that_ends_while_it_is_looked_up_is_not_remembered(accounts, minji, monkeypatch):
    sessions = accounts.sessions
    token, remember = sessions.issue("minji", now=NOW), sessions._remember

    def late(*known):
        sessions.end(token)
        remember(*known)

    monkeypatch.setattr(sessions, "_remember", late)
    sessions.identify(token, now=NOW)
    assert sessions.recall(token, now=NOW) is None
    assert sessions.identify(token, now=NOW) is None


def test_a_token_known_by_heart_is_good_for_its_life_and_no_longer(accounts, minji):
    token = accounts.sessions.issue("minji", now=NOW)
    assert accounts.sessions.recall(token, now=NOW) is None
    accounts.sessions.identify(token, now=NOW)
    assert accounts.sessions.recall(token, now=NOW + TOKEN_LIFE) == Caller("minji", PERSON, "minji")
    assert accounts.sessions.recall(token, now=NOW + TOKEN_LIFE + 1) is None


def test_no_more_tokens_are_known_by_heart_than_there_is_room_for(accounts, minji, monkeypatch):
    monkeypatch.setattr("hub.store.sessions.REMEMBERED", 2)
    tokens = [accounts.sessions.issue("minji", now=NOW) for _ in range(3)]
    for token in tokens:
        accounts.sessions.identify(token, now=NOW)
    assert [accounts.sessions.recall(token, now=NOW) is not None for token in tokens] == [False, True, True]


@pytest.mark.parametrize(("username", "password"), [("minji", "wrong password"), ("minji", ""), ("nobody", PASSWORD)])
def test_wrong_names_and_passwords_are_not_let_in(accounts, minji, username, password):
    assert accounts.sign_in(username=username, password=password, now=NOW) is None


def test_a_token_is_good_for_its_life_and_no_longer(accounts, minji):
    token = accounts.sign_in(username="minji", password=PASSWORD, now=NOW)
    assert accounts.sessions.identify(token, now=NOW + TOKEN_LIFE) is not None
    assert accounts.sessions.identify(token, now=NOW + TOKEN_LIFE + 1) is None


def test_expired_tokens_are_swept_when_somebody_signs_in(accounts, minji, engine):
    accounts.sessions.issue("minji", now=NOW)
    accounts.sessions.issue("minji", now=NOW + TOKEN_LIFE + 1)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from token")).scalar() == 1


@pytest.mark.parametrize("token", ["", "nonsense", token_hash("x"), "x" * 10_000, "ключ"])
def test_what_is_no_token_is_nobody_s(accounts, token):
    assert accounts.sessions.identify(token, now=NOW) is None


def test_homes_and_people_are_read_back(accounts, minji):
    assert accounts.person("minji").birth_year == 1980
    assert [home.id for home in accounts.homes()] == ["home1"]
    assert [person.id for person in accounts.people()] == ["minji"]


def test_what_is_there_already_is_a_conflict(accounts, minji):
    with pytest.raises(Conflict):
        accounts.add_home(home_id="home1", name="Again", timezone="UTC", now=NOW)
    with pytest.raises(Conflict):
        accounts.add_person(_person("minji", username="other"), now=NOW)
    assert accounts.home("home1").name == "Home"


def test_a_taken_user_name_leaves_no_half_of_a_person(accounts, minji):
    with pytest.raises(Conflict):
        accounts.add_person(_person("joon", username="minji"), now=NOW)
    with pytest.raises(NotFound):
        accounts.person("joon")
    assert accounts.sign_in(username="minji", password=PASSWORD, now=NOW)


def test_nobody_takes_the_operator_s_name(accounts, home):
    accounts.ensure_operator(PASSWORD)
    with pytest.raises(Conflict):
        accounts.add_person(_person("mallory", username=OPERATOR), now=NOW)


def test_what_is_not_there_is_not_found(accounts):
    with pytest.raises(NotFound):
        accounts.home("home9")
    with pytest.raises(NotFound):
        accounts.person("nobody")
    with pytest.raises(NotFound):
        accounts.add_person(_person("minji", home="home9"), now=NOW)


def test_secrets_are_kept_as_hashes_only(accounts, fleet, minji, engine, tmp_path):
    if engine.dialect.name != "sqlite":
        pytest.skip("looks into the file of SQLite")
    accounts.ensure_operator("operator password")
    secrets = [PASSWORD, "operator password", _register(fleet)[1], fleet.rotate("watch1")]
    secrets.append(accounts.sign_in(username="minji", password=PASSWORD, now=NOW))
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("hub.sqlite*"))
    assert b"minji" in kept
    assert token_hash(secrets[-1]).encode() in kept
    assert not [secret for secret in secrets if secret.encode() in kept]


# Fleet.


def test_a_device_signs_in_with_the_token_it_was_given(fleet, home):
    device, token = _register(fleet)
    assert (device.id, device.home_id, device.acquired_on) == ("watch1", "home1", "2026-01-02")
    assert fleet.credential("watch1") == Credential("home1", "watch1", token_hash(token))
    assert fleet.credential("watch9") is None


def test_a_rotated_token_replaces_the_old_and_a_revoked_one_has_no_successor(fleet, home):
    _, old = _register(fleet)
    new = fleet.rotate("watch1")
    assert new != old
    assert fleet.credential("watch1").token_hash == token_hash(new)
    fleet.revoke("watch1")
    assert fleet.credential("watch1").token_hash is None


def test_registering_wants_a_home_and_an_owner_that_exist(fleet, minji):
    with pytest.raises(NotFound, match="home9"):
        _register(fleet, home="home9")
    with pytest.raises(NotFound, match="nobody"):
        _register(fleet, owner="nobody")
    assert fleet.devices() == []


def test_a_second_registration_is_a_conflict_and_changes_nothing(fleet, minji):
    _, token = _register(fleet)
    with pytest.raises(Conflict):
        _register(fleet, owner="minji")
    assert fleet.credential("watch1").token_hash == token_hash(token)
    assert fleet.ownerships() == []


def test_an_owner_owns_from_the_beginning(fleet, minji):
    _register(fleet, owner="minji")
    [ownership] = fleet.ownerships()
    assert (ownership.device_id, ownership.person_id, ownership.since, ownership.until) == ("watch1", "minji", 0, None)


def test_unknown_devices_are_not_found(fleet):
    for ask in (fleet.device, fleet.rotate, fleet.revoke):
        with pytest.raises(NotFound):
            ask("watch9")


def test_a_client_id_belongs_to_the_device_of_that_name_or_to_who_used_it(fleet, home):
    _register(fleet, "watch1")
    _register(fleet, "watch2")
    assert fleet.holders("watch2") == {"watch2": "watch2"}
    assert fleet.holders("fresh") == {}
    fleet.remember_client_id(client_id="phone", device_id="watch1", now=NOW)
    assert fleet.holders("phone") == {"phone": "watch1"}
    _register(fleet, "phone")
    assert fleet.holders("phone") == {"phone": "phone"}


def test_the_newest_client_ids_of_a_device_are_remembered(fleet, home):
    _register(fleet, "watch1")
    _register(fleet, "watch2")
    fleet.remember_client_id(client_id="other", device_id="watch2", now=NOW)
    for n in range(CLIENT_IDS_KEPT + 3):
        fleet.remember_client_id(client_id=f"id{n}", device_id="watch1", now=NOW + n)
    known = [n for n in range(CLIENT_IDS_KEPT + 3) if fleet.holders(f"id{n}")]
    assert known == list(range(3, CLIENT_IDS_KEPT + 3))
    assert fleet.holders("other") == {"other": "watch2"}


# Ledger.


def test_a_turn_taken_again_adds_nothing(ledger, watch):
    turn = Turn(decisions=[_decision()], commands=[(_command(), "d1")])
    first, again = ledger.commit(turn, now=NOW), ledger.commit(turn, now=NOW + 50)
    assert (first.decisions, first.commands) == ([_decision()], [_command()])
    assert (again.decisions, again.commands, again.moved) == ([], [], [])
    assert len(ledger.decisions(["minji"], limit=10)) == 1
    assert ledger.command("watch1", "c1").created_at == NOW
    assert ledger.command("watch1", "c1").decision_id == "d1"


def test_of_a_turn_in_which_something_is_new_only_that_is(ledger, watch):
    ledger.commit(Turn(decisions=[_decision("d1")], commands=[(_command("c1"), "d1")]), now=NOW)
    turn = Turn([_decision("d1"), _decision("d2")], [(_command("c1"), "d1"), (_command("c2"), "d2")])
    recorded = ledger.commit(turn, now=NOW)
    assert [each.id for each in recorded.decisions] == ["d2"]
    assert [each.id for each in recorded.commands] == ["c2"]


def test_what_stands_twice_in_a_turn_is_new_once(ledger, watch):
    recorded = ledger.commit(Turn([_decision()] * 2, [(_command(), "d1")] * 2), now=NOW)
    assert (len(recorded.decisions), len(recorded.commands)) == (1, 1)


def test_an_empty_turn_is_nothing(ledger):
    assert not Turn()
    assert Turn(decisions=[_decision()])
    assert ledger.commit(Turn(), now=NOW).decisions == []


def test_a_turn_is_kept_whole_or_not_at_all(ledger, watch):
    turn = Turn(decisions=[_decision()], commands=[(_command(device="watch9"), "d1")], refusals=[_refusal(1)])
    with pytest.raises(StoreUnavailable):
        ledger.commit(turn, now=NOW)
    assert ledger.decisions(["minji"], limit=10) == []
    assert ledger.quarantined(limit=10) == []


def test_decisions_are_read_newest_first_by_scope_and_page(ledger):
    decided = [_decision(f"d{n}", at=NOW + n // 2) for n in range(5)] + [_decision("other", scope="joon")]
    ledger.commit(Turn(decisions=decided), now=NOW)
    told, before = [], None
    while page := ledger.decisions(["minji"], limit=2, before=before):
        told += [row.id for row in page]
        before = (page[-1].observed_at, page[-1].id)
    assert told == ["d4", "d3", "d2", "d1", "d0"]
    row = ledger.decisions(["joon"], limit=1)[0]
    assert row.because == {"en": "so", "ko": "그래서"}
    assert row.clauses[0]["held"] == 10_000


def test_a_command_goes_its_way(ledger, watch):
    assert ledger.queue(_command(), now=NOW)
    assert not ledger.queue(_command(), now=NOW + 1)
    assert ledger.command("watch1", "c1").status == Status.QUEUED
    assert ledger.advance(["c1"], Status.SENT, now=NOW + 2)[0].sent_at == NOW + 2
    for n, status in enumerate((Status.ACCEPTED, Status.DONE)):
        [moved] = ledger.commit(Turn(results=[Result("watch1", "c1", status)]), now=NOW + 10 + n).moved
        assert (moved.status, moved.updated_at) == (status, NOW + 10 + n)


def test_a_command_never_goes_back(ledger, watch):
    ledger.queue(_command(), now=NOW)
    ledger.commit(Turn(results=[Result("watch1", "c1", Status.FAILED, "jammed")]), now=NOW + 1)
    later = [Result("watch1", "c1", status) for status in (Status.ACCEPTED, Status.DONE, Status.FAILED)]
    assert ledger.commit(Turn(results=later), now=NOW + 2).moved == []
    assert ledger.advance(["c1"], Status.SENT, now=NOW + 3) == []
    row = ledger.command("watch1", "c1")
    assert (row.status, row.reason, row.updated_at, row.sent_at) == ("failed", "jammed", NOW + 1, None)


def test_several_answers_of_one_turn_are_told_one_by_one(ledger, watch):
    ledger.queue(_command(), now=NOW)
    answers = [Result("watch1", "c1", Status.ACCEPTED), Result("watch1", "c1", Status.DONE)]
    assert [row.status for row in ledger.commit(Turn(results=answers), now=NOW).moved] == ["accepted", "done"]


def test_a_device_answers_only_for_its_own_commands(ledger, fleet, watch):
    _register(fleet, "watch2")
    ledger.queue(_command(), now=NOW)
    results = [Result("watch2", "c1", Status.DONE), Result("watch1", "c9", Status.DONE)]
    assert ledger.commit(Turn(results=results), now=NOW).moved == []
    assert ledger.command("watch1", "c1").status == "queued"


def test_a_command_is_found_under_its_own_device_only(ledger, watch):
    ledger.queue(_command(), now=NOW)
    for device, id_ in (("watch2", "c1"), ("watch1", "c2")):
        with pytest.raises(NotFound):
            ledger.command(device, id_)
    assert ledger.advance(["c9"], Status.SENT, now=NOW) == []


def test_what_is_not_delivered_in_time_expires(ledger, watch):
    for id_, expires_at in (("due", NOW), ("accepted", NOW), ("sent", NOW - 1), ("later", NOW + 1)):
        ledger.queue(_command(id_, expires_at=expires_at), now=NOW - 10)
    ledger.advance(["sent"], Status.SENT, now=NOW - 5)
    ledger.advance(["accepted"], Status.ACCEPTED, now=NOW - 5)
    expired = ledger.expire(now=NOW)
    assert {row.id for row in expired} == {"due", "sent"}
    assert {(row.status, row.updated_at) for row in expired} == {(Status.EXPIRED, NOW)}
    assert ledger.command("watch1", "due").status == "expired"
    assert ledger.command("watch1", "accepted").status == "accepted"
    assert ledger.expire(now=NOW) == []


def test_undelivered_are_queued_and_if_asked_for_sent_long_ago(ledger, fleet, watch):
    _register(fleet, "watch2")
    for n, id_ in enumerate(("sent", "queued", "done", "fresh")):
        ledger.queue(_command(id_), now=NOW + n)
    ledger.queue(_command("other", device="watch2"), now=NOW + 9)
    ledger.advance(["sent"], Status.SENT, now=NOW + 10)
    ledger.advance(["fresh"], Status.SENT, now=NOW + 20)
    ledger.advance(["done"], Status.DONE, now=NOW + 10)
    assert [each.id for each in ledger.undelivered()] == ["queued", "other"]
    assert ledger.undelivered("watch1") == [_command("queued")]
    assert [each.id for each in ledger.undelivered(sent_before=NOW + 20)] == ["sent", "queued", "other"]


def test_commands_of_a_device_are_read_newest_first_and_paged(ledger, watch):
    for n in range(5):
        ledger.queue(_command(f"c{n}"), now=NOW + n // 2)
    told, before = [], None
    while page := ledger.commands("watch1", limit=2, before=before):
        told += [row.id for row in page]
        before = (page[-1].created_at, page[-1].id)
    assert told == ["c4", "c3", "c2", "c1", "c0"]


def _offered(decision="d1", item="water", *, at=NOW):
    words = {"en": "Water", "ko": "물"}
    return Recommendation(
        f"{decision}-0-{item}", decision, "run", "minji", "recovery", item, words, words, words, at, at + 100
    )


def _offer(ledger, *offered):
    return ledger.commit(
        Turn([_decision(each.decision) for each in offered], recommendations=offered), now=NOW
    ).recommendations


def test_a_decision_on_record_offers_nothing_more(ledger, recommendations, minji):
    assert _offer(ledger, _offered(), _offered(item="tea")) == [_offered(), _offered(item="tea")]
    assert _offer(ledger, _offered(), _offered(item="bath")) == []
    assert [row.item for row in recommendations.of("minji", limit=9)] == ["water", "tea"]


def test_recommendations_are_read_newest_first_and_paged(ledger, recommendations, minji):
    for number in range(4):
        _offer(ledger, _offered(f"d{number}", at=NOW + number // 2))
    rows = recommendations.of("minji", limit=9)
    assert [row.decision_id for row in rows] == ["d3", "d2", "d1", "d0"]
    assert recommendations.of("minji", limit=9, before=(rows[1].at, rows[1].id)) == rows[2:]
    assert recommendations.of("joon", limit=9) == []


def test_what_is_open_is_settled_once(ledger, recommendations, minji):
    _offer(ledger, _offered())
    assert recommendations.settle("d1-0-water", "minji", TAKEN, now=NOW + 1).status == TAKEN
    assert recommendations.settle("d1-0-water", "minji", TAKEN, now=NOW + 2).updated_at == NOW + 1
    with pytest.raises(Conflict, match="taken"):
        recommendations.settle("d1-0-water", "minji", DISMISSED, now=NOW)
    for id_, person in (("d1-0-tea", "minji"), ("d1-0-water", "joon")):
        with pytest.raises(NotFound):
            recommendations.settle(id_, person, TAKEN, now=NOW)


def test_what_nobody_answers_expires(ledger, recommendations, minji):
    _offer(ledger, _offered())
    assert recommendations.expire(now=NOW + 99) == []
    assert [row.status for row in recommendations.expire(now=NOW + 100)] == [EXPIRED]
    assert recommendations.expire(now=NOW + 100) == []


def test_a_consent_taken_back_takes_open_recommendations_with_it_and_only_those(
    ledger, recommendations, consents, minji, accounts
):
    accounts.add_person(_person("joon"), now=NOW)
    _offer(ledger, _offered(), _offered(item="tea"))
    recommendations.settle("d1-0-tea", "minji", TAKEN, now=NOW)
    assert consents.decide(Consent("minji", "recommend", True, NOW, "minji"), place=1).withdrawn == []
    assert consents.decide(Consent("minji", "recommend", True, NOW + 1, "minji"), place=1) is None
    consents.decide(Consent("minji", "peers", True, NOW, "minji"), place=2)
    assert consents.decide(Consent("minji", "peers", False, NOW, "minji"), place=2).withdrawn == []
    [withdrawn] = consents.decide(Consent("minji", "recommend", False, NOW + 2, "minji"), place=3).withdrawn
    assert (withdrawn.item, withdrawn.status, withdrawn.updated_at) == ("water", WITHDRAWN, NOW + 2)
    assert recommendations.offered("minji", "recovery", since=NOW) == {"tea": NOW}
    assert consents.decide(Consent("joon", "recommend", False, NOW, "joon"), place=3) is None


def test_a_consent_has_its_place_among_the_ticks_and_what_stood_before_it_is_known(ledger, consents, minji):
    ledger.commit(Turn(ticks=[Tick(4, NOW)]), now=NOW)
    consents.decide(Consent("minji", "recommend", True, NOW + 1, "minji"), place=4)
    ledger.commit(Turn(ticks=[Tick(4, NOW + 2)]), now=NOW)
    consents.decide(Consent("minji", "recommend", False, NOW + 3, "minji"), place=5)
    first, granted, second, withdrawn = ledger.ticks(0)
    assert (first, second) == (Tick(4, NOW), Tick(4, NOW + 2))
    assert (granted.seq, granted.until, withdrawn.seq) == (4, NOW + 1, 5)
    assert consents.decision(granted.consent) == Consent("minji", "recommend", True, NOW + 1, "minji")
    assert consents.standing(before=granted.consent) == []
    assert consents.standing(before=withdrawn.consent) == [Consent("minji", "recommend", True, NOW + 1, "minji")]
    assert [each.granted for each in consents.standing()] == [False]
    with pytest.raises(NotFound):
        consents.decide(Consent("nobody", "recommend", True, NOW, "x"), place=5)


def test_quarantine_is_read_newest_first_filtered_and_paged(ledger):
    rows = [_refusal(n, kind="access" if n % 3 == 0 else "value", device=f"watch{n % 2}") for n in range(7)]
    ledger.record_refusals(rows)
    told, before = [], None
    while page := ledger.quarantined(limit=3, before=before):
        told += [row.reason for row in page]
        before = page[-1].id
    assert told == ["r6", "r5", "r4", "r3", "r2", "r1", "r0"]
    assert [row.reason for row in ledger.quarantined(limit=9, kind="access")] == ["r6", "r3", "r0"]
    assert [row.reason for row in ledger.quarantined(limit=9, device="watch1", kind="access")] == ["r3"]


@pytest.mark.parametrize("excerpt", ["", "한글 🙂", "\\xff", "\x00\x01", "'; drop table quarantine; --", "x" * 10_000])
def test_whatever_was_refused_can_be_kept(ledger, excerpt):
    ledger.record_refusals([_refusal(1).model_copy(update={"excerpt": excerpt})])
    assert [row.excerpt for row in ledger.quarantined(limit=5)] == [excerpt]


def test_only_the_newest_refusals_are_kept(ledger, monkeypatch):
    monkeypatch.setattr(ledger_module, "QUARANTINE_KEPT", 3)
    ledger.trim()
    ledger.record_refusals([_refusal(n) for n in range(5)])
    ledger.trim()
    assert [row.reason for row in ledger.quarantined(limit=9)] == ["r4", "r3", "r2"]


def test_ticks_are_forgotten_up_to_a_place(ledger):
    ticks = [Tick(4, NOW), Tick(5, NOW + 1), Tick(5, NOW + 2, "person", "ann"), Tick(6, NOW + 3)]
    for tick in ticks:
        ledger.commit(Turn(ticks=[tick]), now=NOW)
    ledger.forget_ticks(5)
    assert ledger.ticks(0) == ticks[1:]
    assert ledger.ticks(6) == ticks[3:]


def test_the_newest_stamps_are_kept_and_read_oldest_first(ledger, monkeypatch):
    monkeypatch.setattr(ledger_module, "ARRIVALS_KEPT", 3)
    stamps = [Arrival(f"{n:032x}", n, NOW + n) for n in range(5)]
    ledger.record_arrivals(stamps[:2])
    assert ledger.arrivals() == stamps[:2]
    ledger.record_arrivals(stamps[2:])
    ledger.trim()
    assert ledger.arrivals() == stamps[2:]


PEOPLE = [
    {"person": "ann", "name": "Ann", "home": "home1", "birth_year": 1980, "sex": "female", "height_cm": 165.5,
     "region": "KR-11", "timezone": "Asia/Tokyo", "consents": "peers community peers"},
    {"person": "bo", "name": "Bo", "home": None, "birth_year": None, "sex": None, "height_cm": None,
     "region": None, "timezone": None, "consents": None},
]  # fmt: skip
DEVICES = [
    {"device": "w1", "home": "home1", "model": "health-watch", "owner": "ann", "acquired_on": "2026-05-01"},
    {"device": "f1", "home": "home1", "model": "food-styler", "owner": None, "acquired_on": None},
]


def test_many_people_and_devices_are_there_as_if_each_had_been_added(engine, accounts, fleet, home):
    enrolment = Enrolment(engine)
    enrolment.add_people(PEOPLE, by="import by operator", now=NOW)
    enrolment.add_devices(DEVICES, now=NOW)
    assert sorted(enrolment.people()) == [
        ("ann", "Ann", "home1", 1980, "female", 165.5, "KR-11", "Asia/Tokyo"),
        ("bo", "Bo", *[None] * 6),
    ]
    assert enrolment.residents() == [Resident("ann", "home1", 1980), Resident("bo", None, None)]
    assert enrolment.placed() == [
        Placed("f1", "home1", "food-styler", None),
        Placed("w1", "home1", "health-watch", "ann"),
    ]
    assert accounts.stays("ann")[0].timezone == "Asia/Tokyo"
    allowed = Consents(engine).standing("ann")
    assert [(each.purpose, each.granted, each.by) for each in allowed] == [
        ("community", True, "import by operator"),
        ("peers", True, "import by operator"),
    ]
    assert fleet.credential("w1") == Credential("home1", "w1", None)
    assert [each.device_id for each in fleet.trusted("ann")] == ["w1"]


def test_of_many_people_all_or_none_are_added(engine, accounts, home):
    enrolment = Enrolment(engine)
    enrolment.add_people(PEOPLE[1:], by="x", now=NOW)
    with pytest.raises(Conflict):
        enrolment.add_people(PEOPLE, by="x", now=NOW)
    assert [each.id for each in accounts.people()] == ["bo"]
    assert Consents(engine).standing() == []


def test_a_login_is_given_once_to_those_who_have_none(engine, accounts, minji):
    Enrolment(engine).add_people(PEOPLE[1:], by="x", now=NOW)
    accounts.add_login("bo", username="bo", password=PASSWORD)
    token = accounts.sign_in(username="bo", password=PASSWORD, now=NOW)
    assert accounts.sessions.identify(token, now=NOW) == Caller("bo", PERSON, "bo")
    for person, username in (("bo", "other"), ("minji", "third")):
        with pytest.raises(Conflict, match="can sign in already"):
            accounts.add_login(person, username=username, password=PASSWORD)
    with pytest.raises(NotFound):
        accounts.add_login("nobody", username="nobody", password=PASSWORD)
