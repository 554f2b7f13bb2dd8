"""Addresses of people lead back to them, whatever their names and ids are."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from mood_core.store.queries.accounts import Account
from mood_core.web.people import RESERVED, find_person, with_addresses

_NAMES = st.one_of(st.text(min_size=1, max_size=20), st.sampled_from(["Ada", "ada", "a/b", "~ada", "..", *RESERVED]))


def _account(user_id: str, name: str) -> Account:
    return Account(user_id, name, "UTC", datetime(2026, 1, 1, tzinfo=UTC), "active", None, None, None, None, None)


@given(st.dictionaries(_NAMES, _NAMES, min_size=1, max_size=4))
def test_each_address_finds_its_person(names: dict[str, str]) -> None:
    people = with_addresses([_account(user_id, name) for user_id, name in names.items()], {})
    for person in people:  # one of many has the same address
        assert with_addresses([person.account], names)[0].path == person.path
    assert len({person.path for person in people}) == len(people)
    for person in people:
        segment = unquote(person.path[1:])
        assert "/" not in segment
        assert segment.casefold() not in RESERVED
        assert segment not in {"", ".", ".."}
        assert find_person(people, segment) is person


def test_a_name_of_two_people_is_no_address() -> None:
    people = with_addresses([_account("one", "Zoe"), _account("two", "zoe")], {})
    assert [person.path for person in people] == ["/~one", "/~two"]
    assert find_person(people, "zoe") is None
