"""The counts of a whole history that views add to: after any changes, the views give what their definitions give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.answers import AskedBecause, MoodAnswer
from mood_core.domain.records import ListenSource, Track
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOOD_ANSWERS, MOODS, TRACKS, USERS
from mood_core.settings import Settings
from mood_core.store import Database
from mood_core.store.loading.counted import COUNTED
from mood_core.store.loading.keep_up import keep_up
from mood_core.store.loading.totals import refresh_totals
from mood_core.usecases.batches import Batches
from tests.store_data import NOW, ExtendedListen, features, listens, moods, query, set_current, small_history, users

_SESSIONS = """
    SELECT user_id, played_at_ms, track_id, track_key, max(begins) OVER (
        PARTITION BY user_id ORDER BY played_at_ms
    ) AS session_started_at_ms
    FROM (
        SELECT u.user_id, l.played_at_ms, t.track_id, t.track_key, CASE
            WHEN l.played_at_ms - coalesce(max(l.played_at_ms) OVER (
                PARTITION BY u.user_id ORDER BY l.played_at_ms RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) > 1800000 THEN l.played_at_ms END AS begins
        FROM listens AS l
        INNER JOIN users AS u ON u.user_key = l.user_key INNER JOIN tracks AS t ON t.track_key = l.track_key
    ) AS b
"""
"""Every listen with the time of the last one before it that begins a session, and of itself."""

DEFINITIONS = {
    "SELECT user_id, hour, mood, listens FROM mood_by_hour": """
        SELECT user_id, local_hour, coalesce(mood, 'Unlabelled'), count(*) FROM mood_history
        GROUP BY user_id, local_hour, coalesce(mood, 'Unlabelled')
    """,
    "SELECT user_id, from_mood, to_mood, transitions FROM mood_transitions": """
        SELECT a.user_id, a.mood, b.mood, count(*) FROM mood_history AS a
        INNER JOIN mood_history AS b ON b.user_id = a.user_id AND b.played_at_ms = (
            SELECT min(x.played_at_ms) FROM listens AS x
            WHERE x.user_key = a.user_key AND x.played_at_ms > a.played_at_ms
        )
        WHERE b.played_at_ms <= a.played_at_ms + 1800000 AND a.mood IS NOT NULL AND b.mood IS NOT NULL
        GROUP BY a.user_id, a.mood, b.mood
    """,
    "SELECT user_id, mood, place, track_id, listens FROM top_tracks_by_mood": """
        SELECT user_id, mood, row_number() OVER (PARTITION BY user_id, mood ORDER BY count(*) DESC, track_id),
            track_id, count(*)
        FROM mood_history WHERE mood IS NOT NULL
        GROUP BY user_id, mood, track_id
    """,
    "SELECT user_id, mood, place, artist, listens FROM top_artists_by_mood": """
        SELECT h.user_id, h.mood,
            row_number() OVER (PARTITION BY h.user_id, h.mood ORDER BY count(*) DESC, a.artist),
            a.artist, count(*)
        FROM mood_history AS h
        INNER JOIN tracks AS t ON t.track_id = h.track_id
        INNER JOIN artist_credits AS a ON a.track_key = t.track_key
        WHERE h.mood IS NOT NULL
        GROUP BY h.user_id, h.mood, a.artist
    """,
    "SELECT user_id, release_year, mood, listens FROM mood_by_release_year": """
        SELECT user_id, release_year, coalesce(mood, 'Unlabelled'), count(*) FROM mood_history
        WHERE release_year IS NOT NULL
        GROUP BY user_id, release_year, coalesce(mood, 'Unlabelled')
    """,
    "SELECT user_id, mood, listens, skipped_listens FROM skips_by_mood": """
        SELECT user_id, coalesce(mood, 'Unlabelled'), count(*), sum(skipped) FROM mood_history
        WHERE skipped IS NOT NULL
        GROUP BY user_id, coalesce(mood, 'Unlabelled')
    """,
    "SELECT user_id, session_started_at_ms, session_ended_at_ms, listens FROM sessions": f"""
        SELECT user_id, session_started_at_ms, max(played_at_ms), count(*) FROM ({_SESSIONS}) AS s
        GROUP BY user_id, session_started_at_ms
    """,  # noqa: S608
    "SELECT user_id, played_at_ms, track_id, session_started_at_ms, place_in_session FROM listen_sessions": f"""
        SELECT user_id, played_at_ms, track_id, session_started_at_ms, row_number() OVER (
            PARTITION BY user_id, session_started_at_ms ORDER BY played_at_ms, track_key
        ) FROM ({_SESSIONS}) AS s
    """,  # noqa: S608
    "SELECT user_id, place_in_session, mood, listens FROM mood_by_session_place": """
        SELECT user_id, place_in_session, coalesce(mood, 'Unlabelled'), count(*) FROM listen_sessions
        WHERE place_in_session <= 10
        GROUP BY user_id, place_in_session, coalesce(mood, 'Unlabelled')
    """,
    "SELECT user_id, hour, listens, round(CAST(valence * 1000 AS NUMERIC)) FROM sound_by_hour": """
        SELECT user_id, local_hour, count(*), round(CAST(avg(valence) * 1000 AS NUMERIC)) FROM listen_features
        WHERE valence IS NOT NULL
        GROUP BY user_id, local_hour
    """,
    "SELECT user_id, track_id, unlabelled_reason, listens FROM unlabelled_tracks": """
        SELECT user_id, track_id, unlabelled_reason, count(*) FROM mood_history WHERE mood IS NULL
        GROUP BY user_id, track_id, unlabelled_reason
    """,
    "SELECT user_id, listens, covered_listens FROM feature_coverage_by_person": """
        SELECT h.user_id, count(*), count(f.track_key) FROM mood_history AS h
        INNER JOIN tracks AS t ON t.track_id = h.track_id LEFT JOIN audio_features AS f ON f.track_key = t.track_key
        GROUP BY h.user_id
    """,
    "SELECT feature_source, tracks, listens FROM feature_coverage": """
        SELECT coalesce(s.source, 'none'), count(DISTINCT h.track_id), count(*) FROM mood_history AS h
        INNER JOIN tracks AS t ON t.track_id = h.track_id LEFT JOIN audio_features AS f ON f.track_key = t.track_key
        LEFT JOIN sources AS s ON s.source_key = f.source_key
        GROUP BY coalesce(s.source, 'none')
    """,
}
"""Views that read kept counts, with their plain definitions over all listens."""

_TRACKS = ["t1", "t2", "t3"]
# Close together, so that many listens follow others; on minutes, so that some share a time.
_MOMENTS = st.integers(0, 400).map(lambda minute: datetime(2026, 3, 28, 20, tzinfo=UTC) + timedelta(minutes=minute))
_CHANGE = st.one_of(
    st.tuples(
        st.just("listens"),
        st.lists(
            st.tuples(st.sampled_from(["ada", "bob"]), _MOMENTS, st.sampled_from(_TRACKS)), min_size=1, max_size=12
        ),
    ),
    st.tuples(
        st.just("tracks"), st.sampled_from(_TRACKS), st.sampled_from(["Kali", "Tyler"]), st.sampled_from([None, "1999"])
    ),
    st.tuples(
        st.just("moods"), st.dictionaries(st.sampled_from(_TRACKS), st.sampled_from(["Calm", "Sad"]), min_size=1)
    ),
    st.tuples(st.just("features"), st.sampled_from(_TRACKS)),
    st.tuples(st.just("zone"), st.sampled_from(["ada", "bob"]), st.sampled_from(["Europe/Berlin", "Asia/Kolkata"])),
    st.tuples(st.just("current"), st.sampled_from(["m/1", "m/2"])),
    st.tuples(st.just("count"), st.sampled_from([0, 3_600_000])),
    st.tuples(st.just("totals")),
    st.tuples(st.just("answer"), st.sampled_from(_TRACKS), st.sampled_from(["Calm", "Sad|Happy", "none", "undone"])),
)


def _plays(rows: Iterable[tuple[str, datetime, str]]) -> pa.Table:
    """Listens of an extended history, of which every other one was skipped."""
    source = ListenSource.EXTENDED_HISTORY
    return to_table(
        LISTENS, [ExtendedListen(user, at, id_, source, skipped=at.minute % 2 == 0) for user, at, id_ in rows]
    )


def views_are_right(database: Database) -> None:
    """Compare each view with its definition."""
    for view, definition in DEFINITIONS.items():
        assert sorted(query(database, view)) == sorted(query(database, definition)), view


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(_CHANGE, min_size=2, max_size=10))
def test_views_are_their_definitions_after_any_changes(
    migrated: Database, tmp_path: Path, changes: list[tuple[object, ...]]
) -> None:
    with migrated.write() as connection:
        for table in (*COUNTED, "_mood_days", "_listen_totals", "_covered_listens", "_heard_tracks", "_stale_totals"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        for table in ("_waiting_listens", "listens", "moods", "mood_answers", "person_labels", "audio_features"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        for table in ("users", "_batches", "models"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        connection.execute(text("UPDATE _cache_versions SET version = version + 1"))  # caches of keys and labels
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    for step, (kind, *values) in enumerate([("current", "m/1"), *changes, ("count", 0)]):
        CHANGES[str(kind)](migrated, batches, NOW + timedelta(seconds=step), *values)
        views_are_right(migrated)


def _described(name: str, artist: str, release_date: str | None) -> pa.Table:
    return to_table(TRACKS, [Track(name, name, ("somebody", artist), release_date=release_date)])


def _answer(batches: Batches, now: datetime, track: str, answer: str) -> None:
    made = MoodAnswer("ada", track, now, answer, AskedBecause.RANDOM, None)
    batches.add(MOOD_ANSWERS, to_table(MOOD_ANSWERS, [made]), now=now)


CHANGES: dict[str, Callable[..., object]] = {
    "listens": lambda _, batches, now, rows: batches.add(LISTENS, _plays(rows), now=now),
    "tracks": lambda _, batches, now, *of: batches.add(TRACKS, _described(*of), now=now),
    "moods": lambda _, batches, now, labels: batches.add(MOODS, moods(labels, "m/1"), now=now),
    "features": lambda _, batches, now, track: batches.add(AUDIO_FEATURES, features([track], now), now=now),
    "zone": lambda _, batches, now, *of: batches.add(USERS, users(of, recorded_at=now), now=now),
    "current": lambda database, _, __, version: set_current(database, version),
    "count": lambda database, _, __, recent: keep_up(database, step_ms=1, recent_ms=recent),
    "totals": lambda database, *_: refresh_totals(database),
    "answer": lambda _, batches, now, *of: _answer(batches, now, *of),
}


def test_a_later_listen_leaves_the_counts_and_an_earlier_one_deletes_those_of_its_person(
    migrated: Database, tmp_path: Path
) -> None:
    batches = small_history(open_lake(str(tmp_path / "lake")), migrated)
    assert keep_up(migrated, step_ms=86_400_000) == 2
    assert keep_up(migrated, step_ms=86_400_000) == 0
    counted = "SELECT user_id FROM _counted_people AS c INNER JOIN users AS u ON u.user_key = c.user_key ORDER BY 1"
    batches.add(LISTENS, listens([("ada", datetime(2026, 12, 1, tzinfo=UTC), "t1")]), now=NOW)
    assert query(migrated, counted) == [("ada",), ("grace",)]
    batches.add(LISTENS, listens([("ada", datetime(2026, 8, 1, tzinfo=UTC), "t1")]), now=NOW)
    assert query(migrated, counted) == [("grace",)]
    views_are_right(migrated)
    assert keep_up(migrated, step_ms=86_400_000) == 1
    assert query(migrated, counted) == [("ada",), ("grace",)]
    views_are_right(migrated)


def test_the_counts_go_with_the_person(migrated: Database, tmp_path: Path) -> None:
    batches = small_history(open_lake(str(tmp_path / "lake")), migrated)
    evening = [("ada", datetime(2026, 8, 9, 20, minute, tzinfo=UTC), "t0") for minute in range(0, 60, 20)]
    batches.add(LISTENS, _plays(evening), now=NOW)
    keep_up(migrated, step_ms=86_400_000)
    counted = [f"SELECT 1 FROM {table}" for table in COUNTED]  # noqa: S608 - our own tables
    assert all(query(migrated, rows) for rows in counted)
    with migrated.write() as connection:
        connection.execute(text("DELETE FROM listens"))
        connection.execute(text("DELETE FROM users"))
    assert not any(query(migrated, rows) for rows in counted)


def test_hundreds_of_people_are_counted_in_one_transaction(migrated: Database, tmp_path: Path) -> None:
    batches = small_history(open_lake(str(tmp_path / "lake")), migrated)
    people = [f"p{index}" for index in range(400)]
    batches.add(USERS, users(*((person, "UTC") for person in people)), now=NOW)
    plays = [(person, NOW - timedelta(days=day), "t0") for person in people for day in (30, 1)]
    batches.add(LISTENS, listens(plays), now=NOW)
    assert keep_up(migrated, step_ms=1) == 402  # PostgreSQL ran out of locks for its temporary tables
    assert query(migrated, "SELECT count(*) FROM _counted_sessions AS c WHERE c.listens = 1")[0][0] >= 400


def test_an_upgrade_ranks_again_the_people_whose_ranks_a_migration_removed(migrated: Database, tmp_path: Path) -> None:
    small_history(open_lake(str(tmp_path / "lake")), migrated)
    keep_up(migrated, step_ms=1)
    people = query(migrated, "SELECT user_key FROM _ranked_people ORDER BY user_key")
    assert people
    # As before the migration 0088, if it removed the ranks as 0039 and 0057 do.
    with migrated.write() as connection:
        connection.execute(text("DROP TABLE _replaced_codes"))
        connection.execute(text("DELETE FROM _schema_migrations WHERE name LIKE '0088%'"))
        connection.execute(text("UPDATE _counted_people SET ranked_until_ms = 0"))
    assert not query(migrated, "SELECT user_key FROM _ranked_people")
    url = migrated.engine.url.render_as_string(hide_password=False)
    with Workspace(Settings(home=tmp_path, database_url=url)) as space:
        assert query(space.database, "SELECT user_key FROM _ranked_people ORDER BY user_key") == people
