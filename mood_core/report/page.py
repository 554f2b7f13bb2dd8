"""Renders the mood page: one HTML file that needs no network and runs only its own scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from importlib.resources import files
from typing import Any

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


def render_page(data: dict[str, Any]) -> str:
    """The page for the ``data`` of :func:`mood_core.report.page_data.page_data`.

    The data is embedded as JSON without markup characters, and the page's content security policy allows only the
    project's scripts and style, by hash. So names in a history are always shown as text.
    """
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    data_type, written = _data(data)
    environment = Environment(loader=PackageLoader("mood_core.report", "assets"), autoescape=True)
    library, script, style = _asset("echarts.min.js"), _script(), _asset("page.css")
    return environment.get_template("page.html.j2").render(
        policy=_policy([library, script], style),
        library=Markup(library),  # noqa: S704 - the project's own files
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        data_type=data_type,
        data=Markup(written),  # noqa: S704 - it has no markup characters
    )


def _asset(name: str) -> str:
    return files("mood_core.report").joinpath("assets", name).read_text(encoding="utf-8").strip()


def _script() -> str:
    parts = "\n".join(_asset(name) for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}\n}})();'


def _data(data: dict[str, Any]) -> tuple[str, str]:
    """The media type and the data: JSON, or if it is long, zlib-compressed JSON in base64."""
    plain = _json(data)
    if len(plain) <= _MOST_PLAIN:
        return "application/json", plain
    return "application/zlib", base64.b64encode(zlib.compress(plain.encode("utf-8"), level=9)).decode("ascii")


def _json(data: dict[str, Any]) -> str:
    written = json.dumps(_packed(data), ensure_ascii=False, separators=(",", ":"))
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


def _policy(scripts: list[str], style: str) -> str:
    allowed = " ".join(_hash(script) for script in scripts)
    return f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; base-uri 'none'"


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
