"""Replays asked for over the API: each a job that goes on by itself, tells how far it is, and can be cancelled."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from devices.errors import Conflict, HubError, NotFound
from devices.sample import Instant
from hub.rulebook import Rulebook
from rules.decision import Decision
from rules.program import Program
from rules.replay import Difference, difference

log = structlog.get_logger()

KEPT = 50
AT_ONCE = 2
DECISIONS_LIMIT = 20_000
"""More firings than this say that the rule is no good; the replay stops there and says so."""


@dataclass(slots=True)
class Job:
    """A replay. `status` is running, done, cancelled, too_many or failed."""

    id: str
    program: Program
    against: Program | None
    since: Instant
    until: Instant
    scopes: Sequence[str] | None
    status: str = "running"
    done: int = 0
    total: int = 0
    samples: int = 0
    began_at: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    error: str | None = None
    decisions: list[Decision] = field(default_factory=list)
    before: list[Decision] = field(default_factory=list)
    cancelled: bool = False

    @property
    def difference(self) -> Difference | None:
        """What the other version would have decided differently, if one was given."""
        return difference(self.before, self.decisions) if self.against is not None else None


class Replays:
    """Runs replays in threads of their own; the newest are remembered."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def start(
        self,
        program: Program,
        *,
        since: Instant,
        until: Instant,
        scopes: Sequence[str] | None = None,
        against: Program | None = None,
    ) -> Job:
        """Begin a replay. Raises `Conflict` while as many run as may."""
        job = Job(secrets.token_hex(8), program, against, since, until, scopes)
        with self._lock:
            if sum(each.status == "running" for each in self._jobs.values()) >= AT_ONCE:
                raise Conflict(f"{AT_ONCE} replays are running; wait for one, or cancel it")
            self._jobs[job.id] = job
            while len(self._jobs) > KEPT:
                self._jobs.popitem(last=False)
        threading.Thread(target=self._run, args=(job,), name="replay", daemon=True).start()
        return job

    def job(self, job_id: str) -> Job:
        """Raises `NotFound`."""
        with self._lock:
            if (job := self._jobs.get(job_id)) is None:
                raise NotFound(f"there is no replay {job_id}")
            return job

    def cancel(self, job_id: str) -> Job:
        """Have a replay stop. Raises `NotFound`."""
        job = self.job(job_id)
        job.cancelled = True
        return job

    def _run(self, job: Job) -> None:
        try:
            if job.against is not None:
                self._replay(job, job.against, job.before)
            self._replay(job, job.program, job.decisions)
            if job.status == "running":
                job.status = "cancelled" if job.cancelled else "done"
        except HubError as error:
            job.status, job.error = "failed", str(error)
        except Exception:  # whoever asked must hear that it ended, however it did
            log.exception("replay_failed", rule=job.program.id)
            job.status, job.error = "failed", "the hub could not do this; see its log"
        job.seconds = time.monotonic() - job.began_at

    def _replay(self, job: Job, program: Program, decisions: list[Decision]) -> None:
        job.done = 0

        def going_on(done: int, total: int) -> bool:
            job.done, job.total = done, total
            return not job.cancelled

        for replayed in self._rulebook.replayed(
            program, since=job.since, until=job.until, scopes=job.scopes, going_on=going_on
        ):
            job.samples += replayed.samples
            decisions += replayed.decisions
            if len(decisions) > DECISIONS_LIMIT:
                job.status = "too_many"
                return
