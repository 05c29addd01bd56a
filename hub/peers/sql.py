"""The SQL of the ledger of peers. People are numbers; months are counted since the year 0.

atoms     small numbers for what people are compared by: those who are the same in everything are one atom
entries   one row a person and calendar month: their atom then, and their bin in each feature
pending   whose months are to be found anew, for changes on the days (ordinals) from `first` to `last`; `place` counts them
"""

from rules.features import COMPARED

_BINS = ", ".join(f"{feature.name} usmallint" for feature in COMPARED)
_NAMES = ", ".join(feature.name for feature in COMPARED)

SCHEMA = f"""
create table if not exists atoms(
  id integer primary key, model varchar, acquired integer, age_band varchar, sex varchar, region varchar);
create table if not exists entries(person integer, period integer, atom integer, {_BINS});
create sequence if not exists places;
create table if not exists pending(place bigint default nextval('places'), person integer, first integer, last integer);
"""

ATOMS = "select model, acquired, age_band, sex, region from atoms order by id"
ADD_ATOM = "insert into atoms values (?, ?, ?, ?, ?, ?)"
ADD_PENDING = "insert into pending(person, first, last) select person, first, last from incoming"
PENDING = """
select n.name, min(p.first), max(p.last), max(p.place) from pending p join people n on n.id = p.person
group by p.person, n.name order by p.person limit ?
"""
SETTLE = """
delete from pending using incoming where pending.person = incoming.person and pending.place <= incoming.place
"""
FORGET = (
    "delete from entries using incoming where entries.person = incoming.person and entries.period = incoming.period"
)
ENTER = f"insert into entries select person, period, atom, {_NAMES} from incoming where counted"
REMOVE = "delete from {table} where person = ?"
ENTRIES = "select period, atom, {feature} from entries where person = ? and {feature} <> 65535"
COUNTED = "select distinct n.name from entries e join people n on n.id = e.person"
PERIODS = "select period, count(*) from entries group by period order by period"
SORTED = "create table sorted as from entries order by person, period"
COLUMN = "select atom, {feature} as bin from entries where period = ? and atom < ? and {feature} <> 65535"
