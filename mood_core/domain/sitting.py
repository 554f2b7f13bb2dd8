"""A sitting: some questions to a person, how far they are, and what can be undone. Pure, and written as text.

The text is in the addresses of the asking page, so that a sitting survives a restart of the server.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from typing import Self

from mood_core.domain.answers import AskedBecause


@dataclass(frozen=True, slots=True)
class Asked:
    """A track to ask about, and why."""

    track_id: str
    because: AskedBecause


@dataclass(frozen=True, slots=True)
class Sitting:
    """The questions ``asked``: the ``place`` of the current one, the places ``answered``, the latest last."""

    asked: tuple[Asked, ...]
    place: int = 0
    answered: tuple[int, ...] = ()

    @property
    def current(self) -> Asked | None:
        """The current question; None after the last one."""
        return self.asked[self.place] if self.place < len(self.asked) else None

    @property
    def latest(self) -> Asked | None:
        """The question that was answered last; None before the first answer."""
        return self.asked[self.answered[-1]] if self.answered else None

    def forward(self, *, answered: bool) -> Sitting:
        """The sitting at the next question."""
        done = (*self.answered, self.place) if answered else self.answered
        return replace(self, place=self.place + 1, answered=done)

    def back(self) -> Sitting:
        """The sitting at the question that was answered last; the same one before the first answer."""
        return replace(self, place=self.answered[-1], answered=self.answered[:-1]) if self.answered else self

    def to_text(self) -> str:
        """The sitting as letters, digits, ``-`` and ``_``."""
        asked = [[one.track_id, one.because.value] for one in self.asked]
        written = json.dumps([self.place, list(self.answered), asked], separators=(",", ":"))
        return urlsafe_b64encode(written.encode()).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """The sitting that :meth:`to_text` wrote; None if ``text`` is something else."""
        try:
            place, answered, asked = json.loads(urlsafe_b64decode(text.encode("ascii") + b"=="))
            found = cls(
                tuple(Asked(str(track_id), AskedBecause(because)) for track_id, because in asked),
                int(place),
                tuple(int(each) for each in answered),
            )
        except (binascii.Error, ValueError, TypeError, RecursionError):
            return None
        places = range(len(found.asked))
        is_whole = found.place in range(len(found.asked) + 1) and set(found.answered) <= set(places)
        return found if found.asked and is_whole else None
