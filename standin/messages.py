"""Requests and responses as values, independent of the HTTP server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl


class Delivery(Enum):
    """How a response reaches the client."""

    WHOLE = "whole"
    CUT_BEFORE = "cut_before"
    CUT_MIDWAY = "cut_midway"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``headers`` have lower-case names; ``base_url`` is the server's own address."""

    method: str
    path: str
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = ""

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; the last value of repeated ones."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The body of a form post."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def user_agent(self) -> str:
        """The client's ``User-Agent``, or an empty string."""
        return self.headers.get("user-agent", "")


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE


def json_response(content: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A response with ``content`` as JSON."""
    return Response(status, json.dumps(content, ensure_ascii=False).encode(), headers=headers)
