"""The homes that programs are killed in: accounts, two months of nights in small files, an old database, an export."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, MetaData, text

from mood_core.app.workspace import Workspace
from mood_core.classifier import bundled_folder
from mood_core.classifier.model_card import read_card, write_card
from mood_core.domain.records import from_ms
from mood_core.store import Database, open_database
from mood_core.store.engine import migrate
from mood_core.store.engine.sql_files import sql_files
from standin import StandIn
from tests.nights import connect_listeners, one_night, settings_for, workspace_of
from tests.sealed import SETTINGS, without
from tests.store_data import small_history

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
"""When the programs run."""

_NIGHTS = [datetime(2026, month, day, 3, 30, tzinfo=UTC) for month in (9, 10) for day in (3, 4, 6, 9, 10)]
_LAST_NIGHT = NOW - timedelta(days=1)


def standin_for_crashes() -> StandIn:
    """A stand-in whose clock is moved to each night, and then stands still at :data:`NOW`."""
    return StandIn(seed=11, listeners=3, now=_NIGHTS[0], frozen=True)


def environment(home: Path, standin: StandIn, database_url: str | None) -> dict[str, str]:
    """The settings of ``home``.

    Its app has a secret, so that refresh tokens do not rotate: a rotation whose answer is never stored would end the
    permission, which no client can help.
    """
    own = settings_for(standin) | {"MOODLOG_HOME": str(home), "MOODLOG_SPOTIFY_CLIENT_SECRET": "of the tests"}
    return own | ({"MOODLOG_DATABASE_URL": database_url} if database_url else {})


@contextmanager
def settings_of(values: Mapping[str, str]) -> Iterator[None]:
    """``values`` as the only settings."""
    with patch.dict(os.environ, {**without(os.environ, SETTINGS), **values}, clear=True):
        yield


def heard(standin: StandIn) -> None:
    """Three accounts, and nights of two months in many small files; the last one was yesterday."""
    standin.clock.set(_NIGHTS[0])
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin, rotates=False)
    for night in (*_NIGHTS, _LAST_NIGHT):
        standin.clock.set(night)
        with workspace_of(standin) as workspace:
            one_night(workspace)
    standin.clock.set(NOW)


def old() -> None:
    """A database of the first schema with rows in its tables, and the lake that goes with it."""
    with Workspace(now=lambda: NOW) as workspace, tempfile.TemporaryDirectory() as folder:
        latest, first = open_database(f"sqlite:///{folder}/latest.db"), open_database(workspace.settings.database)
        migrate.migrate(latest, now=NOW)
        small_history(workspace.lake, latest)
        files = sql_files("migrations", first.dialect)[:1]
        with patch.object(migrate, "sql_files", lambda kind, _: files if kind == "migrations" else []):
            migrate.migrate(first, now=NOW)
        _copy(latest, first)
        latest.close()
        first.close()


def _copy(latest: Database, first: Database) -> None:
    """Every row of ``latest`` that has a place in the first schema."""
    tables, known = MetaData(), MetaData()
    with first.write() as target, latest.read() as source:
        tables.reflect(target)
        known.reflect(source)
        for table in sorted(tables.sorted_tables, key=lambda table: table.name == "listens"):  # which refers by trigger
            now = known.tables.get(table.name, known.tables.get(f"_{table.name}"))
            if table.name in ("_schema_migrations", "mood_days") or now is None:
                continue
            shared = [column.name for column in table.columns if column.name in now.columns]
            found = source.execute(text(f"SELECT {', '.join(shared)} FROM {now.name}")).mappings()  # noqa: S608
            if rows := [dict(row) for row in found]:
                target.execute(table.delete())  # what the migration put there itself
                target.execute(table.insert(), rows)
        target.execute(tables.tables["mood_days"].insert(), list(_narrow_days(source)))


def _narrow_days(source: Connection) -> Iterator[dict[str, Any]]:
    """The daily counts with a row a mood, as the first schema had them."""
    for row in source.execute(text("SELECT * FROM _mood_days")).mappings():
        for mood in ("Calm", "Energetic", "Happy", "Sad", "Unlabelled"):
            if listens := row[mood.lower()]:
                uncertain = row.get(f"uncertain_{mood.lower()}", 0)
                key = {"user_key": row["user_key"], "day": row["day"], "mood": mood}
                yield {**key, "listens": listens, "uncertain_listens": uncertain}


def another_model(folder: Path) -> Path:
    """A copy of the bundled model under another version."""
    shutil.copytree(bundled_folder(), folder)
    write_card(dataclasses.replace(read_card(folder), version="next"), folder)
    return folder


def export_of(user_id: str, path: Path) -> Path:
    """An account-data export: plays that were polled, plays that were not, and plays by name alone."""
    with Workspace() as workspace, workspace.database.read() as connection:
        query = (
            "SELECT l.played_at_ms, t.track_id, t.name, t.artists FROM listens AS l"
            " JOIN tracks AS t ON t.track_key = l.track_key JOIN users AS u ON u.user_key = l.user_key"
            " WHERE u.user_id = :id ORDER BY l.played_at_ms, t.track_id"
        )
        plays = [tuple(row) for row in connection.execute(text(query), {"id": user_id})]
    extended = [_play(at + shift, *track) for at, *track in plays for shift in (0, 40_000_000)]
    by_name = [_by_name(at - 90_000_000, *track[1:]) for at, *track in plays[::3]]
    unknown = [_by_name(at, f"Unheard {number}", "Nobody") for number, (at, *_) in enumerate(plays[:40])]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MyData/Streaming_History_Audio_2026_0.json", json.dumps(extended))
        archive.writestr("MyData/StreamingHistory_music_0.json", json.dumps([*by_name, *unknown]))
    return path


def _play(at_ms: int, track_id: str, name: str, artists: str) -> dict[str, Any]:
    return {
        "ts": f"{from_ms(at_ms):%Y-%m-%dT%H:%M:%SZ}",
        "ms_played": 180_000,
        "spotify_track_uri": f"spotify:track:{track_id}",
        "master_metadata_track_name": name,
        "master_metadata_album_artist_name": artists.split(", ", maxsplit=1)[0],
        "master_metadata_album_album_name": "Collected",
    }


def _by_name(at_ms: int, name: str, artists: str) -> dict[str, Any]:
    ended = f"{from_ms(at_ms):%Y-%m-%d %H:%M}"
    return {"endTime": ended, "artistName": artists.split(", ", maxsplit=1)[0], "trackName": name, "msPlayed": 180_000}
