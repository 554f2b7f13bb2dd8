"""Any request to the live pages: never an error of the server, never a page for a stranger, never code from a name."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.hostile import fuzz, texts
from tests.report_history import add_history, workspace
from tests.served_pages import ServedPages, served

_WORDS = (
    "~ada", "ada", "api", "people", "compare", "track", "search", "2026", "2026-11", "2026-11-24", "0000", "9999-12",
    "day.svg", "week.png", "data", "days", "periods", "tracks", "..", "~", "%", "0" * 22, "٢٠٢٦", "1970", "doctor",
)  # fmt: skip
_NAMES = ("q", "a", "b", "one", "other", "from", "to", "key", "code", "intervals", "look")


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


@given(path=_PATHS, query=_QUERIES, cookie=st.text(st.characters(min_codepoint=33, max_codepoint=126)))
@fuzz(40)
def test_any_request_of_a_stranger(pages: ServedPages, path: str, query: str, cookie: str) -> None:
    with pages.stranger() as client:
        answer = client.get(f"{pages.url}/{path}?{query}", headers={"cookie": cookie, "authorization": cookie})
    assert answer.status_code == 403
