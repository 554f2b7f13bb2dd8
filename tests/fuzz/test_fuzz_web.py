"""Any request to the live pages: never an error of the server, never a page for a stranger, never code from a name."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.answers import AskedBecause
from mood_core.domain.sitting import Asked, Sitting
from tests.fuzz.hostile import fuzz, texts
from tests.report_history import add_history, workspace
from tests.served_pages import ServedPages, served

_WORDS = (
    "~ada", "ada", "api", "people", "compare", "track", "search", "2026", "2026-11", "2026-11-24", "0000", "9999-12",
    "ask", "recap", "sign-in",
    "day.svg", "week.png", "data", "days", "periods", "tracks", "..", "~", "%", "0" * 22, "٢٠٢٦", "1970", "doctor",
)  # fmt: skip
_NAMES = ("q", "a", "b", "one", "other", "from", "to", "key", "code", "intervals", "look", "sitting", "elsewhere")


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


_PATHS = st.lists(st.one_of(texts, st.sampled_from(_WORDS)).map(_quoted), max_size=5).map("/".join)
_QUERIES = st.lists(st.tuples(st.sampled_from(_NAMES), texts.map(_quoted)).map("=".join), max_size=4).map("&".join)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPages]:
    with workspace(tmp_path_factory.mktemp("fuzz")) as space:
        add_history(space, 60)
        with served(space) as running:
            yield running


@given(path=_PATHS, query=_QUERIES, method=st.sampled_from(["GET", "GET", "HEAD", "POST"]))
@fuzz(60)
def test_any_request(pages: ServedPages, path: str, query: str, method: str) -> None:
    answer = pages.client.request(method, f"{pages.url}/{path}?{query}")
    assert answer.status_code < 500, answer.text
    assert "<img src=x" not in answer.text or "json" in answer.headers["content-type"]
    assert "script-src 'self'" in answer.headers["content-security-policy"]


_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).map(str.strip)
_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "accept",
            "range",
            "if-none-match",
            "x-forwarded-for",
            "forwarded",
            "remote-user",
            "content-encoding",
            "expect",
            "accept-language",
            "x-http-method-override",
            "referer",
            "te",
            "authorization",
        ]
    ),
    _VALUES,
    max_size=4,
)
_FIELDS = st.dictionaries(
    st.sampled_from(["form_token", "answer", "sitting", "first", "second", "to", "password", "x"]),
    st.one_of(texts, st.sampled_from(["two", "undone", "skip", "Sad", "none", Sitting(()).to_text()])),
)
_SITTINGS = st.builds(
    Sitting,
    st.lists(st.builds(Asked, texts, st.sampled_from(AskedBecause)), max_size=3).map(tuple),
    st.integers(-2, 5),
    st.lists(st.integers(-2, 5), max_size=3).map(tuple),
)


@given(path=st.sampled_from(["/~ada/ask", f"/~ada/track/{1:022d}", "/sign-in"]), fields=_FIELDS, headers=_HEADERS,
       sitting=st.none() | _SITTINGS, own=st.booleans())  # fmt: skip
@fuzz(60)
def test_any_form(
    pages: ServedPages, path: str, fields: dict[str, str], headers: dict[str, str], sitting: Sitting | None, own: bool
) -> None:
    form = {name: value.encode("utf-8", "surrogatepass") for name, value in fields.items()}
    form |= {"form_token": pages.access.form_token().encode()} if own else {}
    form |= {"sitting": sitting.to_text().encode()} if sitting else {}
    body = "&".join(f"{name}={quote(value, safe='')}" for name, value in form.items())
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = pages.client.post(f"{pages.url}{path}", content=body, headers=kind | headers)
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text


@given(body=st.binary(max_size=200), kind=_VALUES, headers=_HEADERS)
@fuzz(40)
def test_any_body(pages: ServedPages, body: bytes, kind: str, headers: dict[str, str]) -> None:
    for content_type in (kind, "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = pages.client.post("/~ada/ask", content=body, headers={"content-type": content_type} | headers)
        assert 400 <= answer.status_code < 500


@given(path=_PATHS, query=_QUERIES, cookie=st.text(st.characters(min_codepoint=33, max_codepoint=126)))
@fuzz(40)
def test_any_request_of_a_stranger(pages: ServedPages, path: str, query: str, cookie: str) -> None:
    with pages.stranger() as client:
        answer = client.get(f"{pages.url}/{path}?{query}", headers={"cookie": cookie, "authorization": cookie})
    assert answer.status_code == 403
