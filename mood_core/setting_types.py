"""Types of settings: each converts or checks a value that comes as text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from mood_core.files.outside import absolute
from mood_core.http.addresses import has_login, insecure
from mood_core.text.sanitise import plain


def _by_comma(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _secure(value: str) -> str:
    problem = insecure(value)
    if problem is not None:
        raise ValueError(problem)
    return value


def _header(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise ValueError("it is sent in a header: use printable ASCII characters")
    return value


def _without_login(value: str) -> str:
    if has_login(value):
        raise ValueError("it must have no keys before the bucket; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    return value


def words_of(*known: str) -> AfterValidator:
    """The check of a setting of :data:`Words` that has only the ``known`` ones; capitals do not matter."""

    def check(words: tuple[str, ...]) -> tuple[str, ...]:
        small = tuple(word.lower() for word in words)
        unknown = [word for word in small if word not in known]
        if unknown:
            raise ValueError(f"{plain(', '.join(unknown))} is unknown; choose from {', '.join(known)}")
        return small

    return AfterValidator(check)


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_by_comma)]
"""Words separated by commas."""

Folder = Annotated[Path, AfterValidator(absolute)]
"""A folder, absolute."""

Url = Annotated[str, AfterValidator(_secure)]
"""The URL of a service, which may receive secrets."""

LakeUrl = Annotated[str, AfterValidator(_without_login)]
"""A folder or the URL of a bucket, without keys."""

HeaderText = Annotated[str, AfterValidator(_header)]
"""Text for a header of HTTP."""
