"""The SQL of the store of daily features.

observed  one row a person and day, found from telemetry; empty where there was not enough data
told      the same, from an import; counts where nothing was observed

People are numbers; days are ordinals of the calendar, as in `datetime.date`.
"""

from rules.daily import KEPT

_COLUMNS = ", ".join(f"{name} double" for name in KEPT)
_NAMES = ", ".join(KEPT)
TABLES: tuple[str, ...] = ("told", "observed")
"""What is read later counts more."""

SCHEMA = f"""
create table if not exists observed(person integer, day integer, {_COLUMNS});
create table if not exists told(person integer, day integer, {_COLUMNS});
"""

FORGET = "delete from {table} where person = ? and day between ? and ?"
FORGET_TOLD_AGAIN = "delete from told using incoming where told.person = incoming.person and told.day = incoming.day"
KEEP = f"insert into {{table}} select person, day, {_NAMES} from incoming"
_DIFFERENT = " or ".join(f"told.{name} is distinct from incoming.{name}" for name in KEPT)
TOLD = f"""
select told.person is null as fresh, told.person is not null and ({_DIFFERENT}) as changed
from incoming left join told on told.person = incoming.person and told.day = incoming.day order by incoming.place
"""
READ = f"select day, {_NAMES} from {{table}} where person = ? and day between ? and ?"
READ_MANY = f"""
select i.place, t.day, {_NAMES} from {{table}} t join incoming i on i.person = t.person where t.day between ? and ?
"""
BOUNDS = """
select min(day), max(day) from (select day from observed where person = $person union all
                                select day from told where person = $person)
"""
