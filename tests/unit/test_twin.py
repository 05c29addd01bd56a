"""Twins: the newest of everything, whatever the order it came in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices import twin
from devices.sample import Sample
from devices.twin import Twin


def _twins(*names):
    return {name: Twin(name) for name in names or ("watch1",)}


def _sample(at, value, *, source="watch1", metric="heart_rate"):
    return Sample(source, metric, at, value)


def test_a_sample_is_reported_and_counts_as_one_change():
    twins = _twins()
    assert twin.apply(twins, [_sample(5, 70), _sample(6, 71)]) == {"watch1"}
    assert twins["watch1"].reported == {"heart_rate": _sample(6, 71)}
    assert twins["watch1"].version == 1


def test_duplicates_and_older_samples_are_no_ops():
    twins = _twins()
    twin.apply(twins, [_sample(5, 70)])
    assert twin.apply(twins, [_sample(5, 99), _sample(4, 60)]) == set()
    assert twins["watch1"].reported["heart_rate"].value == 70
    assert twins["watch1"].version == 1


def test_devices_are_kept_apart_however_their_samples_alternate():
    twins = _twins("a", "b", "c")
    touched = twin.apply(twins, [_sample(1, 1, source="a"), _sample(1, 2, source="b"), _sample(2, 3, source="a")])
    assert touched == {"a", "b"}
    assert [twins[name].version for name in "abc"] == [1, 1, 0]
    assert twins["a"].reported["heart_rate"].value == 3
    assert twins["b"].reported["heart_rate"].value == 2


@given(
    st.lists(
        st.builds(
            Sample,
            st.sampled_from("ab"),
            st.sampled_from(["steps", "speed"]),
            st.integers(1, 20),
            st.integers(0, 5),
        ),
        unique_by=lambda sample: (sample.source, sample.metric, sample.observed_at),
    ),
    st.randoms(use_true_random=False),
)
def test_the_newest_sample_wins_in_any_order(samples, random):
    twins = _twins("a", "b")
    shuffled = list(samples)
    random.shuffle(shuffled)
    for each in shuffled:
        twin.apply(twins, [each])
    newest = {}
    for each in sorted(samples, key=lambda sample: sample.observed_at):
        newest[each.source, each.metric] = each
    assert {(s.source, s.metric): s for t in twins.values() for s in t.reported.values()} == newest


def test_last_seen_only_moves_forward():
    watch = Twin("watch1")
    watch.seen(10)
    watch.seen(7)
    assert watch.last_seen == 10


def test_a_status_is_a_change_only_when_it_differs():
    watch = Twin("watch1")
    assert watch.report_status(online=True)
    assert not watch.report_status(online=True)
    assert watch.report_status(online=False)
    assert watch.version == 2


def test_delta_is_what_is_wanted_and_not_yet_so():
    fridge = Twin("fridge1", desired={"door": "closed", "target": 4.0, "mode": "eco"})
    fridge.reported = {
        "door": _sample(1, "closed", source="fridge1", metric="door"),
        "target": _sample(1, 5.0, source="fridge1", metric="target"),
    }
    assert fridge.delta == {"target": 4.0, "mode": "eco"}
