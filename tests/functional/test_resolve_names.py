"""Plays of account data find their track at the resolvers, and so do imported tracks their ISRC; once for each name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from flows.cli import main
from mood_core.app.import_export import match_names
from mood_core.app.workspace import Workspace
from mood_core.domain.feature_misses import PastMiss
from mood_core.domain.play_lengths import KnownLength
from mood_core.domain.records import ListenSource, Track, TrackKind
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import LISTENS, RESOLUTIONS, TRACKS, USERS
from mood_core.resolvers.resolver import Resolution
from mood_core.store import Database
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.store.queries.person_erase import PersonErasure
from mood_core.store.queries.resolution_rows import ResolutionRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.collect_responses import CollectResponses
from standin import Fault, StandIn
from standin.songs import Song
from tests.exports import extended, music, track_id, unpacked
from tests.nights import connect_listeners, point_at, workspace_of
from tests.store_data import NOW, ExtendedListen, users

LOCAL = "My Own Tape", "Rehearsal 7"


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(seed=11, listeners=2) as running:
        yield running


@pytest.fixture(autouse=True)
def _settings(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(standin, monkeypatch)
    monkeypatch.setenv("MOODLOG_RESOLVERS", "spotify,deezer,musicbrainz")
    monkeypatch.setenv("MOODLOG_CONTACT", "tests@example.org")
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "reccobeats")


def songs_of(standin: StandIn, count: int = 12) -> list[Song]:
    """Songs that ReccoBeats knows by ISRC and Deezer or MusicBrainz by name, in the order of their plays below."""
    now, seen, found = standin.clock.now_ms(), set(), []
    for song in standin.world.catalogue.songs:
        name = song.artists[0].name, song.name
        known = not song.is_local and song.known_from_ms is not None and song.known_from_ms <= now
        if known and name not in seen and (song.index % 10 or song.index % 3):
            found.append(song)
        seen.add(name)
    return found[:count]


def import_plays(songs: list[Song], folder: Path, user: str) -> None:
    """Import account data in which the first song was heard most often."""
    rows: list[dict[str, Any]] = []
    for place, song in enumerate(songs):
        rows += [_play(song.artists[0].name, song.name, place, play) for play in range(len(songs) - place)]
    rows.append(_play(*LOCAL, len(songs), 0))
    export = unpacked(folder, {"StreamingHistory_music_0.json": rows})
    done = CliRunner().invoke(main, ["import", str(export), "--user", user, "--json"])
    assert done.exit_code == 0, done.stderr
    assert set(json.loads(done.stdout)["outcomes"]) == {"unmatched"}


def _play(artist: str, title: str, place: int, play: int) -> dict[str, Any]:
    """A play that is shorter than every song."""
    return music(title, f"2024-03-{1 + place:02d} {8 + play // 6:02d}:{play % 6 * 9:02d}", 60_000, artist)


def rows_of(workspace: Workspace, statement: str) -> list[tuple[Any, ...]]:
    with workspace.database.read() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def the_night(workspace: Workspace) -> None:
    """The steps of a night that concern names."""
    match_names(workspace)
    if workspace.resolve_names().found:
        match_names(workspace)
    workspace.fetch_features()
    workspace.label()


def test_labelling_at_once_asks_the_resolvers_as_well(standin: StandIn, tmp_path: Path) -> None:
    songs = songs_of(standin, 3)
    rows = [_play(song.artists[0].name, song.name, place, 0) for place, song in enumerate(songs)]
    export = unpacked(tmp_path / "export", {"StreamingHistory_music_0.json": rows})
    done = CliRunner().invoke(main, ["import", str(export), "--label", "--json"])
    assert done.exit_code == 0, done.stderr
    state = json.loads(done.stdout)["achieved"]
    assert (state["tracks_labelled"], state["pending_plays"]) == (3, 0)


def test_plays_by_name_get_their_moods_and_the_lake_has_it_all(standin: StandIn, tmp_path: Path) -> None:
    songs = songs_of(standin)
    import_plays(songs, tmp_path / "export", "ada")
    with workspace_of(standin) as workspace:
        the_night(workspace)
        heard = "SELECT track_id, listens FROM (SELECT t.track_id, count(*) AS listens FROM mood_history AS t"
        counts = dict(rows_of(workspace, f"{heard} WHERE mood IS NOT NULL GROUP BY t.track_id) AS q"))
        assert counts == {f"isrc:{song.isrc}": len(songs) - place for place, song in enumerate(songs)}
        provenance = "SELECT t.isrc, r.resolved_by FROM resolutions AS r JOIN tracks AS t ON r.track_key = t.track_key"
        by = dict(rows_of(workspace, provenance))
        assert by == {song.isrc: "deezer" if song.index % 10 else "musicbrainz" for song in songs}
        dates = dict(rows_of(workspace, "SELECT isrc, release_date FROM tracks"))
        assert dates == {song.isrc: str(song.album.released) for song in songs}
        assert rows_of(workspace, "SELECT count(*) FROM named_plays WHERE track_key IS NULL") == [(1,)]
        calls = standin.calls.count()
        the_night(workspace)
        assert standin.calls.count() == calls
        workspace.rebuild()
        assert dict(rows_of(workspace, provenance)) == by
        assert not workspace.verify(deep=True).findings
        standin.clock.advance(timedelta(days=1, minutes=1))
        the_night(workspace)
        again = [call.endpoint for call in standin.calls.entries()[calls:]]
        assert again == ["deezer_search", "musicbrainz_recording"]  # about the name that nobody found


def test_spotify_gives_ids_in_the_name_of_an_account_and_within_the_budget(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_SPOTIFY_DAILY_BUDGET", "5")
    songs = songs_of(standin)
    import_plays(songs, tmp_path / "export", "ada")
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        report = workspace.resolve_names()
    assert standin.calls.count("search") == 5 == report.found["spotify"]
    assert "MOODLOG_SPOTIFY_DAILY_BUDGET" in report.stopped["spotify"]
    assert report.found.total() == len(songs)
    searched = [call.query for call in standin.calls.entries() if call.endpoint == "search"]
    assert songs[0].artists[0].name.split()[-1] in searched[0]  # the most heard name comes first
    with workspace_of(standin) as workspace:
        match_names(workspace)
        ids = {row[0] for row in rows_of(workspace, "SELECT t.track_id FROM mood_history AS t")}
        by_isrc = standin.world.catalogue.by_isrc
        of_spotify = [each for each in ids if not each.startswith("isrc:")]
        assert len(of_spotify) == 5
        assert set(of_spotify) <= {each.track_id for song in songs for each in by_isrc[song.isrc]}


def test_imported_tracks_get_an_isrc_where_the_duration_agrees(standin: StandIn) -> None:
    good, long, local, *_ = songs_of(standin)
    tracks = [
        Track("0" * 22, good.name, (good.artists[0].name, "Guest"), duration_ms=good.duration_ms),
        Track("1" * 22, long.name, (long.artists[0].name,), duration_ms=long.duration_ms + 30_000),
        Track("spotify:local:a:b:c:9", local.name, (local.artists[0].name,), kind=TrackKind.LOCAL),
    ]
    with workspace_of(standin) as workspace:
        workspace.batches.add(TRACKS, to_table(TRACKS, tracks), now=workspace.now())
        assert not workspace.resolve_names().asked  # ReccoBeats is asked first, by id
        workspace.fetch_features()
        assert workspace.resolve_names().found.total() == 1
        workspace.fetch_features()
        stored = workspace.feature_rows.stored([track.track_id for track in tracks])
        assert [stored[track.track_id][0].isrc for track in tracks] == [good.isrc, None, None]
        assert [stored[track.track_id][2] for track in tracks] == ["reccobeats:isrc", None, None]
        assert not workspace.resolve_names().asked


def test_spotify_completes_and_corrects_what_is_stored_of_a_track(standin: StandIn) -> None:
    songs = {song.track_id: song for song in standin.world.catalogue.songs if not song.is_local}
    guessed = [
        Track(song.track_id, song.name, (song.artists[0].name,), duration_ms=song.duration_ms, isrc="GBAAA2600001")
        for song in songs.values()
    ]
    described = "SELECT track_id, isrc, release_date FROM tracks WHERE track_key IN (SELECT track_key FROM listens)"
    with workspace_of(standin) as workspace:
        workspace.batches.add(TRACKS, to_table(TRACKS, guessed), now=workspace.now())
        ids = connect_listeners(workspace, standin)
        assert sum(outcome.new for outcome in workspace.pulling()(ids, now=workspace.now())) > 0
        heard = [row for row in rows_of(workspace, described) if row[0] in songs]
        assert heard
        assert [(isrc, bool(date)) for _, isrc, date in heard] == [(songs[id_].isrc, True) for id_, *_ in heard]
        tracks = [Track(id_, "x", ("y",), duration_ms=9, isrc="GBAAA2600002", release_date="1999") for id_, *_ in heard]
        assert workspace.listens.undescribed_among(tracks) == []
        assert workspace.listens.undescribed_among(tracks, corrects=True) == tracks
        assert not workspace.verify(deep=True).findings


def pairs_of(standin: StandIn) -> list[tuple[Song, Song]]:
    """Two recordings of one artist and title that differ by more than 60 s, the one that services list first first."""
    first: dict[tuple[str, str], Song] = {}
    found = []
    for song in standin.world.catalogue.songs:
        other = first.setdefault((song.artists[0].name, song.name), song)
        if abs(song.duration_ms - other.duration_ms) > 60_000 and song.index % 10 and not song.is_local:
            found.append((other, song))
    return found


def test_the_duration_of_the_plays_decides_between_recordings_of_one_name(standin: StandIn, tmp_path: Path) -> None:
    pairs = pairs_of(standin)
    assert len(pairs) > 3
    rows = [
        extended(n, f"2024-03-{play + 1:02d}T{n // 6:02d}:{n % 6 * 9:02d}:00Z", song.duration_ms)
        | {"master_metadata_album_artist_name": song.artists[0].name, "master_metadata_track_name": song.name}
        | {"reason_end": "trackdone", "episode_name": None, "episode_show_name": None}
        for n, (_, song) in enumerate(pairs)
        for play in range(5)
    ]
    export = unpacked(tmp_path / "export", {"Streaming_History_Audio_2024_0.json": rows})
    done = CliRunner().invoke(main, ["import", str(export), "--label", "--json"])
    assert done.exit_code == 0, done.stderr
    with workspace_of(standin) as workspace:
        workspace.fetch_features()
        workspace.resolve_names()
        stored = rows_of(workspace, "SELECT track_id, isrc, duration_ms FROM tracks ORDER BY track_id")
    isrcs = {track_id: isrc for track_id, isrc, _ in stored}
    assert len(isrcs) == len(pairs)
    assert [isrcs[track_id(n)] for n in range(len(pairs))] == [song.isrc for _, song in pairs]


def test_plays_show_the_duration_of_tracks_on_both_databases(migrated: Database, tmp_path: Path) -> None:
    batches, rows = Batches(open_lake(str(tmp_path / "lake")), migrated), FeatureRows(migrated)
    ends = {"full": ["trackdone"] * 3, "left": ["fwdbtn"] * 3, "known": ["trackdone"] * 3}
    tracks = [Track(name, name, ("Band",), duration_ms=9_000 if name == "known" else None) for name in ends]
    listens = [
        ExtendedListen("ada", NOW - timedelta(hours=n), name, ListenSource.EXTENDED_HISTORY, 200_000, reason_end=reason)
        for name, reasons in ends.items()
        for n, reason in enumerate(reasons, start=len(name))
    ]
    batches.add(USERS, users(("ada", "UTC")), now=NOW)
    batches.add(TRACKS, to_table(TRACKS, tracks), now=NOW)
    batches.add(LISTENS, to_table(LISTENS, listens), now=NOW)
    expected = {"full": KnownLength(duration_ms=200_000), "left": KnownLength(at_least_ms=200_000)}
    assert rows.lengths_of_plays() == expected
    MoodRows(migrated).set_current("m/1")
    assert rows.lengths_of_plays(["full", "known"]) == {"full": expected["full"]}


def test_account_data_takes_the_recording_that_is_as_long_as_its_plays(standin: StandIn, tmp_path: Path) -> None:
    pairs = pairs_of(standin)
    rows = [
        music(song.name, f"2024-03-{play + 1:02d} {n // 6:02d}:{n % 6 * 9:02d}", song.duration_ms, song.artists[0].name)
        for n, (_, song) in enumerate(pairs)
        for play in range(2)
    ]
    export = unpacked(tmp_path / "export", {"StreamingHistory_music_0.json": rows})
    done = CliRunner().invoke(main, ["import", str(export), "--label", "--json"])
    assert done.exit_code == 0, done.stderr
    with workspace_of(standin) as workspace:
        found = {row[0] for row in rows_of(workspace, "SELECT isrc FROM tracks")}
    assert found == {song.isrc for _, song in pairs}


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("answers", [1, 5])
def test_a_killed_run_is_resumed_with_nothing_asked_twice(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    songs = songs_of(standin)
    import_plays(songs, tmp_path / "export", "ada")
    kept = []
    keep = CollectResponses.keep_tables

    def die(self: CollectResponses, tables: Any) -> None:
        keep(self, tables)
        kept.append(tables)
        if len(kept) == answers:
            raise _Killed

    with workspace_of(standin) as workspace, monkeypatch.context() as patch:
        patch.setattr(CollectResponses, "keep_tables", die)
        with pytest.raises(_Killed):
            workspace.resolve_names()
    with workspace_of(standin) as workspace:
        the_night(workspace)
        assert rows_of(workspace, "SELECT count(*) FROM named_plays WHERE track_key IS NULL") == [(1,)]
    queries = [
        call.query for call in standin.calls.entries() if call.endpoint in ("deezer_search", "musicbrainz_recording")
    ]
    assert len(queries) == len(set(queries))


def test_who_is_forgotten_takes_the_names_that_nobody_found(standin: StandIn, tmp_path: Path) -> None:
    songs = songs_of(standin, 3)
    for user in ("ada", "grace"):
        import_plays(songs[: 2 if user == "ada" else 3], tmp_path / user, user)
    names = "SELECT artist, title FROM resolutions WHERE outcome <> 'found'"
    mine = (LOCAL[0].lower(), LOCAL[1].lower())
    with workspace_of(standin) as workspace:
        the_night(workspace)
        found = rows_of(workspace, "SELECT artist, title FROM resolutions WHERE outcome = 'found'")
        for user, left in (("ada", True), ("grace", False)):
            ids = [account.user_id for account in workspace.accounts.all() if account.display_name == user]
            workspace.forget(ids[0])
            assert (mine in rows_of(workspace, names)) is left
        assert rows_of(workspace, "SELECT artist, title FROM resolutions WHERE outcome = 'found'") == found
        assert not workspace.verify(deep=True).findings
        workspace.rebuild()
        assert mine not in rows_of(workspace, names)


def test_none_asks_nobody(standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_RESOLVERS", "none")
    import_plays(songs_of(standin), tmp_path / "export", "ada")
    with workspace_of(standin) as workspace:
        assert not workspace.resolve_names().asked
    monkeypatch.setenv("MOODLOG_RESOLVERS", "musicbrainz")
    monkeypatch.delenv("MOODLOG_CONTACT")
    with workspace_of(standin) as workspace:
        assert not workspace.resolve_names().asked
    assert standin.calls.count() == 0


def test_a_failing_service_is_asked_again_by_the_next_run(standin: StandIn, tmp_path: Path) -> None:
    songs = songs_of(standin)
    import_plays(songs, tmp_path / "export", "ada")
    standin.faults.add(Fault("rate_limited", endpoint="deezer_search", retry_after_s=3000))
    standin.faults.add(Fault("rate_limited", endpoint="musicbrainz_recording", retry_after_s=3000))
    with workspace_of(standin) as workspace:
        assert set(workspace.resolve_names().stopped) == {"deezer", "musicbrainz"}
        assert not workspace.resolve_names().asked  # both services asked for no calls for 50 minutes
        assert standin.calls.count() == 2
        standin.clock.advance(timedelta(hours=1))
        assert workspace.resolve_names().found.total() == len(songs)


def test_answers_are_loaded_on_both_databases(migrated: Database, tmp_path: Path) -> None:
    batches, rows = Batches(open_lake(str(tmp_path / "lake")), migrated), ResolutionRows(migrated)
    batches.add(TRACKS, to_table(TRACKS, [Track("isrc:A", "Song", ("Band",), isrc="A")]), now=NOW)
    for day, outcome in enumerate(("unknown", "disagrees", "found")):
        track_id = "isrc:A" if outcome == "found" else None
        answer = Resolution("band", "song", "deezer", outcome, NOW + timedelta(days=day), track_id)
        batches.add(RESOLUTIONS, to_table(RESOLUTIONS, [answer]), now=NOW + timedelta(days=day))
        expected = PastMiss(outcome, NOW + timedelta(days=day), min(day + 1, 2))
        assert rows.past(["band", "other"]) == {(("band", "song"), "deezer"): expected}
    assert rows.unresolved() == []
    assert PersonErasure(migrated).own_names("ada") == set()
