"""A person's id and names are found however they are escaped, and nobody else's."""

from __future__ import annotations

import json

import pytest

from mood_core.report.mood_markdown import as_text
from mood_core.text.words_of_a_person import FORGOTTEN, WordsOfAPerson

NAME = 'Zoë "The_Cat" O’Neill & Söhne'


@pytest.mark.parametrize("dump", [json.dumps, lambda value: json.dumps(value, ensure_ascii=False), str])
@pytest.mark.parametrize(
    "text", [f"account {NAME}: 3 listens", as_text(NAME), "account local-zoe: token", "zoe\nlocal-zoe\nend"]
)
def test_every_spelling_is_found(text: str, dump: type[str]) -> None:
    person = WordsOfAPerson(["local-zoe", NAME])
    assert person.are_in(dump(text))
    assert person.are_in(json.dumps({"people": [text]}))
    assert person.are_in(json.dumps({text: 1}))
    assert person.are_in(json.dumps({"inner": json.dumps({"text": text})}))


def test_parts_of_words_are_not() -> None:
    person = WordsOfAPerson(["ada", "42", " "])
    for text in ("canada", "adam", "ada_1", "142", "", "   "):
        assert not person.are_in(text)
    assert person.are_in('{"user": 42}')
    assert person.are_in("ada.")
    assert not person.are_in(None)
    assert not WordsOfAPerson(["", " "])


def test_what_names_them_is_blanked_and_the_rest_stays() -> None:
    person = WordsOfAPerson(["ada"])
    value = json.dumps({"people": ["ada", "grace"], "days": 3, "note": None})
    assert json.loads(person.blanked(value)) == {"people": [FORGOTTEN, "grace"], "days": 3, "note": None}
    assert person.blanked("pull listens for ada") == FORGOTTEN
    assert person.blanked("pull listens") == "pull listens"


def test_bytes_are_found_with_their_places() -> None:
    person = WordsOfAPerson(["ada", "Zoë"])
    content = 'ada canada {"a": "\\nada", "z": "Zo\\u00eb"} Zoë'.encode()
    found = [content[slice(*match.span())] for match in person.in_bytes(content)]
    assert found == [b"ada", b"ada", b"Zo\\u00eb", "Zoë".encode()]
