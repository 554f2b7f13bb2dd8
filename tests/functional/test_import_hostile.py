"""Hostile and wholly damaged exports are refused in one sentence; of a damaged file, nothing is kept."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Gap
from mood_core.exports.limits import Limits
from mood_core.exports.rows import RowStream
from mood_core.exports.sources import JsonFile
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import GAPS
from mood_core.store.queries.import_rows import ImportRows
from tests.exports import content, episode, extended, music, of_2021, unpacked, zipped

NAME = "Streaming_History_Audio_2024.json"
ROWS = [extended(1), of_2021(extended(2)), episode(1), music("Song"), extended(3, "2024-03-02T10:00:00Z")]


@pytest.fixture
def run(home: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(main, ["import", "--timezone", "UTC", *map(str, words)])


def _refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert "192.0.2.77" not in result.stderr
    for word in words:
        assert word in result.stderr
    _nothing_kept()


def _nothing_kept() -> None:
    with Workspace() as workspace:
        assert workspace.accounts.all() == []
        assert not Path(workspace.lake.root).exists()
        assert not workspace.settings.quarantine.exists()


def _bomb(path: Path) -> Path:
    return zipped(path, {NAME: b"[" + b" " * 40_000_000 + b"]"})


def _encrypted(path: Path) -> Path:
    data = bytearray(zipped(path, {NAME: ROWS}).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


def _link(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(NAME)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return path


def _states_4_gib(path: Path, size: int = 2**32 - 2) -> Path:
    data = bytearray(zipped(path, {NAME: ROWS}).read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, size)
    path.write_bytes(data)
    return path


def _twice(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(NAME, content(ROWS))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(NAME, content(ROWS[:-1]))
    return path


def _in_western_european(path: Path) -> Path:
    return zipped(path, {NAME: '[{"ip_addr": "192.0.2.77", "trackName": "Caf\u00e9"}]'.encode("cp1252")})


def _whole(files: dict[str, Any]) -> Callable[[Path], Path]:
    return lambda path: zipped(path, {NAME: ROWS} | files)


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a bomb": (_bomb, "MOODLOG_IMPORT_MAX_RATIO"),
    "an encrypted member": (_encrypted, "is encrypted"),
    "a symbolic link": (_link, "is a symbolic link"),
    "a stated size of 4 GiB": (_states_4_gib, "MOODLOG_IMPORT_MAX_RATIO"),
    "a stated size that is too small": (lambda path: _states_4_gib(path, 100), "is damaged"),
    "two members of one name": (_twice, "unpack the right one"),
    "another encoding than UTF-8": (_in_western_european, "invalid bytes in UTF8 string.)"),
    "a path to the parent": (_whole({"../../x.json": ROWS}), "points outside"),
    "a path to the parent of what is not read": (_whole({"../x.pdf": b""}), "points outside"),
    "a path with backslashes": (_whole({"a\\..\\..\\x.json": ROWS}), "points outside"),
    "a path from the root": (_whole({"/etc/x.json": ROWS}), "points outside"),
    "a path with a drive": (_whole({"C:/x.json": ROWS}), "points outside"),
    "a deep path": (_whole({"a/" * 40 + "x.json": ROWS}), "folders deep"),
    "a name of many lines": (_whole({"x\ny\x1b[2J.json": ROWS}), "cannot be displayed"),
    "a zip in a zip": (_whole({"inner.zip": b"PK"}), "zip in a zip"),
    "no zip": (lambda path: unpacked(path.parent, {path.name: b"PK\x03\x04 no zip"}) / path.name, "not a complete zip"),
    "an empty zip": (lambda path: zipped(path, {}), "no listening history"),
    "no history": (lambda path: zipped(path, {"Userdata.json": {}}), "no listening history"),
    "no list": (lambda path: zipped(path, {NAME: {"rows": ROWS}}), "is not a list of plays"),
    "two lists": (lambda path: zipped(path, {NAME: content(ROWS) * 2}), "is damaged"),
    "nothing": (lambda path: zipped(path, {NAME: b""}), "is damaged"),
    "UTF-16": (lambda path: zipped(path, {NAME: json.dumps(ROWS).encode("utf-16")}), "UTF-16"),
    "no UTF-8": (lambda path: zipped(path, {NAME: content(ROWS).replace(b"Song", b"So\xffg")}), "is damaged"),
    "a row without end": (
        lambda path: unpacked(path.parent, {NAME: b'[{"ts": "' + b"x" * 3_000_000 + b'"}]'}) / NAME,
        "MOODLOG_IMPORT_MAX_ROW_BYTES",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_exports_are_refused_in_one_sentence(run: Callable[..., Result], tmp_path: Path, case: str) -> None:
    make, word = HOSTILE[case]
    path = make(tmp_path / "my_spotify_data.zip")
    _refused(run(path), word)
    _refused(run(path, "--dry-run"), word)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("MAX_BYTES", "500"), ("MAX_FILES", "1"), ("MAX_RATIO", "1"), ("MAX_ROW_BYTES", "1000"), ("MAX_DEPTH", "1")],
)
def test_every_limit_is_a_setting(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    rows = [extended(1, master_metadata_album_album_name=Random(1).randbytes(400_000).hex()), extended(2)]
    path = zipped(tmp_path / "x.zip", {f"MyData/{NAME}": rows * 2, "MyData/Userdata.json": {}})
    monkeypatch.setenv(f"MOODLOG_IMPORT_{setting}", value)
    _refused(run(path), f"MOODLOG_IMPORT_{setting}")
    monkeypatch.delenv(f"MOODLOG_IMPORT_{setting}")
    assert run(path).exit_code == 0


DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "cut": content([extended(9), extended(8, "2024-03-09T10:00:00Z")])[:-30],
    "cut after a malformed row": content([{"ts": 5, "ms_played": 1}, extended(9)])[:-30],
    "no list": b'{"ts": 1}',
    "UTF-16": json.dumps([extended(9)]).encode("utf-16"),
    "a row without end": b'[{"ts": "' + Random(1).randbytes(1_500_000).hex().encode() + b'"}]',
    "an early form": content([music("Song 1", "2024-03-09 10:00")])[:-5],
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_stops_no_other_file(run: Callable[..., Result], tmp_path: Path, damage: str) -> None:
    bad = "StreamingHistory_music_0.json"
    path = zipped(tmp_path / "x.zip", {NAME: ROWS, bad: DAMAGED[damage]})
    for expected in ({"imported": 3, "unmatched": 1}, {"already_imported": 4}):
        done = run(path, "--json")
        report = json.loads(done.stdout)
        assert (done.exit_code, report["rows_read"], list(report["damaged_files"])) == (2, len(ROWS), [bad])
        assert bad in report["damaged_files"][bad]
        assert bad in done.stderr
        assert expected.items() <= report["outcomes"].items()
        assert report["quarantine"] is None
    shown = run(path, "--dry-run")
    assert (shown.exit_code, report["damaged_files"][bad] in shown.stderr) == (2, True)
    whole = zipped(tmp_path / "whole.zip", {NAME: ROWS, bad: [extended(9, "2024-03-09T10:00:00Z")]})
    assert json.loads(run(whole, "--json").stdout)["outcomes"]["imported"] == 1


def test_a_file_or_zip_that_cannot_be_read_stops_no_other_file(run: Callable[..., Result], tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "given", {NAME: [extended(1)], "locked.json": [extended(2)]})
    whole = zipped(folder / "whole.zip", {"endsong_0.json": [extended(3)]})
    (folder / "cut.zip").write_bytes(whole.read_bytes()[:-30])
    with (folder / "sparse.json").open("wb") as sparse:
        sparse.truncate(5_000_000)
    (folder / "locked.json").chmod(0)
    is_root = os.access(folder / "locked.json", os.R_OK)
    done = run(folder, "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 2
    assert set(report["damaged_files"]) == {"cut.zip", "sparse.json"} | (set() if is_root else {"locked.json"})
    assert report["outcomes"]["imported"] == 3 if is_root else 2


def test_an_export_with_a_damaged_file_fills_no_gap(run: Callable[..., Result], tmp_path: Path) -> None:
    assert run(zipped(tmp_path / "first.zip", {NAME: [extended(5)]}), "--user", "Ada").exit_code == 0
    with Workspace() as workspace:
        user_id = workspace.accounts.all()[0].user_id
        days = [datetime(2024, 3, day, tzinfo=UTC) for day in (4, 5, 6)]
        gap = Gap(user_id, days[0], days[1], days[2])
        workspace.batches.add(GAPS, to_table(GAPS, [gap]), now=workspace.now())
    around = [extended(1, "2024-03-02T10:00:00Z"), extended(2, "2024-03-09T10:00:00Z")]
    path = zipped(tmp_path / "x.zip", {NAME: around, "endsong_1.json": b""})
    assert json.loads(run(path, "--user", "Ada", "--json").stdout)["gaps_filled"] == 0
    path = zipped(tmp_path / "y.zip", {NAME: around})
    assert json.loads(run(path, "--user", "Ada", "--json").stdout)["gaps_filled"] == 1


def test_links_in_folders_are_not_followed(run: Callable[..., Result], tmp_path: Path) -> None:
    elsewhere = unpacked(tmp_path / "elsewhere", {NAME: [extended(9)]})
    folder = unpacked(tmp_path / "folder", {NAME: [extended(1)], "._x.json": b"\x00", ".hidden/x.json": b"["})
    (folder / "link.json").symlink_to(elsewhere / NAME)
    (folder / "linked").symlink_to(elsewhere, target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    report = json.loads(run(folder, "--json").stdout)
    assert report["outcomes"] == {"imported": 1}


def test_what_no_database_takes_is_kept_from_it(run: Callable[..., Result], tmp_path: Path) -> None:
    rows = [
        extended(1, master_metadata_track_name="a\0b", master_metadata_album_album_name="\0"),
        extended(2, master_metadata_track_name="x" * 100_000, master_metadata_album_artist_name=["no", "text"]),
        music("a\0c", artist="\0"),
        music("a\0d"),
    ]
    path = zipped(tmp_path / "x.zip", {NAME: json.dumps(rows).replace("Song", "\\ud800Song")})
    report = json.loads(run(path, "--json").stdout)
    assert report["outcomes"] == {"imported": 2, "unmatched": 2}
    with Workspace() as workspace, workspace.database.read() as connection:
        names = [row[0] for row in connection.exec_driver_sql("SELECT name FROM tracks ORDER BY track_id")]
    assert names == ["a\N{REPLACEMENT CHARACTER}b", "x" * 1000]


@pytest.mark.parametrize("value", ["9" * 20, "-9223372036854775809", "NaN", "-Infinity", "1e400", "1" * 5_000, "None"])
@pytest.mark.parametrize("name", ["ms_played", "offline_timestamp"])
def test_a_value_that_no_parser_reads_stops_no_other_row(
    run: Callable[..., Result], tmp_path: Path, value: str, name: str
) -> None:
    """Rows before and after it are kept; its own is malformed if the value is needed. Titles stay as they are."""
    title = 'a ": NaN, b'
    rows = [extended(number, f"2024-03-02T10:{number:02}:00Z") for number in range(30)]
    rows[20] |= {name: "here", "master_metadata_track_name": title}
    text = json.dumps(rows).replace('"here"', value)
    other = b'[{"endTime": NaN, "artistName": "A", "trackName": "T"}]'
    folder = unpacked(tmp_path / "given", {NAME: text.encode(), "StreamingHistory0.json": other})
    done = run(folder, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["outcomes"] == {"imported": 29 + (name != "ms_played"), "malformed": 1 + (name == "ms_played")}
    with Workspace() as workspace:
        titles = {row[1] for row in ImportRows(workspace.database).track_names()}
    assert (title in titles) is (name != "ms_played")


def test_lone_surrogates_are_replaced_and_reported(run: Callable[..., Result], tmp_path: Path) -> None:
    rows = [extended(1, master_metadata_track_name="Song \udc00"), extended(2, "2024-03-02T10:00:00Z")]
    path = zipped(tmp_path / "x.zip", {NAME: json.dumps(rows)})
    done = run(path)
    assert done.exit_code == 0, done.output
    assert "1 broken character" in done.stderr
    with Workspace() as workspace, workspace.database.read() as connection:
        names = [row[0] for row in connection.exec_driver_sql("SELECT name FROM tracks ORDER BY track_id")]
    assert names == ["Song \N{REPLACEMENT CHARACTER}", "Song 2"]


units = st.sampled_from(["\ud83d", "\ude00", "\udc00", "\\", "u", "d", "8", '"', "x", "\u0041"])


@given(st.lists(units, max_size=12).map("".join), st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_any_escapes_are_read_as_python_reads_them(text: str, padding: int) -> None:
    """Even where a block of the file ends within an escape; lone surrogates become U+FFFD."""
    content = b" " * (2**18 - padding) + json.dumps([{"ts": text, "ms_played": 1}]).encode()
    expected = json.loads(content)[0]["ts"].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    with TemporaryDirectory() as folder:
        path = Path(folder, NAME)
        path.write_bytes(content)
        stream = RowStream(JsonFile(NAME, len(content), path), Limits())
        (row,) = list(stream)
    assert row["ts"] == expected
    assert stream.repaired == expected.count("\N{REPLACEMENT CHARACTER}")


floats = st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**63, 2**63 - 1) | floats | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(sorted({*extended(1), *music("S"), "username", "podcastName", "audiobookName", "x"}))


@st.composite
def wrong_rows(draw: st.DrawFn) -> Any:
    """A row that Spotify might have sent, with some of its values replaced by anything, or anything at all."""
    row = draw(st.sampled_from(ROWS))
    if draw(st.integers(0, 5)) == 0:
        return draw(anything)
    return {**row, **draw(st.dictionaries(fields, anything, max_size=4))}


@pytest.mark.slow
@given(st.lists(wrong_rows(), max_size=12))
@settings(max_examples=150, deadline=None)
def test_rows_of_any_types_are_counted_or_quarantined(rows: list[Any]) -> None:
    report = _in_a_new_home({NAME: json.dumps(rows)})
    assert isinstance(report, dict)
    assert report["rows_read"] == len(rows) == sum(report["outcomes"].values())
    malformed = report["outcomes"].get("malformed", 0)
    assert len(report["quarantined"]) == malformed


packed = io.BytesIO()
with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as _archive:
    _archive.writestr(f"MyData/{NAME}", content(ROWS * 40))
    _archive.writestr("MyData/StreamingHistory0.json", content([music("Song")] * 40))
ZIP = packed.getvalue()
JSON = content(ROWS * 40)
changes = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6)


@pytest.mark.slow
@given(st.sampled_from([ZIP, JSON]), changes, st.floats(0, 1))
@example(JSON, [(0.0, 0x7B)], 1.0)
@example(b"[" * 200_000, [], 1.0)
@example(b"[[]" * 80_000 + b"]" * 80_000, [], 1.0)
@example(b'{"a":' * 200_000, [], 1.0)
@example(b"[" * 200_000 + b"]" * 200_000, [], 1.0)
@example(b'[{"ts": ' + b"[" * 100_000 + b"]" * 100_000 + b', "ms_played": 1}]', [], 1.0)
@example(b'[{"ts": "2024-03-01T10:00:42Z", "ms_played": 1' + b"0" * 5_000 + b"}]", [], 1.0)
@settings(max_examples=250, deadline=None)
def test_bytes_that_were_changed_are_counted_whole_or_refused(
    whole: bytes, flips: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(whole[: round(len(whole) * kept)])
    for place, value in flips:
        if data:
            data[int(place * len(data))] ^= value
    name = "x.zip" if whole == ZIP else NAME
    report = _in_a_new_home({name: bytes(data)})
    if isinstance(report, dict):
        assert report["rows_read"] == sum(report["outcomes"].values())


_TEMPLATE: list[bytes] = []


def _in_a_new_home(files: dict[str, Any]) -> dict[str, Any] | str:
    """The report of importing ``files`` where nothing was before; or the sentence of a refusal, which keeps nothing."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        home = Path(folder, "home")
        home.mkdir()
        patch.setenv("MOODLOG_HOME", str(home))
        _with_database(home)
        path = unpacked(Path(folder, "export"), files)
        done = CliRunner().invoke(main, ["import", "--timezone", "UTC", "--json", *map(str, path.iterdir())])
        if done.exit_code and not done.stdout:
            _refused(done)
            return done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        quarantine = Path(report["quarantine"]).read_text("ascii") if report["quarantine"] else ""
        return report | {"quarantined": [json.loads(line) for line in quarantine.splitlines()]}


def _with_database(home: Path) -> None:
    """Put an empty, migrated database into ``home``; migrating each time would take most of the time."""
    if not _TEMPLATE:
        with Workspace() as workspace:
            assert workspace.accounts.all() == []
        _TEMPLATE.append((home / "moodlog.db").read_bytes())
        shutil.rmtree(home)
        home.mkdir()
    (home / "moodlog.db").write_bytes(_TEMPLATE[0])


def test_of_several_people_one_must_be_named(run: Callable[..., Result], tmp_path: Path) -> None:
    for number, name in enumerate(("Ada", "Grace")):
        run(zipped(tmp_path / f"{number}.zip", {NAME: [extended(number)]}), "--user", name)
    done = run(zipped(tmp_path / "x.zip", {NAME: [extended(3)]}))
    assert done.exit_code == 2
    assert "there are several people; name the one with --user ID" in done.output
