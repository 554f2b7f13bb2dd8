"""A person's answer is the label of their listens: in every view, count, export and copy, and gone when undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.domain.answers import ANSWERS, NONE, UNDONE, AskedBecause, answer_of, moods_in
from mood_core.domain.records import MOODS as MOOD_NAMES
from mood_core.errors import InputError
from mood_core.lake import open_lake
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database
from mood_core.store.loading.keep_up import keep_up
from mood_core.store.queries.answer_rows import AnswerRows
from mood_core.store.queries.import_rows import ImportRows
from mood_core.usecases.answers.record_answer import record_answer, undo_answer
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports.label_coverage import label_coverage
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep.compact import compact
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.functional.test_counted import views_are_right
from tests.store_data import (
    NOW,
    all_digests,
    days_are_right,
    features,
    listens,
    moods,
    query,
    set_current,
    small_history,
    tracks,
    users,
)

ADA, GRACE = "ada", "grace"


def answer(
    database: Database, batches: Batches, track: str, given: str, *, user: str = ADA, at: datetime = NOW
) -> None:
    """Record an answer."""
    record_answer(user, track, given, AnswerRows(database), batches, because=AskedBecause.RANDOM, now=at)


def shown(database: Database, user: str, track: str) -> set[tuple[object, ...]]:
    """What the main view says about the person's listens of the track."""
    sql = (
        "SELECT mood, label_source, mood_set, uncertain, model_version, unlabelled_reason FROM mood_history"
        " WHERE user_id = :user AND track_id = :track"
    )
    return set(query(database, sql, user=user, track=track))


def test_answers_have_their_meaning_in_sql(migrated: Database) -> None:
    rows = query(migrated, "SELECT answer, mood, p_calm, p_energetic, p_happy, p_sad, mood_set FROM _answer_labels")
    assert {row[0] for row in rows} == set(ANSWERS) - {UNDONE}
    for given, mood, *chances, mood_set in rows:
        named = moods_in(given)
        assert mood == (named[0] if named else None)
        assert chances == [(1 / len(named) if each in named else 0) if named else None for each in MOOD_NAMES]
        assert mood_set == ("|".join(sorted(named)) or None)


def test_words_become_answers() -> None:
    assert [answer_of([word]) for word in ("calm", "E", "Happy|Sad", "none", "n")] == [
        "Calm", "Energetic", "Happy|Sad", NONE, NONE,
    ]  # fmt: skip
    assert answer_of(["h", "c"]) == "Happy|Calm"
    for wrong in ([], ["joyful"], ["happy", "happy"], ["happy", "none"], ["undone"], ["c", "e", "h"], [""]):
        with pytest.raises(InputError, match="name one mood or two different ones of Calm"):
            answer_of(wrong)


def test_an_answer_gives_a_track_a_label_but_no_features(migrated: Database, tmp_path: Path) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users((ADA, "UTC")), now=NOW)
    batches.add(TRACKS, tracks("known", "unknown", "refused", "lost"), now=NOW)
    batches.add(AUDIO_FEATURES, features(["known", "refused"]), now=NOW)
    batches.add(LISTENS, listens([(ADA, NOW, name) for name in ("known", "unknown", "refused", "lost")]), now=NOW)
    for track, given in (("known", "Happy"), ("unknown", "Calm"), ("refused", NONE)):
        answer(migrated, batches, track, given)
    state = label_coverage(ADA, ImportRows(migrated))
    assert (state.tracks, state.tracks_with_features, state.tracks_labelled) == (4, 2, 2)
    assert state.missing == {"none of these moods": 1, "features not asked for yet": 1}


def test_an_answer_is_the_label_of_all_listens_of_the_person_alone(migrated: Database, tmp_path: Path) -> None:
    batches = small_history(open_lake(str(tmp_path / "lake")), migrated)
    assert keep_up(migrated, step_ms=86_400_000) == 2
    before = shown(migrated, GRACE, "t0")
    assert before == {("Calm", "model", None, 0, "m/1", None)}
    for given, wanted in {
        "Happy": ("Happy", "person", "Happy", 0, None, None),
        "Sad|Calm": ("Sad", "person", "Calm|Sad", 0, None, None),
        NONE: (None, "person", None, 0, None, "none of these moods"),
    }.items():
        answer(migrated, batches, "t0", given)
        assert shown(migrated, ADA, "t0") == {wanted}
        assert shown(migrated, GRACE, "t0") == before
        views_are_right(migrated)
        assert len(query(migrated, "SELECT 1 FROM _counted_people")) == 2  # kept, not thrown away
        assert days_are_right(migrated)
        keep_up(migrated, step_ms=86_400_000)
    assert undo_answer(ADA, "t0", AnswerRows(migrated), batches, now=NOW).answer == NONE  # type: ignore[union-attr]
    assert undo_answer(ADA, "t0", AnswerRows(migrated), batches, now=NOW) is None
    assert shown(migrated, ADA, "t0") == before
    views_are_right(migrated)
    assert days_are_right(migrated)
    assert query(migrated, "SELECT answer, is_latest FROM answers ORDER BY answered_at_ms") == [
        ("Happy", 0), ("Sad|Calm", 0), (NONE, 0), (UNDONE, 1),
    ]  # fmt: skip


def test_two_moods_count_half_each(migrated: Database, tmp_path: Path) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    start = datetime(2026, 8, 3, 9, tzinfo=UTC)
    batches.add(USERS, users((ADA, "UTC")), now=NOW)
    batches.add(LISTENS, listens([(ADA, start + timedelta(minutes=n), "t1") for n in range(4)]), now=NOW)
    answer(migrated, batches, "t1", "Happy|Calm")
    rows = query(migrated, "SELECT mood, listens, expected_listens FROM mood_daily_expected ORDER BY mood")
    assert rows == [("Calm", 0, 2.0), ("Happy", 4, 2.0)]


def test_an_answer_works_before_the_first_label_and_above_every_later_one(migrated: Database, tmp_path: Path) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    at = datetime(2026, 8, 3, 9, tzinfo=UTC)
    batches.add(TRACKS, tracks("t1", "t2"), now=at)
    batches.add(USERS, users((ADA, "Europe/Berlin")), now=at)
    batches.add(LISTENS, listens([(ADA, at + timedelta(minutes=n), f"t{n % 2 + 1}") for n in range(6)]), now=at)
    answer(migrated, batches, "t1", "Happy")
    answer(migrated, batches, "t2", NONE)
    by_hour = "SELECT mood, listens FROM mood_by_hour ORDER BY mood"
    assert query(migrated, by_hour) == [("Happy", 3), ("Unlabelled", 3)]
    views_are_right(migrated)
    batches.add(AUDIO_FEATURES, features(["t1", "t2"]), now=NOW)
    for version, mood in (("m/1", "Sad"), ("m/2", "Calm")):
        batches.add(MOODS, moods({"t1": mood, "t2": mood}, version), now=NOW)
        set_current(migrated, version)
        assert query(migrated, by_hour) == [("Happy", 3), ("Unlabelled", 3)]
        batches.add(LISTENS, listens([(ADA, at - timedelta(hours=24), "t1")]), now=NOW)
        views_are_right(migrated)
        assert days_are_right(migrated)
        batches.add(LISTENS, listens([(ADA, at - timedelta(hours=24), "t1")]), now=NOW)
        by_hour = "SELECT mood, sum(listens) - CASE mood WHEN 'Happy' THEN 1 ELSE 0 END FROM mood_by_hour GROUP BY 1"
        by_hour += " ORDER BY 1"
    undo_answer(ADA, "t1", AnswerRows(migrated), batches, now=NOW)
    assert shown(migrated, ADA, "t1") == {("Calm", "model", None, 0, "m/2", None)}
    views_are_right(migrated)
    assert days_are_right(migrated)


def test_only_heard_tracks_and_known_answers_are_accepted(migrated: Database, tmp_path: Path) -> None:
    batches = small_history(open_lake(str(tmp_path / "lake")), migrated)
    with pytest.raises(InputError, match="no listen of the track other"):
        answer(migrated, batches, "other", "Calm")
    with pytest.raises(InputError, match="no listen of the track t0"):
        answer(migrated, batches, "t0", "Calm", user="nobody")
    with pytest.raises(InputError, match="Joyful is not an answer"):
        answer(migrated, batches, "t0", "Joyful")
    assert query(migrated, "SELECT count(*) FROM mood_answers") == [(0,)]


def test_answers_survive_compaction_rebuild_and_a_clock_set_back_and_leave_with_the_person(
    migrated: Database, tmp_path: Path
) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    batches = small_history(lake, migrated)
    for number, given in enumerate(("Happy", "Sad", "Energetic")):
        answer(migrated, batches, "t1", given, at=NOW - timedelta(days=number))  # the clock is set back
        answer(migrated, batches, "t1", "Calm|Happy", user=GRACE)
    keep_up(migrated, step_ms=86_400_000)
    assert {row[:2] for row in shown(migrated, ADA, "t1")} == {("Energetic", "person")}
    before = all_digests(migrated)
    report = compact(lake, migrated, now=NOW + timedelta(days=60))
    assert report.files_after
    assert len(lake.paths("mood_answers")) == 1
    assert verify(lake, migrated, now=NOW, deep=True).findings == []
    rebuild(lake, migrated, now=NOW)
    assert all_digests(migrated) == before
    batches.add(USERS, users((ADA, "Asia/Kolkata"), recorded_at=NOW + timedelta(days=1)), now=NOW)
    assert verify(lake, migrated, now=NOW, deep=True).findings == []
    forget_person(ADA, lake, migrated, owner="test", now=NOW)
    assert lake.people(lake.paths("mood_answers")[0]) == {GRACE}
    assert query(migrated, "SELECT DISTINCT user_id FROM answers") == [(GRACE,)]
    assert query(migrated, "SELECT count(*) FROM person_labels") == [(1,)]
    views_are_right(migrated)


def test_verify_finds_a_label_that_does_not_follow_from_the_answers(migrated: Database, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    batches = small_history(lake, migrated)
    answer(migrated, batches, "t1", "Happy")
    with migrated.write() as connection:
        connection.execute(text("UPDATE person_labels SET mood = 'Sad'"))
    assert "person_labels of ada" in {each.subject for each in verify(lake, migrated, now=NOW, deep=True).findings}
