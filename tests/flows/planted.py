"""Secrets planted for a test, and the search for them in everything that a machine keeps."""

from __future__ import annotations

import base64
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from standin import StandIn
from standin.messages import Request, Response, json_response

_SECRET_FIELDS = ("code", "code_verifier", "refresh_token", "client_secret")
_TOKEN_FIELDS = ("access_token", "refresh_token")
_POLL_S = 0.02


@dataclass(slots=True)
class Planted:
    """What must never be shown, by a name that may be: tokens, codes and verifiers as they pass, and what was set.

    With ``echoes``, answers of the Web API repeat the access token: as a title, and in features that fit nothing.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    echoes: bool = False

    def watch(self, standin: StandIn) -> None:
        """Learn every secret that passes between moodlog and ``standin`` from now on."""
        answer = standin._application.answer

        def watched(request: Request) -> Response:
            response = answer(request)
            self._learn(request, response)
            return _echoing(request, response) if self.echoes else response

        standin._application.answer = watched  # type: ignore[method-assign]

    def _learn(self, request: Request, response: Response) -> None:
        authorization = request.headers.get("authorization", "").partition(" ")[2]
        self.add("Authorization", authorization)
        for name in _SECRET_FIELDS:
            self.add(name, request.form.get(name, ""))
        answered = _object(response.body)
        for name in _TOKEN_FIELDS:
            self.add(name, str(answered.get(name, "")))
        for name, value in response.headers:
            if name == "Location":
                self.add("code", value.partition("code=")[2].partition("&")[0])

    def add(self, name: str, value: str) -> None:
        """Plant ``value``."""
        if value:
            self.secrets[value] = name

    def found_in(self, data: bytes) -> set[str]:
        """The names of the secrets in ``data``, plain or in base64."""
        return {name for secret, name in self.secrets.items() if any(form in data for form in _spellings(secret))}


def _echoing(request: Request, response: Response) -> Response:
    reported = request.headers.get("authorization", "")
    if request.path.endswith("/v1/audio-features") and reported:
        asked = request.query.get("ids", "").split(",")
        return json_response({"audio_features": [{"reported": reported}] * len(asked)})
    if request.path.endswith("/recently-played"):
        return replace(response, body=response.body.replace(b'"name": "', f'"name": "{reported} '.encode()))
    return response


def _spellings(secret: str) -> Iterator[bytes]:
    raw = secret.encode()
    yield raw
    for shift in range(3):  # wherever in a longer text it stood when that was put into base64
        coded = base64.b64encode(b"\0" * shift + raw)
        yield coded[4:-4]


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def everything_kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below ``folder`` by name: databases and logs as they are, zips and Parquet unpacked."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield str(path), path.read_bytes()
        if path.suffix == ".parquet":
            from pyarrow import parquet

            yield f"{path} read", repr(parquet.read_table(path).to_pylist()).encode()
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as zipped:
                for name in zipped.namelist():
                    yield f"{path}/{name}", zipped.read(name)


@contextmanager
def command_lines() -> Iterator[set[bytes]]:
    """The command lines of every process that runs meanwhile, seen some fifty times a second."""
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(_POLL_S):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()
