"""The catalogue on object storage, by S3's own protocol against a small server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from mood_core.domain.records import Track
from mood_core.errors import InputError, Unavailable
from mood_core.features.catalog.source import CatalogSource
from mood_core.tabular.files import find_files

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI"


class _Store(ThreadingHTTPServer):
    """Objects of one bucket by key, and how many bytes of them were read."""

    daemon_threads = True

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.bytes_read = 0
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: _Store

    def do_HEAD(self) -> None:
        content = self.server.objects.get(self._key())
        self._send(404 if content is None else 200, b"", length=len(content or b""))

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "list-type" in query:
            self._send(200, self._listing(query.get("prefix", [""])[0], query.get("delimiter", [""])[0]))
            return
        content = self.server.objects.get(self._key())
        if content is None:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        span = self.headers.get("Range", "")
        start, _, end = span.removeprefix("bytes=").partition("-") if span else ("0", "", "")
        part = content[int(start) : int(end) + 1 if end else None]
        self.server.bytes_read += len(part)
        self._send(206 if span else 200, part, span=f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}")

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]

    def _listing(self, prefix: str, delimiter: str) -> bytes:
        keys = [key for key in sorted(self.server.objects) if key.startswith(prefix)]
        folders = {prefix + key[len(prefix) :].split(delimiter)[0] + delimiter for key in keys} if delimiter else set()
        folders = {folder for folder in folders if folder not in keys and any(k.startswith(folder) for k in keys)}
        shown = [key for key in keys if not any(key.startswith(folder) for folder in folders)]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.server.objects[key])}</Size>"
            "<LastModified>2026-11-01T00:00:00.000Z</LastModified></Contents>"
            for key in shown
        )
        common = "".join(f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in sorted(folders))
        count = len(shown) + len(folders)
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>false</IsTruncated><KeyCount>{count}</KeyCount>{contents}{common}</ListBucketResult>"
        ).encode()

    def _send(self, status: int, body: bytes, *, length: int | None = None, span: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Last-Modified", "Sun, 01 Nov 2026 00:00:00 GMT")
        self.send_header("ETag", '"x"')
        if span and status == 206:
            self.send_header("Content-Range", span)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def serving() -> Iterator[tuple[_Store, str]]:
    """A store, and the address of its bucket."""
    store = _Store()
    thread = threading.Thread(target=store.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield store, f"s3://AKIAKEY:{SECRET}@bucket/{{key}}?scheme=http&endpoint_override=127.0.0.1:{store.server_port}"
    finally:
        store.shutdown()
        thread.join()
        store.server_close()


def table(first: int, count: int) -> pa.Table:
    numbers = range(first, first + count)
    names = ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence")
    return pa.table(
        {
            "track_id": [f"{n:022d}" for n in numbers],
            "loudness": [-7.0] * count,
            "tempo": [120.0 + n % 50 for n in numbers],
        }
        | {name: [round(n % 97 / 97, 3) for n in numbers] for name in names}
    )


def as_bytes(made: pa.Table, tmp_path: Path, kind: str) -> bytes:
    path = tmp_path / f"made.{kind}"
    if kind == "csv":
        arrow_csv.write_csv(made, path)
    else:
        parquet.write_table(made, path, row_group_size=2000, use_dictionary=False)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_and_folders_on_object_storage_are_read(kind: str, tmp_path: Path) -> None:
    with serving() as (store, address):
        store.objects[f"music/a.{kind}"] = as_bytes(table(0, 50), tmp_path, kind)
        store.objects[f"music/deep/b.{kind}"] = as_bytes(table(0, 80), tmp_path, kind)
        store.objects["music/readme.txt"] = b"hello"
        source = CatalogSource([address.format(key="music")], tmp_path / "cache")
        found = source.fetch([Track(f"{n:022d}", "", ("",)) for n in (3, 70, 90)], AT).found
    assert [each.source for each in found] == [f"catalog:a.{kind}", f"catalog:b.{kind}"]


def test_of_a_large_parquet_file_little_is_read(tmp_path: Path) -> None:
    with serving() as (store, address):
        content = as_bytes(table(0, 100_000), tmp_path, "parquet")
        store.objects["big.parquet"] = content
        source = CatalogSource([address.format(key="big.parquet")], tmp_path / "cache")
        source.prepare()
        store.bytes_read = 0
        assert len(source.fetch([Track(f"{n:022d}", "", ("",)) for n in (31, 77_777)], AT).found) == 2
        assert store.bytes_read < len(content) / 5


def test_a_secret_in_the_address_is_never_shown(tmp_path: Path) -> None:
    with serving() as (store, address):
        store.objects["a.csv"] = b"id,energy\n1,2\n"
        with pytest.raises(InputError) as wrong:
            CatalogSource([address.format(key="a.csv")], tmp_path / "cache").prepare()
        with pytest.raises(InputError) as missing:
            find_files([address.format(key="nothing.csv")])
    for error in (wrong, missing):
        assert SECRET not in error.value.message
        assert "s3://bucket/" in error.value.message


@pytest.mark.slow
def test_a_store_that_does_not_answer_is_a_source_that_failed() -> None:
    with serving() as (_, address):
        pass
    with pytest.raises(Unavailable, match="cannot be read now") as caught:
        find_files([address.format(key="a.csv")])
    assert SECRET not in caught.value.message
