"""In whatever order people are pulled, imported, forgotten, merged and rebuilt, nobody who was forgotten is shown.

Late writers take part: a run that has read and not yet written, a file that was published and not loaded, and a copy
of a file that somebody puts back.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import text

from mood_core.domain.records import User
from mood_core.errors import LockLost
from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS, PERSONAL
from mood_core.store import open_database
from mood_core.store.engine.fences import Leases, leased, leases_of
from mood_core.store.engine.migrate import migrate
from mood_core.store.locks.leases import new_owner
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.token_rows import TokenRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.people.connect_account import register_user
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep.compact import compact
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.fuzz.hostile import fuzz
from tests.store_data import listens

PEOPLE = ("ada", "grace")
START = datetime(2026, 8, 3, 9, tzinfo=UTC)
people = st.sampled_from(PEOPLE)


class Forgetting(RuleBasedStateMachine):
    """Each listen is of a track that names its person and the consent under which it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        root = Path(self.folder.name)
        self.kept = root / "kept"
        self.lake = open_lake(str(root / "lake"))
        self.database = open_database(f"sqlite:///{root / 'moodlog.db'}")
        migrate(self.database, now=START)
        self.batches, self.accounts = Batches(self.lake, self.database), Accounts(self.database)
        self.now, self.number = START, 0
        self.consents = dict.fromkeys(PEOPLE, 0)
        self.known: set[str] = set()
        self.late: list[tuple[Leases | None, str, str]] = []
        for person in PEOPLE:
            self.connect(person)

    def teardown(self) -> None:
        """Whatever came last, the next run and a compaction leave files without forgotten people."""
        self.batches.finish(now=self.now, everywhere=True)
        compact(self.lake, self.database, now=self.now)
        self.nobody_forgotten_is_shown()
        for dataset in PERSONAL:
            for path in self.lake.paths(dataset.name):
                assert self.lake.people(path) <= self.known
            assert self.lake.superseded(dataset.name) == []
        assert verify(self.lake, self.database, now=self.now, deep=True).findings == []
        self.database.close()
        self.folder.cleanup()

    @rule(person=people)
    def connect(self, person: str) -> None:
        """A consent, first or new."""
        self._later()
        if person not in self.known:
            self.consents[person] += 1
        user = User(person, person.title(), "UTC", self.now)
        register_user(user, self._keep_token, self.batches, now=self.now)
        self.known.add(person)

    def _keep_token(self, person: str) -> None:
        TokenRows(self.database).write(person, b"secret", authorised_at=self.now, expected_version=None)

    @rule(person=people)
    def pull(self, person: str) -> None:
        """A night: acquire leases, read, write."""
        self.begin_pull(person)
        self.end_pull(len(self.late) - 1)

    @rule(person=people)
    def begin_pull(self, person: str) -> None:
        """A night that has read and then sleeps longer than its lease."""
        self._later()
        owner = new_owner()
        self.accounts.leases.acquire([person], owner, now=self.now, for_s=600)
        with self.accounts.leases.fenced(owner), self.database.read() as connection:
            leases = leases_of(connection)
        self.late.append((leases, person, self._track(person)))

    @precondition(lambda self: self.late)
    @rule(which=st.integers(0, 9))
    def end_pull(self, which: int) -> None:
        """It wakes up and writes."""
        leases, person, track = self.late.pop(which % len(self.late))
        assert leases is not None
        try:
            with leased(leases):
                self.batches.add(LISTENS, listens([(person, self.now, track)]), now=self.now)
        except LockLost:
            assert leases.owner

    @rule(person=people)
    def publish_and_die(self, person: str) -> None:
        """A run that was killed between the lake and the ledger."""
        if person in self.known:
            self._later()
            rows = listens([(person, self.now, self._track(person)), ("grace", self.now, self._track("grace"))])
            if {"ada", "grace"} <= self.known:
                self.lake.write(LISTENS, rows, created_at=self.batches.batch_time(self.now))

    @rule()
    def keep_a_copy(self) -> None:
        """Somebody copies the listens out of the lake."""
        if (Path(self.lake.root) / "listens").exists():
            shutil.copytree(Path(self.lake.root) / "listens", self.kept, dirs_exist_ok=True)

    @rule()
    def put_the_copy_back(self) -> None:
        """And back."""
        if self.kept.exists():
            shutil.copytree(self.kept, Path(self.lake.root) / "listens", dirs_exist_ok=True)

    @rule(person=people)
    def forget(self, person: str) -> None:
        """The person is to be forgotten."""
        self._later()
        forget_person(person, self.lake, self.database, owner=new_owner(), now=self.now)
        self.known.discard(person)

    @rule()
    def compact(self) -> None:
        """Small files are merged."""
        self._later()
        compact(self.lake, self.database, now=self.now, before="9999-12")

    @rule()
    def rebuild(self) -> None:
        """SQL is made again."""
        self._later()
        rebuild(self.lake, self.database, now=self.now)

    @rule()
    def finish(self) -> None:
        """What every run begins with."""
        self._later()
        self.batches.finish(now=self.now)

    @invariant()
    def nobody_forgotten_is_shown(self) -> None:
        """Every listen shown is of a person who is known, and was read under their newest consent."""
        query = "SELECT u.user_id, t.track_id FROM listens AS l JOIN users AS u ON u.user_key = l.user_key JOIN tracks"
        with self.database.read() as connection:
            shown = connection.execute(text(f"{query} AS t ON t.track_key = l.track_key")).all()
            stored = set(connection.scalars(text("SELECT user_id FROM users")))
        assert stored <= self.known
        for person, track in shown:
            assert track.split("-")[:2] == [person, str(self.consents[person])]

    def _track(self, person: str) -> str:
        self.number += 1
        return f"{person}-{self.consents[person]}-{self.number}"

    def _later(self) -> None:
        self.now += timedelta(minutes=11)


Forgetting.TestCase.settings = settings(fuzz(8), stateful_step_count=15)
TestForgetting = Forgetting.TestCase


def test_a_file_put_back_after_a_forget_is_neither_loaded_nor_left(tmp_path: Path) -> None:
    """The reproduction: a copy of the person's listens comes back, and everything that loads files runs."""
    lake = open_lake(str(tmp_path / "lake"))
    with closing(open_database(f"sqlite:///{tmp_path / 'moodlog.db'}")) as database:
        migrate(database, now=START)
        batches = Batches(lake, database)
        register_user(User("ada", "Ada", "UTC", START), lambda _: None, batches, now=START)
        batches.add(LISTENS, listens([("ada", START, "t1"), ("grace", START, "t1")]), now=START)
        shutil.copytree(tmp_path / "lake", tmp_path / "kept")
        forget_person("ada", lake, database, owner=new_owner(), now=START + timedelta(hours=1))
        shutil.copytree(tmp_path / "kept", tmp_path / "lake", dirs_exist_ok=True)
        found = {finding.kind for finding in verify(lake, database, now=START).findings}
        assert "forgotten" in found
        rebuild(lake, database, now=START + timedelta(hours=2))
        with database.read() as connection:
            assert set(connection.scalars(text("SELECT user_id FROM users"))) == {"grace"}
        assert {person for path in lake.paths("listens") for person in lake.people(path)} == {"grace"}
        assert lake.paths("users") == []
        assert verify(lake, database, now=START, deep=True).findings == []
