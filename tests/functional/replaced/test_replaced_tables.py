"""What others added to tables that a rebuild or a move to partitions replaces is kept, or the work is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from mood_core.errors import ConfigError, StoreBusy
from mood_core.lake import Lake, open_lake
from mood_core.lake.schema import LISTENS, USERS
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.upkeep import replacing, second_schema
from mood_core.usecases.batches import Batches
from mood_core.usecases.upkeep.partition_database import partition_database
from mood_core.usecases.upkeep.rebuild import rebuild
from tests.store_data import NOW, listens, query, users

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database(url: str, lake: Lake) -> Iterator[Database]:
    with closing(open_database(url)) as opened:
        _add(Batches(lake, opened))
        yield opened


def _add(batches: Batches) -> None:
    batches.add(USERS, users(("ada", "UTC"), ("grace", "UTC")), now=NOW)
    batches.add(LISTENS, listens([("ada", NOW, "t1"), ("grace", NOW, "t2")]), now=NOW)


_ADDED = {
    "materialized view": "CREATE MATERIALIZED VIEW mine AS SELECT count(*) FROM listens",
    "function": "CREATE FUNCTION mine() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM listens; END",
    "policy": "CREATE POLICY mine ON listens USING (false)",
    "publication": "CREATE PUBLICATION mine FOR TABLE listens",
    "statistics": "CREATE STATISTICS mine ON track_key, user_key FROM listens",
    "column mine of listens": "ALTER TABLE listens ADD COLUMN mine INTEGER",
    "foreign table": "CREATE TABLE theirs (b TEXT CONSTRAINT mine REFERENCES users (user_id))",
    "table of that type": "CREATE TABLE mine (kept listens)",
    "inherited table": "CREATE TABLE mine () INHERITS (tracks)",
    "function of that type": "CREATE FUNCTION mine() RETURNS SETOF listens LANGUAGE sql AS 'SELECT * FROM listens'",
    "rule": "CREATE RULE mine AS ON DELETE TO listens DO INSTEAD NOTHING",
}


@pytest.mark.filterwarnings("ignore:Did not recognize type 'listens'")
@pytest.mark.parametrize("kind", _ADDED)
def test_what_a_new_table_would_lose_is_refused_after_a_kill(database: Database, lake: Lake, kind: str) -> None:
    before = query(database, "SELECT count(*) FROM listens")

    def dies(done: int, _: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(lake, database, now=NOW, progress=dies)
    with database.write() as connection:
        connection.execute(text(_ADDED[kind]))
    for _ in range(2):
        with pytest.raises(ConfigError, match="mine"):
            rebuild(lake, database, now=NOW)
    assert query(database, "SELECT count(*) FROM listens") == before
    if kind in ("column mine of listens", "foreign table", "inherited table"):  # a move replaces fewer tables
        return
    with pytest.raises(ConfigError, match="mine"):
        partition_database(database, 3, now=NOW)


_KEPT = """
    COMMENT ON COLUMN listens.ms_played IS 'heard';
    ALTER TABLE moods SET (fillfactor = 90, autovacuum_enabled = false, toast.autovacuum_enabled = false);
    ALTER TABLE moods REPLICA IDENTITY FULL;
    ALTER INDEX tracks_track_id_key SET (fillfactor = 70);
    ALTER TABLE tracks ALTER COLUMN album SET STATISTICS 300, ALTER COLUMN album SET (n_distinct = 500),
        ALTER COLUMN name SET STORAGE EXTERNAL, ADD CONSTRAINT short CHECK (duration_ms < 1000000000),
        ADD CONSTRAINT once UNIQUE (track_id, kind), DISABLE TRIGGER tracks_deleted;
    CREATE UNIQUE INDEX named ON listens USING btree (user_key, track_key, played_at_ms) WHERE (ms_played > 0);
    CREATE TABLE audited (number INTEGER UNIQUE);
    ALTER TABLE _mood_days ADD COLUMN dropped INTEGER;
    ALTER TABLE _mood_days DROP COLUMN dropped;
    ALTER TABLE tracks ADD CONSTRAINT known FOREIGN KEY (duration_ms) REFERENCES audited (number) NOT VALID;
    CREATE FUNCTION audit() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN INSERT INTO audited VALUES (1); RETURN NEW; END';
    CREATE TRIGGER audit AFTER INSERT ON listens FOR EACH ROW EXECUTE FUNCTION audit();
    CREATE TRIGGER audit AFTER INSERT ON tracks FOR EACH ROW EXECUTE FUNCTION audit();
    ALTER TABLE tracks ENABLE ALWAYS TRIGGER audit;
    ALTER TABLE gaps ENABLE ROW LEVEL SECURITY;
"""

_CATALOGUE = """
    SELECT c.relname, c.relkind::text, c.reloptions::text, t.reloptions::text, c.relreplident::text,
        c.relrowsecurity::text
    FROM pg_class AS c LEFT JOIN pg_class AS t ON c.reltoastrelid = t.oid WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT c.relname, a.attname, a.attstattarget::text, a.attstorage::text, a.attoptions::text,
        col_description(c.oid, a.attnum)
    FROM pg_class AS c INNER JOIN pg_attribute AS a ON c.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text, '', '' FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT tgrelid::regclass::text, tgname, tgenabled::text, pg_get_triggerdef(oid), '', '' FROM pg_trigger
    WHERE NOT tgisinternal
    UNION ALL
    SELECT tablename, indexname, indexdef, '', '', '' FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1, 2, 3, 4"""


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_rebuild_keeps_all_that_the_catalogue_has(database: Database, lake: Lake, partitions: int) -> None:
    partition_database(database, partitions, now=NOW)
    with database.write() as connection:
        connection.exec_driver_sql(_KEPT if partitions == 1 else _KEPT.replace("NOT VALID", ""))
    before = query(database, _CATALOGUE)
    rebuild(lake, database, now=NOW)
    assert query(database, _CATALOGUE) == before
    assert query(database, "SELECT * FROM audited") == []  # no trigger of others has seen the loaded rows
    assert query(database, "SELECT count(*) FROM listens") == [(2,)]


def test_a_move_to_partitions_keeps_all_grants(database: Database) -> None:
    with database.write() as connection:
        for granted in ("SELECT ON mood_history", "SELECT (user_key) ON listens", "SELECT (day, mood) ON mood_daily"):
            connection.execute(text(f"GRANT {granted} TO PUBLIC"))
    shown = """
        SELECT c.relname, '', x.privilege_type FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS x
        WHERE c.relname IN ('listens', 'mood_daily', 'mood_history') AND x.grantee = 0
        UNION ALL
        SELECT c.relname, a.attname, x.privilege_type FROM pg_class AS c
        INNER JOIN pg_attribute AS a ON c.oid = a.attrelid
        CROSS JOIN aclexplode(a.attacl) AS x
        WHERE c.relname IN ('listens', 'mood_daily', 'mood_history') AND x.grantee = 0 ORDER BY 1, 2"""
    before = query(database, shown)  # those of everybody: roles belong to the whole server
    assert len(before) == 4
    assert partition_database(database, 3, now=NOW)
    assert query(database, shown) == before


def _rebuilds(database: Database, lake: Lake) -> None:
    rebuild(lake, database, now=NOW)


def _divides(database: Database, _: Lake) -> None:
    partition_database(database, 3, now=NOW)


@pytest.mark.parametrize("work", [_rebuilds, _divides])
def test_readers_do_not_wait_behind_a_long_transaction(
    database: Database, lake: Lake, monkeypatch: pytest.MonkeyPatch, work: Callable[[Database, Lake], None]
) -> None:
    monkeypatch.setattr(replacing, "_PAUSE_S", 0.5)
    monkeypatch.setattr(replacing, "_ATTEMPTS", 2)
    with database.read() as long, ThreadPoolExecutor(1) as threads:
        long.execute(text("SELECT count(*) FROM mood_history"))
        done = threads.submit(work, database, lake)
        reads = 0
        while not done.done():
            assert query(database, "SELECT count(*) FROM mood_history") == [(2,)]
            reads += 1
        assert reads > 1
        with pytest.raises(StoreBusy, match="it continues"):
            done.result()
    work(database, lake)
    assert query(database, "SELECT count(*) FROM mood_history") == [(2,)]


def test_a_schema_of_others_is_not_taken(database: Database, lake: Lake) -> None:
    with database.write() as connection:
        schema = connection.execute(text("SELECT current_schema()")).scalar_one()
        connection.execute(text(f'CREATE SCHEMA "{schema}_rebuild" CREATE TABLE notes (a INTEGER)'))
    with pytest.raises(ConfigError, match="rename"):
        rebuild(lake, database, now=NOW)
    second_schema.discard(database)
    assert query(database, "SELECT count(*) FROM pg_tables WHERE tablename = 'notes'") == [(1,)]
    with database.write() as connection:
        connection.execute(text(f'DROP SCHEMA "{schema}_rebuild" CASCADE'))


@pytest.mark.parametrize(
    ("name", "works"), [("s" * 63, False), ("my moods", True), ("we%ird 'S\\ch", True), ("Ü" * 27, True)]
)
def test_any_name_of_a_schema_is_rebuilt_or_refused(url: str, tmp_path: Path, name: str, works: bool) -> None:
    with closing(open_database(url)) as outside, outside.write() as connection:
        connection.exec_driver_sql(f'CREATE SCHEMA "{name}"', execution_options={"no_parameters": True})
    escaped = f'"{name}"'.replace("\\", "\\\\").replace(" ", "\\ ")
    own = make_url(url).update_query_dict({"options": f"-csearch_path={escaped}"}).render_as_string(hide_password=False)
    lake = open_lake(str(tmp_path / "other"))
    with closing(open_database(own)) as database:
        migrate(database, now=NOW)
        _add(Batches(lake, database))
        before = query(database, "SELECT count(*) FROM listens")
        for _ in range(2):
            if works:
                assert rebuild(lake, database, now=NOW).files
            else:
                with pytest.raises(ConfigError, match="shorter"):
                    rebuild(lake, database, now=NOW)
        assert query(database, "SELECT count(*) FROM listens") == before
