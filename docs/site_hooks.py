"""Hooks of the docs site: links that leave docs/ work in the repository, and are plain text on the site."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#:]+)(#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Take links out of ``markdown`` whose target is outside the site."""
    folder = PurePosixPath(page.file.src_uri).parent

    def plain(match: re.Match[str]) -> str:
        depth = len(folder.parts)
        for part in PurePosixPath(match[2]).parts:
            depth += -1 if part == ".." else 1
            if depth < 0:
                return match[1]
        return match[0]

    return _LINK.sub(plain, markdown)
