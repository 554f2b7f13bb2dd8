"""Whatever is asked of SQL is a value, never a part of the statement: nothing more is found, and nothing is changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mood_core.lake import open_lake
from mood_core.report.read_recap import read_recap
from mood_core.report.recap_period import Unit, period_with
from mood_core.store import Database
from mood_core.store.loading.keys import keys_of
from mood_core.store.loading.time_zones import zone
from mood_core.store.queries.accounts import Account, Accounts
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.history import GROUPINGS, HistoryFilter, latest_listens, mood_counts
from mood_core.store.queries.listens import ListenStore
from mood_core.store.queries.person_export import personal_rows
from mood_core.store.queries.selection import Selection
from mood_core.store.queries.token_rows import TokenRows
from tests.fuzz.hostile import fuzz, one_sentence, texts
from tests.store_data import all_digests, small_history

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_DAYS = st.none() | st.dates() | st.sampled_from([date.min, date.max])
_INJECTIONS = ["' OR '1'='1", "ada' --", "%", "_", "ada%", "\\", ":user", "%(user)s", "?", "$1", "{user}", "\\x00"]
# Hypothesis draws words from the code as well, so also the people who are there.
_WHO = (texts | st.sampled_from(_INJECTIONS)).filter(lambda who: who.lower() not in {"ada", "grace"})


@pytest.fixture
def held(migrated: Database, tmp_path: Any) -> tuple[Database, dict[str, Any]]:
    """A small history of Ada and Grace, and what it holds."""
    small_history(open_lake(str(tmp_path / "lake")), migrated, months=1, files=1)
    return migrated, all_digests(migrated)


@given(who=_WHO, first=_DAYS, last=_DAYS, by=st.sampled_from(sorted(GROUPINGS)))
@example(who="\0", first=None, last=None, by="day")
@example(who="\ud800", first=None, last=None, by="day")
@fuzz(15)
def test_any_question(
    held: tuple[Database, dict[str, Any]], who: str, first: date | None, last: date | None, by: str
) -> None:
    database, digests = held
    asked = HistoryFilter([who], first, last)
    with one_sentence():
        assert mood_counts(database, by, asked) == []
    with one_sentence():
        assert latest_listens(database, asked, 5) == []
    with one_sentence():
        assert Accounts(database).all([who]) == []
    with one_sentence():
        assert FeatureRows(database).tracks_without_features(Selection([who], first, last)) == []
    with one_sentence(), personal_rows(database, who) as parts:
        assert sum(table.num_rows for table in parts["person"]()) == 0
    with one_sentence():
        account = Account(who, who, "UTC", NOW, "unconnected", None, None, None, None, None)
        assert not read_recap(database, account, period_with(Unit.WEEK, date(2026, 8, 3)), NOW).total
    with one_sentence():
        assert not ListenStore(database).plays_since(who, NOW)
    with one_sentence():
        assert TokenRows(database).read(who) is None
    assert all_digests(database) == digests


@given(who=_WHO, track=_WHO)
@example(who="\0", track="\0")
@example(who="\ud800", track="\ud800")
@fuzz(15)
def test_any_value_written(held: tuple[Database, dict[str, Any]], who: str, track: str) -> None:
    database, digests = held
    tokens, accounts = TokenRows(database), Accounts(database)
    for write in (
        lambda: tokens.write(who, b"x", authorised_at=NOW, expected_version=None),
        lambda: tokens.acquire_refresh_lease(who, track, 1.0),
        lambda: tokens.mark_reauthorisation_needed(who, track, expected_version=1),
        lambda: accounts.leases.acquire([who], track, now=NOW, for_s=1.0),
        lambda: accounts.troubled(who, track),
        lambda: accounts.leases.release(who),
    ):
        with one_sentence():
            write()
    with one_sentence(), database.read() as connection:
        assert keys_of(connection, "tracks", [track]) == {}
    assert all_digests(database) == digests


@given(name=_WHO | st.sampled_from(["../../../etc/passwd", "Europe", "Europe/", "/etc/localtime", "UTC\n", "a" * 5000]))
@fuzz(60)
def test_any_time_zone(name: str) -> None:
    with one_sentence():
        assert zone(name).key == name
