"""What is killed: the commands that write, each in the home it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Program:
    """``words`` after ``moodlog``, and the ``home`` they need.

    "night" is the nightly flow's stages without Prefect, "consented" what ``connect`` does once the browser has come
    back. ``{user}``, ``{track}``, ``{export}``, ``{model}`` and ``{token}`` stand for a person, a track that they
    heard, an export of theirs, a model folder, and the token endpoint's answer to their consent.
    ``weight``: its share of the points. ``flow``: it needs a Prefect server.
    """

    words: tuple[str, ...]
    home: str = "heard"
    weight: int = 1
    flow: bool = False

    def spelt(self, **values: object) -> list[str]:
        """The words with what they stand for."""
        return [word.format(**values) for word in self.words]


PROGRAMS: Mapping[str, Program] = MappingProxyType(
    {
        "night": Program(("night",), weight=4),
        "run": Program(("run",), weight=1, flow=True),
        "import": Program(("import", "{export}", "--user", "{user}", "--label"), weight=3),
        "compact": Program(("compact",), weight=3),
        "rebuild": Program(("rebuild",), weight=2),
        "forget": Program(("forget", "--user", "{user}", "--yes"), weight=3),
        "relabel": Program(("relabel", "--model", "{model}", "--drop-old"), weight=2),
        "migrate": Program(("users", "list"), home="old", weight=1),
        "connect": Program(("consented", "{token}"), home="empty", weight=1),
        "move": Program(("users", "set-timezone", "{user}", "Asia/Tokyo"), weight=1),
        "answer": Program(("answer", "{user}", "{track}", "calm", "sad"), weight=2),
        "rotate": Program(("keys", "rotate"), weight=1),
        "promote": Program(("promote", "{model}", "--force"), weight=1),
    }
)


def shares(points: int, programs: Sequence[str]) -> dict[str, int]:
    """How many of ``points`` each of ``programs`` gets, by weight, rounded up."""
    total = sum(PROGRAMS[name].weight for name in programs)
    return {name: max(1, -(-points * PROGRAMS[name].weight // total)) for name in programs}
