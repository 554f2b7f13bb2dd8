"""The addresses of people: /NAME, or /~ID for a person whose name cannot be an address."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from mood_core.store.queries.accounts import Account, Accounts
from mood_core.text.names import name_key, name_order

RESERVED = frozenset({"api", "assets", "compare", "doctor", "health", "metrics", "people", "sign-in"})
"""First parts of addresses that are pages of their own."""

_NUL = "\0"  # is in no name or id, and PostgreSQL refuses it
_PLAIN_NAME = re.compile(r"\w(?:[\w '-]{0,58}\w)?")


@dataclass(frozen=True, slots=True)
class Person:
    """An account with the first part of its addresses, such as ``/Ada``, percent-encoded."""

    account: Account
    path: str

    @property
    def name(self) -> str:
        """The name."""
        return self.account.display_name


def people_page(accounts: Accounts, most: int, *, after: str = "", prefix: str = "") -> list[Person]:
    """Up to ``most`` people by name, of those whose name begins with ``prefix``; ``after`` is the id of a person.

    Raises:
        InputError: Nobody has the id ``after``.
    """
    return [] if _NUL in prefix + after else _addressed(accounts, accounts.page(most, after=after, prefix=prefix))


def people_called(accounts: Accounts, segment: str) -> list[Person]:
    """The people whom the decoded first part ``segment`` of an address may mean."""
    wanted = unquote(segment[1:]) if segment.startswith("~") else segment
    return [] if _NUL in wanted else _addressed(accounts, accounts.all([wanted]))


def _addressed(accounts: Accounts, some: Sequence[Account]) -> list[Person]:
    return with_addresses(some, accounts.with_name_or_id({one.display_name for one in some}) if some else {})


def with_addresses(accounts: Sequence[Account], others: Mapping[str, str]) -> list[Person]:
    """``accounts`` with their addresses, by name.

    ``others`` are the names, by id, of at least all people who have the name of an account as their name or id.
    """
    names = {**others, **{one.user_id: one.display_name for one in accounts}}
    keys = Counter(map(name_key, names.values()))
    people = [Person(one, f"/{quote(_segment(one, keys, names), safe='~')}") for one in accounts]
    return sorted(people, key=lambda one: (name_order(one.name), one.account.user_id))


def _segment(account: Account, keys: Counter[str], ids: Container[str]) -> str:
    """The name if it is plain and selects this account only, otherwise the id."""
    name = account.display_name
    is_own = keys[name_key(name)] == 1 and (name not in ids or name == account.user_id)
    if is_own and _PLAIN_NAME.fullmatch(name) and name.casefold() not in RESERVED:
        return name
    # The server decodes an address once, so that a slash would be a separator.
    return f"~{account.user_id.replace('%', '%25').replace('/', '%2F')}"


def find_person(people: Sequence[Person], segment: str) -> Person | None:
    """The person with the decoded first part ``segment`` of an address: ``~ID``, an id or a name; None if unknown."""
    wanted = unquote(segment[1:]) if segment.startswith("~") else segment
    by_id = [one for one in people if one.account.user_id == wanted]
    if by_id or segment.startswith("~"):
        return by_id[0] if by_id else None
    named = [one for one in people if name_key(one.name) == name_key(wanted)]
    return named[0] if len(named) == 1 else None
