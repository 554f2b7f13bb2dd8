"""The scripts and styles of the pages: those of the report, and a few of their own. They contain no data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from mood_core.report.page import asset_text, page_style, script_of

_CHARTS = ("basics.js", "save.js", "calendar.js", "share.js", "hours.js", "map.js")
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file for browsers: its content, media type, and address with a version that changes with the content."""

    content: bytes
    media_type: str
    address: str


@cache
def assets() -> dict[str, Asset]:
    """All assets by name."""
    own = ("web.css", "web.js", "look.js", "icon.svg")
    texts = {name: _own(name) for name in own}
    texts["page.css"] = page_style()
    texts |= {name: asset_text(name) for name in ("cards.css", "cards.js")}
    texts["echarts.js"] = asset_text("echarts.min.js")
    texts["charts.js"] = script_of([*map(asset_text, _CHARTS), _own("charts.js")])
    return {name: _asset(name, text.encode()) for name, text in texts.items()}


def _asset(name: str, content: bytes) -> Asset:
    version = sha256(content).hexdigest()[:12]
    return Asset(content, _TYPES[name.rpartition(".")[2]], f"/assets/{name}?v={version}")


def _own(name: str) -> str:
    return files("mood_core.web").joinpath("assets", name).read_text(encoding="utf-8")
