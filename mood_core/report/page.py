"""Renders the mood page: one HTML file that needs no network and runs only its own scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from mood_core.domain.mood_style import style_variables
from mood_core.files.own_file import refuse_foreign
from mood_core.files.private import file_stem
from mood_core.text.sanitise import without_bidi

_SCRIPTS = (
    "basics.js",
    "save.js",
    "story.js",
    "calendar.js",
    "share.js",
    "hours.js",
    "map.js",
    "lists.js",
    "main.js",
)
_MOST_PLAIN = 1_000_000
"""Up to this many characters, the data stays plain JSON, which editors and browsers from before 2023 can read."""

_MARKS, _HEAD_BYTES = (b'content="moodlog"', b"<title>Moods</title>"), 4_000
"""What the first bytes of a page have, of this and of earlier versions."""

_PEOPLE = b'<meta name="moodlog-people" content="'


def is_page(path: Path) -> bool:
    """Whether ``path`` is a mood page of this or an earlier version.

    Raises:
        OSError: It cannot be read.
    """
    head = _head(path)
    return any(mark in head for mark in _MARKS)


def refuse_foreign_page(out: Path) -> None:
    """Refuse to replace a file that is no page of moodlog.

    Raises:
        InputError: ``out`` is such a file, or not a regular file.
        OSError: It cannot be read.
    """
    refuse_foreign(out, "a page", is_page)


def shows_person(path: Path, user_id: str) -> bool:
    """Whether the HTML file ``path`` shows a person, or may show them: pages of earlier versions can be compressed.

    Raises:
        OSError: It cannot be read.
    """
    _, found, people = _head(path).partition(_PEOPLE)
    if found:
        return file_stem(user_id).encode() in people.partition(b'"')[0].split()
    content = path.read_bytes()
    return user_id.encode() in content or (b'type="application/zlib"' in content and is_page(path))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def render_page(data: dict[str, Any]) -> str:
    """The page for the ``data`` of :func:`mood_core.report.page_data.page_data`.

    The data is embedded as JSON without markup characters, and the page's content security policy allows only the
    project's scripts and style, by hash. So names in a history are always shown as text.
    """
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    data_type, written = _data(data)
    environment = Environment(loader=PackageLoader("mood_core.report", "assets"), autoescape=True)
    library, script, style = asset_text("echarts.min.js"), script_of(map(asset_text, _SCRIPTS)), page_style()
    return environment.get_template("page.html.j2").render(
        people=" ".join(file_stem(person["user_id"]) for person in data["people"]),
        policy=policy_of([library, script], style),
        library=Markup(library),  # noqa: S704 - the project's own files
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        data_type=data_type,
        data=Markup(written),  # noqa: S704 - it has no markup characters
    )


def asset_text(name: str) -> str:
    """The content of a file of the page."""
    return files("mood_core.report").joinpath("assets", name).read_text(encoding="utf-8").strip()


def page_style() -> str:
    """The style of the page, with the colours as variables."""
    return f"{style_variables()}\n{asset_text('page.css')}"


def script_of(parts: Iterable[str]) -> str:
    """One script made of ``parts``, whose names stay inside it."""
    joined = "\n".join(parts)
    return f'"use strict";\n(() => {{\n{joined}\n}})();'


def _data(data: dict[str, Any]) -> tuple[str, str]:
    """The media type and the data: JSON, or if it is long, zlib-compressed JSON in base64."""
    plain = data_json(data)
    if len(plain) <= _MOST_PLAIN:
        return "application/json", plain
    return "application/zlib", base64.b64encode(zlib.compress(plain.encode("utf-8"))).decode("ascii")


def data_json(data: dict[str, Any]) -> str:
    """``data`` as JSON without markup characters and bidirectional controls, as the page's script reads it."""
    written = without_bidi(json.dumps(_packed(data), ensure_ascii=False, separators=(",", ":")))
    for sign in "<>&\u2028\u2029":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written


def _packed(value: Any) -> Any:
    """``value`` with the column names of each list of rows written once: a third of the size."""
    if isinstance(value, dict):
        return {name: _packed(one) for name, one in value.items()}
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return value
    if any(isinstance(one, list | dict) for one in value[0].values()):
        return [_packed(one) for one in value]
    return {"columns": list(value[0]), "rows": [list(row.values()) for row in value]}


def policy_of(scripts: list[str], style: str) -> str:
    """A content security policy that allows only ``scripts`` and ``style``, by hash."""
    allowed = " ".join(_hash(script) for script in scripts)
    return f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; base-uri 'none'"


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
