"""Types of settings: each converts or checks a value that comes as text."""

from __future__ import annotations

import re
import shlex
from ipaddress import IPv4Address, IPv4Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from mood_core.files.outside import absolute
from mood_core.http.addresses import has_login, insecure
from mood_core.text.sanitise import plain

_SPARK = re.compile(r"local(\[(\*|\d+)(, *\d+)?\])?|local-cluster\[\d+,\d+,\d+\]|(spark|k8s)://\S+|yarn")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_NOT_A_USER = frozenset({"authorization", "cookie", "host", "origin", "referer", "user-agent", "content-type"})
_SHORTEST_PASSWORD = 12
_WIDEST = 8  # bits of the widest network


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


def _command(value: str) -> str:
    try:
        shlex.split(value)
    except ValueError as error:
        raise ValueError(f"quote its parts as in a shell ({error})") from None
    return value


def spark_master(value: str) -> str:
    """Check that ``value`` has a form of Spark's masters; returns it.

    Raises:
        ValueError: It has none.
    """
    if not _SPARK.fullmatch(value):
        raise ValueError(f"{plain(value)!r} is no master of Spark; write local[*], local[N] or spark://host:port")
    return value


def _public_url(value: str) -> str:
    if value and (has_login(_secure(value)) or value.rstrip("/").count("/") != 2 or "?" in value or "#" in value):
        raise ValueError("it must be an address without a path, such as https://moods.example.org")
    return value


def _ipv4(value: str) -> str:
    try:
        IPv4Address(value)
    except ValueError:
        raise ValueError(f"it must be an IPv4 address, such as 127.0.0.1 or 0.0.0.0, not {plain(value)!r}") from None
    return value


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            found = ip_network(value)
        except ValueError:
            found = None
        if not isinstance(found, IPv4Network) or found.prefixlen < _WIDEST:
            form = "it must have IPv4 addresses or networks such as 127.0.0.1 or 172.18.0.0/16"
            raise ValueError(f"{form}, not {plain(value)!r}")
    return values


def _user_header(value: str) -> str:
    if value and (not _HEADER_NAME.fullmatch(value) or value.lower() in _NOT_A_USER):
        raise ValueError(f"it must be the name of a header such as Remote-User, not {plain(value)!r}")
    return value


def _password(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SHORTEST_PASSWORD:
        raise ValueError(f"it must have {_SHORTEST_PASSWORD} characters or more")
    return value


def person_by_user(pairs: tuple[str, ...]) -> dict[str, str]:
    """The person of each user in ``pairs`` of the form USER=PERSON.

    Raises:
        ValueError: One has another form, or a user is there twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        login, _, person = (part.strip() for part in pair.rpartition("="))
        if not login or not person or login in found:
            form = "it must have each user once, as USER=PERSON, where PERSON is an id, a name or * for all people"
            raise ValueError(f"{form}, not {plain(pair)!r}")
        found[login] = person
    return found


def _users(pairs: tuple[str, ...]) -> tuple[str, ...]:
    person_by_user(pairs)
    return pairs


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

Command = Annotated[str, AfterValidator(_command)]
"""A program with its arguments, in the quoting of a shell."""

SparkMaster = Annotated[str, AfterValidator(spark_master)]
"""The address of a cluster of Spark, or the number of local threads."""

PublicUrl = Annotated[str, AfterValidator(_public_url)]
"""The address of a server, without a path; may be empty."""

Ipv4 = Annotated[str, AfterValidator(_ipv4)]
"""An IPv4 address."""

Networks = Annotated[Words, AfterValidator(_networks)]
"""IPv4 addresses or networks."""

UserHeader = Annotated[str, AfterValidator(_user_header)]
"""The name of a header with the name of a user; may be empty."""

Users = Annotated[Words, AfterValidator(_users)]
"""Users and the person of each."""

Password = Annotated[SecretStr, AfterValidator(_password)]
"""A password that is long enough."""
