"""The consent page."""

from __future__ import annotations

import html
from itertools import islice
from urllib.parse import urlencode

from standin.messages import Request, Response
from standin.world import World

_SHOWN = 50


def consent_page(world: World, request: Request) -> Response:
    """A page with a link to consent as each listener, and a link to cancel."""
    query = request.query
    people = "\n".join(
        f"<li><a href='{_link(query, listener=listener.listener_id)}'>Agree as {html.escape(listener.display_name)}</a>"
        f" ({html.escape(listener.timezone)})</li>"
        for listener in islice(world.listeners(), _SHOWN)
    )
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Stand-in for Spotify: consent</title></head>
<body>
<h1>An app asks for access</h1>
<p>App: <code>{html.escape(query.get("client_id", ""))}</code></p>
<p>Asks for: <code>{html.escape(query.get("scope", ""))}</code></p>
<ul>
{people}
</ul>
<p><a href='{_link(query, cancel="1")}'>Cancel</a></p>
</body></html>
"""
    return Response(200, page.encode(), "text/html; charset=utf-8")


def _link(query: dict[str, str], **more: str) -> str:
    return html.escape("?" + urlencode(query | more), quote=True)
