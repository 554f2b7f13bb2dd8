"""The rule by which artists and titles are compared."""

from __future__ import annotations

import pytest

from mood_core.domain.track_names import artist_spellings, plain_artist, plain_title
from mood_core.usecases.imports.track_lookup import NameSearch

SAME = [
    ("A Song", "a song"),
    ("A Song", "A Song - 2011 Remaster"),
    ("A Song", "A Song - Remastered 2009"),
    ("A Song", "A Song - Remastered"),
    ("A Song", "A Song - Digitally Remastered"),
    ("A Song", "A Song (2011 Remaster)"),
    ("A Song", "A Song - Mono"),
    ("A Song", "A Song - Single Version"),
    ("A Song", "A Song (feat. Somebody Else)"),
    ("A Song", "A Song [with Somebody]"),
    ("A Song", "A Song feat. Somebody Else"),
    ("Rock & Roll", "Rock and Roll"),
    ("Don't Stop", "Don\N{RIGHT SINGLE QUOTATION MARK}t Stop"),
    ("Cafe\N{COMBINING ACUTE ACCENT}", "Caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ("STRASSE", "straße"),
    ("１２３", "123"),
]
DIFFERENT = [
    ("A Song", "A Song - Live"),
    ("A Song", "A Song - Radio Edit"),
    ("A Song", "A Song - Acoustic"),
    ("A Song", "A Song (Somebody Remix)"),
    ("A Song", "A Song II"),
    ("Café", "Cafe"),
    ("!!!", "???"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_titles_are_one(one: str, other: str) -> None:
    assert plain_title(one) == plain_title(other) != ""


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_these_titles_are_two(one: str, other: str) -> None:
    assert plain_title(one) != plain_title(other)


def test_an_artist_is_found_among_several_and_with_a_comma_in_the_name() -> None:
    assert plain_artist("Beyoncé & Friends") == "beyoncé and friends"
    assert artist_spellings("Tyler, The Creator, Guest") == ["tyler", "tyler the creator", "tyler the creator guest"]


def test_all_ids_of_a_name_are_one_group_and_the_lowest_stands_for_it() -> None:
    search = NameSearch()
    search.want("Tyler, The Creator", "A Song - 2011 Remaster")
    search.want_track("A Song", "Tyler, The Creator, Guest")
    search.want("Nobody", "Nothing")
    tracks = [("c", "A Song", "Tyler, The Creator"), ("b", "a song", "TYLER"), ("x", "A Song - Live", "Tyler")]
    assert sorted(search.add(tracks)) == ["b", "c"]
    assert search.find("tyler, the creator", "A SONG") == "b"
    assert search.called_like("c") == {"b", "c"}
    assert search.group_of("x") is None
    assert search.missing() == [("nobody", "nothing")]
    assert search.add([("a", "A Song", "Tyler"), ("n", "Nothing", "Nobody")], only_missing=True) == {
        "n": ("Nothing", "Nobody")
    }
