"""The SQL of the DuckDB telemetry store.

samples   one row a sample, in order of arrival (`seq`); `state` for texts, `value` for numbers
events    one row an event
sources   small numbers for device ids, and the time zone whose days count
metrics   small numbers for metric names
latest    newest sample of every source and metric     } folded from `samples` up to `rolled`,
daily     rollup of every source, metric and day       } so a crash only means folding again
stale     days of which something came in that the daily features do not have yet: source, UTC day (number since 1970),
          and the place of the newest such change
progress  how far the fold has come
"""

SCHEMA = """
create table if not exists samples(
  seq bigint, source integer, metric smallint, observed_at bigint, value double, state varchar);
create table if not exists events(
  seq bigint, source integer, id varchar, type varchar, observed_at bigint, payload varchar, primary key (source, id));
create table if not exists sources(id integer primary key, name varchar, zone varchar);
create table if not exists metrics(id smallint primary key, name varchar, resets_daily boolean);
create table if not exists latest(
  source integer, metric smallint, observed_at bigint, value double, state varchar, day date,
  primary key (source, metric));
create table if not exists daily(
  source integer, metric smallint, day date, n bigint, total double, low double, high double,
  first_at bigint, first double, last_at bigint, last double, increase double, primary key (source, metric, day));
create table if not exists stale(source integer, day integer, seq bigint, primary key (source, day));
create table if not exists progress(rolled bigint);
insert into progress select 0 where not exists (from progress);
"""

NUMBER_SOURCES = "insert into sources select id, name, 'UTC' from incoming"
DECLARE = """
update sources set zone = incoming.zone from incoming
where sources.name = incoming.name and sources.zone <> incoming.zone
  and incoming.zone in (select name from pg_timezone_names())
"""
# One zone that DuckDB does not know would keep every rollup from being brought up.
UNKNOWN_ZONES = (
    "update sources set zone = 'UTC' where zone not in (select name from pg_timezone_names()) returning name"
)

INSERT_NUMBERS = "insert into samples select seq, source, metric, observed_at, value, null from incoming"
INSERT_STATES = """
insert into samples select seq, source, metric, observed_at, case when state is null then value end, state from incoming
"""
INSERT_EVENTS = """
insert into events select seq, source, id, type, observed_at, payload from incoming
on conflict do nothing returning seq
"""

# Which of the suspects (not newer than what is known of their source and metric) are really there already.
KNOWN = """
select c.i from incoming c
semi join (select source, metric, observed_at from samples where observed_at between ? and ?) s
using (source, metric, observed_at)
"""

SINCE = """
select seq, source, metric, observed_at, value, state, null as id, null as type, null as payload
from samples where seq > $after and seq <= $upto
union all
select seq, source, null, observed_at, null, null, id, type, payload
from events where seq > $after and seq <= $upto
order by seq
"""

# The samples that the rollups do not have yet, each with its day (the same all through a quarter of an hour, wherever in the
# world) and, of what `counts`, which is all but gauges, the value before it.
TAIL = """
create or replace temp table tail as
with fresh as (
  select t.source, s.zone, t.metric, t.seq, t.observed_at, t.value, t.state, t.observed_at // 900000 as quarter
  from samples t join sources s on s.id = t.source
  where t.seq > $rolled and t.seq <= $upto
), quarters as (
  select zone, quarter, cast(timezone(zone, make_timestamptz(quarter * 900000000)) as date) as day
  from (select distinct zone, quarter from fresh)
), dated as (
  select f.source, f.metric, f.seq, f.observed_at, f.value, f.state, d.day
  from fresh f join quarters d on d.zone = f.zone and d.quarter = f.quarter
), ordered as (
  select *, true as counts, lag(value) over w as before, lag(day) over w as day_before
  from dated where not list_contains($gauges, metric) window w as (partition by source, metric order by observed_at)
  union all
  select *, false, null, null from dated where list_contains($gauges, metric)
)
select o.* exclude (before, day_before),
       coalesce(o.before, l.value) as before,
       coalesce(o.day_before, l.day) as day_before,
       l.observed_at is not null and o.observed_at < l.observed_at as late
from ordered o left join latest l on l.source = o.source and l.metric = o.metric
"""

# What a counter grew by from `before` to `value`: all of it when it has started again from zero.
_GROWTH = """
case when before is null or (m.resets_daily and day_before <> day) or value < before then value else value - before end
"""

MERGE_DAILY = f"""
insert into daily
select t.source, t.metric, day, count(*), sum(value), min(value), max(value),
       min(observed_at), arg_min(value, observed_at), max(observed_at), arg_max(value, observed_at),
       sum(case when counts and not late then {_GROWTH} else 0 end)
from tail t join metrics m on m.id = t.metric
where value is not null
group by t.source, t.metric, day
on conflict do update set
  n = n + excluded.n, total = total + excluded.total,
  low = least(low, excluded.low), high = greatest(high, excluded.high),
  first = case when excluded.first_at < first_at then excluded.first else first end,
  first_at = least(first_at, excluded.first_at),
  last = case when excluded.last_at > last_at then excluded.last else last end,
  last_at = greatest(last_at, excluded.last_at),
  increase = increase + excluded.increase
"""

# Late samples fall between others: what a counter grew by on the days they touch, and the days after, is counted anew.
LATE_DAYS = """
create or replace temp table late_days as
with disturbed as (select distinct source, metric from tail where late and counts and value is not null)
select distinct source, metric, day from (
  select source, metric, day from tail semi join disturbed using (source, metric)
  union all
  select t.source, t.metric, (
    select min(d.day) from daily d where d.source = t.source and d.metric = t.metric and d.day > t.day
  ) from tail t where late and counts and value is not null
) semi join daily using (source, metric, day)
"""
COUNT_LATE_DAYS = "select count(*), min(day), max(day) from late_days"
REPAIR_INCREASE = f"""
with touched as (select distinct source, metric from late_days),
rows as (
  select t.source, t.metric, t.observed_at, t.value,
         cast(timezone(s.zone, make_timestamptz(t.observed_at * 1000)) as date) as day
  from samples t join sources s on s.id = t.source semi join touched u on u.source = t.source and u.metric = t.metric
  where t.value is not null and t.observed_at >= $since and t.observed_at < $until and t.seq <= $upto
), ordered as (
  select *, lag(value) over w as before, lag(day) over w as day_before
  from rows window w as (partition by source, metric order by observed_at)
), before_all as (
  select source, metric, arg_max(last, last_at) as before, max(day) as day_before
  from daily semi join touched using (source, metric)
  where last_at < $since group by source, metric
), grown as (
  select o.source, o.metric, o.day, sum({_GROWTH}) as increase, count(*) as n
  from (
    select o.* exclude (before, day_before),
           coalesce(o.before, b.before) as before, coalesce(o.day_before, b.day_before) as day_before
    from ordered o left join before_all b on b.source = o.source and b.metric = o.metric
  ) o join metrics m on m.id = o.metric
  semi join late_days d on d.source = o.source and d.metric = o.metric and d.day = o.day
  group by o.source, o.metric, o.day
)
update daily set increase = grown.increase from grown
where daily.source = grown.source and daily.metric = grown.metric and daily.day = grown.day
  and daily.n = grown.n  -- a day of which samples were pruned keeps what was counted when they were there
"""

MERGE_LATEST = """
insert into latest
select source, metric, max(observed_at),
       arg_max(value, observed_at), arg_max(state, observed_at), arg_max(day, observed_at)
from tail group by source, metric
on conflict do update set
  value = case when excluded.observed_at > observed_at then excluded.value else value end,
  state = case when excluded.observed_at > observed_at then excluded.state else state end,
  day = case when excluded.observed_at > observed_at then excluded.day else day end,
  observed_at = greatest(observed_at, excluded.observed_at)
"""

_CHANGED = """
insert into stale
select source, observed_at // 86400000 as day, max(seq)
from (select source, observed_at, seq from {samples} union all
      select source, observed_at, seq from events where seq > $rolled and seq <= $upto)
group by source, day
on conflict do update set seq = greatest(seq, excluded.seq)
"""
MARK_STALE = _CHANGED.format(samples="tail")
MARK_ALL_STALE = _CHANGED.format(samples="(from samples where seq > $rolled and seq <= $upto)")
NEWEST_SEQ = """
select greatest((select max(seq) from samples), (select max(seq) from events), (select rolled from progress))
"""
ROLLED = "select rolled from progress"
HAS_STALE = "select count(*) from duckdb_tables() where table_name = 'stale'"
STALE = "select source, day, seq from stale order by source, day"
SETTLE = """
delete from stale using incoming
where stale.source = incoming.source and stale.day = incoming.day and stale.seq <= incoming.seq
"""

MARKS = "select source, metric, observed_at from latest"
LATEST = "select source, metric, observed_at, value, state from latest"

# What came in since the rollups were brought up to date is left for the next time.
PRUNE = "delete from samples where metric = ? and observed_at < ? and seq <= ?"

# `incoming` holds (source, since, until), a row for each time a device belonged to whom the series is of.
RAW = """
select t.observed_at, t.value, t.state, t.source
from samples t join incoming a on a.source = t.source and t.observed_at >= a.since and t.observed_at < a.until
where t.metric = $metric and t.observed_at >= $since and t.observed_at < $until
  and (t.observed_at, t.source) > ($after_at, $after_source)
order by t.observed_at, t.source limit $limit
"""

SCAN = """
select t.observed_at, t.source, t.metric, t.value, t.state
from samples t join incoming a on a.source = t.source and t.observed_at >= a.since and t.observed_at < a.until
where t.metric in (select unnest($metrics)) and t.observed_at >= $since and t.observed_at < $until
order by t.observed_at, t.seq
"""

AGGREGATES = {
    "mean": "avg(t.value)",
    "min": "min(t.value)",
    "max": "max(t.value)",
    "sum": "sum(t.value)",
    "count": "cast(count(*) as double)",
    "first": "arg_min(t.value, t.observed_at)",
    "last": "arg_max(t.value, t.observed_at)",
}
STATE_AGGREGATES = {"first": "arg_min(t.state, t.observed_at)", "last": "arg_max(t.state, t.observed_at)"}

BUCKETS = """
select t.observed_at // $every * $every as bucket, {value}, {state}
from samples t join incoming a on a.source = t.source and t.observed_at >= a.since and t.observed_at < a.until
where t.metric = $metric and t.observed_at >= $since and t.observed_at < $until
group by bucket having bucket > $after_at order by bucket limit $limit
"""

DAYS = """
select distinct d.source, d.day, d.n, d.total, d.low, d.high, d.first, d.last, d.increase
from daily d join incoming a on a.source = d.source and d.last_at >= a.since and d.first_at < a.until
where d.metric = ? and d.day between ? and ?
order by d.day, d.source
"""

EVENTS = """
select t.source, t.id, t.type, t.observed_at, t.payload
from events t join incoming a on a.source = t.source and t.observed_at >= a.since and t.observed_at < a.until
where t.observed_at >= $since and t.observed_at < $until
order by t.observed_at desc, t.seq desc limit $limit
"""
