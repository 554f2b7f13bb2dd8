"""Finds a person's id and names in text, JSON and bytes, in upper and lower case and in escaped forms."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from typing import Any
from urllib.parse import quote

from mood_core.text.names import name_key

FORGOTTEN = "[forgotten]"
"""Replaces the names of a person."""


class WordsOfAPerson:
    """An id and names, matched as whole words. Empty ones are ignored."""

    def __init__(self, words: Collection[str]) -> None:
        given = sorted({word.strip() for word in words} - {""}, key=len, reverse=True)
        forms = {form for word in given for form in _forms(word)}
        self._text = _pattern({_bare(form) for form in forms})
        escaped = _pattern(forms).pattern.replace(r"(?<!\w)", r"(?:(?<!\w)|(?<=\\[nrt]))", 1)
        self._bytes = re.compile(escaped.encode(), re.ASCII | re.IGNORECASE)
        self._plain = {_longest_plain(form.casefold()) for form in forms}
        self._any = bool(given)

    def __bool__(self) -> bool:
        return self._any

    def name(self, text: str) -> bool:
        """Whether ``text`` names the person."""
        return bool(self._text.search(_bare(text)))

    def in_bytes(self, content: bytes) -> Iterator[re.Match[bytes]]:
        """The matches of the person's names in the UTF-8 text ``content``."""
        return self._bytes.finditer(content)

    def are_in(self, value: object) -> bool:
        """Whether a column's ``value`` (text or JSON) names the person."""
        if not isinstance(value, str):
            return False
        folded = value.casefold()
        if not any(part in folded for part in self._plain):
            return False
        return any(self.name(text) for text in _texts(_parsed(value)))

    def blanked(self, value: str) -> str:
        """A column's ``value`` (text or JSON); every text in it that names the person is replaced."""
        parsed = _parsed(value)
        if isinstance(parsed, str):
            return (json.dumps(FORGOTTEN) if value.startswith('"') else FORGOTTEN) if self.name(parsed) else value
        return json.dumps(_changed(parsed, lambda text: FORGOTTEN if self.name(text) else text))


def _forms(word: str) -> set[str]:
    cases = {word, word.lower(), word.upper(), word.casefold()}
    words = {unicodedata.normalize(form, case) for form in ("NFC", "NFD") for case in cases}
    forms = {form for each in words for form in (each, html.escape(each), quote(each, safe="", errors="replace"))}
    return forms | {json.dumps(form, ensure_ascii=ascii_)[1:-1] for form in forms for ascii_ in (True, False)}


def _bare(text: str) -> str:
    """``text`` as it is compared, without escapes: line breaks, backslashes of JSON and Markdown, and HTML entities."""
    return name_key(html.unescape(re.sub(r"\\[nrt]", " ", text).replace("\\", "")))


def _pattern(forms: Collection[str]) -> re.Pattern[str]:
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def _longest_plain(form: str) -> str:
    """The longest part of ``form`` that needs no escaping."""
    return max(re.findall(r"[0-9A-Za-z]+", form), key=len, default="")


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
    elif value is not None and not isinstance(value, bool):
        yield str(value)  # old accounts have numeric ids


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {change(key): _changed(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, change) for inner in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if change(str(value)) == str(value) else FORGOTTEN
    return change(value) if isinstance(value, str) else value
