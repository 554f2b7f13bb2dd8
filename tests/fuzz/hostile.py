"""Hostile values, and valid things with a few places corrupted: random noise alone never gets past the first check."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, MutableMapping, MutableSequence
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from mood_core.errors import MoodlogError
from mood_core.text.sanitise import plain

LONGEST_SENTENCE = 600

TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "a\udfffb", "'", '"', "`", "--", "'; DROP TABLE listens; --", '" OR 1=1 --',
    "\x1b[31mred\x1b[0m", "\x1b]0;title\a", "line\nbreak", "\r\n", "\t", "\u202eright to left", "\ufeffbom",
    "<script>alert(1)</script>", "{{7*7}}", "${HOME}", "%s%n", "%00", "../../etc/passwd", "=1+1", "NaN", "inf", "-0",
    "1e400", "None", "null", "ß" * 300, "x" * 10_000, "🎧" * 600, "İ", "a,b;c|d", "C:\\x", "[bold]markup[/bold]", "[/]",
)  # fmt: skip
"""What has broken parsers, terminals, SQL and spreadsheets before."""

texts = st.sampled_from(TEXTS) | st.text(max_size=20) | st.text(st.characters(), max_size=5)
numbers = (
    st.sampled_from([0, -1, 1, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**400, 0.0, -0.0, 1e308, 5e-324])
    | st.integers()
    | st.floats()
)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=6
)
"""Whatever JSON can express, and a little more."""


def fuzz(examples: int) -> settings:
    """Settings of a fuzzing test: ``examples`` a run, always the same; by the profile ``long`` 100 times as many."""
    is_long = settings.get_current_profile_name() == "long"
    return settings(
        max_examples=examples * 100 if is_long else examples,
        derandomize=not is_long,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def one_sentence() -> Iterator[None]:
    """Lets the block end well or with a moodlog error that is one readable sentence; anything else is a defect."""
    try:
        yield
    except MoodlogError as error:
        check_sentence(error.message)


def check_sentence(message: str) -> None:
    """Whether ``message`` can be shown: one line, nothing that a terminal would obey, not a page long."""
    assert message.strip(), "an error without a word"
    assert message == plain(message), f"not one plain line: {message!r}"
    assert len(message) <= LONGEST_SENTENCE, f"a page, not a sentence: {message!r}"
    assert "Traceback" not in message


@st.composite
def corrupted(draw: st.DrawFn, valid: Any, *, most: int = 3) -> Any:
    """``valid`` (JSON-like) with up to ``most`` places replaced, removed, doubled or wrapped."""
    whole = [copy.deepcopy(valid)]
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(whole))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        _damage(draw, holder, key, is_root=holder is whole)
    return whole[0]


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    keys: Any = node.keys() if isinstance(node, MutableMapping) else range(len(node))
    for key in keys:
        yield node, key
        if isinstance(node[key], MutableMapping | MutableSequence):
            yield from _places(node[key])


def _damage(draw: st.DrawFn, holder: Any, key: Any, *, is_root: bool) -> None:
    match draw(st.sampled_from(["replace", "replace", "replace", "remove", "wrap", "double"])):
        case "remove" if not is_root:
            del holder[key]
        case "wrap":
            holder[key] = [holder[key]]
        case "double" if isinstance(holder, list) and not is_root:
            holder.append(copy.deepcopy(holder[key]))
        case _:
            holder[key] = draw(values)


def as_json(value: Any) -> bytes:
    """``value`` as the bytes a careless server sends: NaN, huge numbers and lone surrogates go through."""
    return json.dumps(value).encode()


def bodies(valid: Any) -> st.SearchStrategy[bytes]:
    """Bodies near ``valid``, bodies that are JSON of any kind, cut ones, and noise."""
    near = corrupted(valid).map(as_json)
    cut = st.tuples(near, st.floats(0, 1)).map(lambda pair: pair[0][: int(len(pair[0]) * pair[1])])
    odd = st.sampled_from([b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 5000, b"1" * 5000, b"<html>busy</html>"])
    return near | near | near | values.map(as_json) | cut | odd | st.binary(max_size=60)


@st.composite
def damaged(draw: st.DrawFn, valid: bytes, *, most: int = 4) -> bytes:
    """``valid`` with some bytes changed, cut out, doubled or put in."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, most))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        length = draw(st.integers(0, 40))
        match draw(st.sampled_from(["flip", "cut", "insert", "double", "end"])):
            case "flip" if data:
                data[at] ^= draw(st.integers(1, 255))
            case "cut":
                del data[at : at + length]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "double":
                data[at:at] = data[at : at + length]
            case _:
                del data[at:]
    return bytes(data)
