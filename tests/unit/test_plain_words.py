"""The words that docs/glossary.md replaces do not come back, in text or in names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
WORDS = (
    "lest", "in vain", "nobody'?s", "whoever", "anybody", "hears? of", "that is none", "oftener", "left alone",
    "(?:keeps?|kept|sets?|puts?) aside", "puts? off", "killed anywhere", "partners?", "spoilt", "brakes?", "doors?",
    "told", "tells", r"tell(?!\((?:self)?\))", "waiting plays", "one moment", "(?:stands?|lies) in",
    "spoil(?:s|ed|ing)?", "remember(?:s|ed|ing)?", "sure",
    "(?:speaks?|spoken?) (?:for|most)", "(?:an|has|have) own",
    "also,? (?:after|as|before|during|if|not|under|when|where|while|without)", "weighs? double", "living page",
    "twins?", "wish(?:es)?", "(?:lies?|lying|lay) in", "anew", "of no use",
)  # fmt: skip
"""Only words without a technical meaning; others that the glossary replaces have one, such as "turn" or "memory"."""

PLACES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "prefect.yaml",
    ".github",
    ".ci",
    "docs",
    "flows",
    "mood_core",
    "sql",
    "standin",
    "tests",
)
KINDS = {".py", ".md", ".sql", ".js", ".j2", ".toml", ".yaml", ".yml"}
NOT_READ = {"glossary.md", "echarts.min.js", Path(__file__).name}
_BETWEEN = r"\s+(?:(?:#|--|\*)\s+)?"
"""Between two words: white space, or the end of a line and the mark of a comment."""

_OLD = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(WORDS).replace(' ', _BETWEEN)})(?![A-Za-z])", re.IGNORECASE)


def _files(place: Path) -> Iterator[Path]:
    paths = [place] if place.is_file() else sorted(place.rglob("*"))
    return (path for path in paths if path.suffix in KINDS and not NOT_READ & set(path.parts))


def old_words(text: str) -> list[tuple[int, str]]:
    """The line and text of each old word; names of code are read as words."""
    words = text.replace("_", " ")
    return [(words.count("\n", 0, match.start()) + 1, match[0]) for match in _OLD.finditer(words)]


@pytest.mark.parametrize("place", PLACES)
def test_plain_words_are_used(place: str) -> None:
    found = {
        str(path.relative_to(CHECKOUT)): words
        for path in _files(CHECKOUT / place)
        if (words := old_words(path.read_text(encoding="utf-8")))
    }
    assert found == {}, "docs/glossary.md has the words to use instead"


def test_an_old_word_is_found_in_a_name_and_in_text() -> None:
    assert old_words('def left_alone():\n    """Puts off a run."""') == [(1, "left alone"), (2, "Puts off")]
    assert old_words("outdoors, foretold, claims, turns, measure, file.tell()") == []
    assert old_words("SURE = 0.9\n# It is kept, also\n# if a run stops; each has an own row") == [
        (1, "SURE"),
        (2, "also\n# if"),
        (3, "an own"),
    ]


def test_a_module_is_named_after_its_job() -> None:
    """Inside a package of a layer, no import contract would notice a module for everything."""
    packages = ("flows", "mood_core", "standin")
    names = {path.stem: path for package in packages for path in (CHECKOUT / package).rglob("*.py")}
    assert not names.keys() & {"common", "helper", "helpers", "misc", "tools", "util", "utils"}
