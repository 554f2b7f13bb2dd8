"""Many rows are inserted by one statement."""

from __future__ import annotations

import pyarrow as pa

from mood_core.store import Database
from mood_core.store.engine.bulk import insert_rows
from tests.store_data import query


def test_a_table_with_an_empty_part_is_inserted_whole(migrated: Database) -> None:
    none = pa.table(
        {"track_key": pa.array([], pa.int64()), "place": pa.array([], pa.int64()), "artist": pa.array([], pa.string())}
    )
    some = pa.table({"track_key": [1], "place": [1], "artist": ["a"]})
    with migrated.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO tracks (track_key, track_id, name, artists, kind) VALUES (1, 't', 't', 'a', 'track')"
        )
        assert insert_rows(connection, "load_artist_credits", pa.concat_tables([none, some, none])) == 1
    assert query(migrated, "SELECT track_key, place, artist FROM artist_credits") == [(1, 1, "a")]
