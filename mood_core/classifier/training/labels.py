"""From the words in a file's column of moods to the classes of a model. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from mood_core.domain.records import MOODS
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BY_LOWER = {mood.lower(): mood for mood in MOODS}
_USUAL = _BY_LOWER | {
    "chill": "Calm", "chilled": "Calm", "relaxed": "Calm", "relaxing": "Calm", "peaceful": "Calm",
    "active": "Energetic", "energy": "Energetic", "party": "Energetic", "hype": "Energetic",
    "joy": "Happy", "joyful": "Happy", "cheerful": "Happy", "happiness": "Happy",
    "sadness": "Sad", "melancholy": "Sad", "depressed": "Sad",
}  # fmt: skip
_MOST_SHOWN = 8


def parse_mood_words(options: Iterable[str]) -> dict[str, str]:
    """Moods by the words of a file, from ``WORD=MOOD``; without a mood, the word's tracks are left out.

    Raises:
        InputError: it is not of that form, or not one of the four moods.
    """
    words: dict[str, str] = {}
    for option in options:
        word, separator, mood = option.rpartition("=")
        mood = _BY_LOWER.get(mood.strip().lower(), mood.strip())
        if not separator or not word.strip() or mood not in (*MOODS, ""):
            raise InputError(
                f"--mood {option}: write WORD=MOOD, where MOOD is {', '.join(MOODS)}, or empty to leave out"
            )
        words[word.strip()] = mood
    return words


def expected_classes(labels: Sequence[str], classes: Sequence[str] | None, *, what: str) -> tuple[str, ...]:
    """The classes that ``labels`` must be of: ``classes``, the four moods if any occurs, else the labels themselves.

    Args:
        labels: one a track, with the words of ``--mood`` already replaced.
        classes: the classes of a saved model, or None.
        what: how a message names the file and the column.

    Raises:
        InputError: a label is not one of them; the message proposes what to write instead.
    """
    found = Counter(labels)
    if classes is not None:
        expected = tuple(classes)
    elif any(label.lower() in _BY_LOWER for label in found):
        expected = MOODS
    else:
        expected = tuple(sorted(found))
    wrong = [label for label, _ in found.most_common() if label not in expected]
    if wrong:
        shown = ", ".join(f"{label[:40]!r} ({found[label]:,})" for label in wrong[:_MOST_SHOWN])
        proposal = " ".join(_proposal(label, expected) for label in wrong[:_MOST_SHOWN])
        raise InputError(
            f"{what}: {shown} {'is' if len(wrong) == 1 else 'are'} not among {', '.join(expected)}; add {proposal}"
            " (WORD= without a mood leaves its tracks out)"
        )
    return expected


def _proposal(label: str, expected: Sequence[str]) -> str:
    guess = _USUAL.get(label.lower(), "")
    words = f"{label[:40]}={guess if guess in expected else 'MOOD'}"
    return f"--mood {shlex.quote(words)}"
