"""What the JSON API sends and takes."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from mood_core.domain.answers import ANSWERS


class Problem(BaseModel):
    """Why a request was refused or failed."""

    detail: str


class NewAnswer(BaseModel):
    """How a track sounds to a person: one mood, two moods (the leading one first), ``none``, or ``undone``."""

    model_config = ConfigDict(extra="forbid")

    answer: str = Field(json_schema_extra={"enum": list(ANSWERS)})


class PersonInfo(BaseModel):
    """A person; ``path`` is the first part of their addresses."""

    user_id: str
    name: str
    timezone: str
    state: str
    newest_listen_at: datetime | None
    path: str


class Share(BaseModel):
    """The listens of a mood and their share (0-1).

    For the ``expected`` share a listen counts for each mood by its probability; ``low`` and ``high`` are its 90%
    interval.
    """

    mood: str
    listens: int
    share: float
    expected: float | None
    low: float | None
    high: float | None


class DayMoods(BaseModel):
    """The listens of a local day by mood."""

    day: date
    listens: dict[str, int]


class Label(BaseModel):
    """A track's label. ``probabilities`` are by mood, ``mood_set`` is the 90% set; ``reason``: why it has no mood."""

    track_id: str
    track: str
    artists: str
    mood: str | None
    probabilities: dict[str, float]
    mood_set: list[str]
    uncertain: bool
    reason: str | None


class ListenInfo(BaseModel):
    """A listen at a local time."""

    at: datetime
    ms_played: int | None
    label: Label


class DayInfo(BaseModel):
    """A day: the shares of the moods, and each listen."""

    day: date
    shares: list[Share]
    listens: list[ListenInfo]


class Factor(BaseModel):
    """A feature's value and its weight for the label, in log-odds."""

    feature: str
    value: float | None
    weight: float


class TrackInfo(BaseModel):
    """A track as a person knows it; ``months`` counts listens by month (YYYY-MM)."""

    label: Label
    model_version: str | None
    feature_source: str | None
    factors: list[Factor]
    months: dict[str, int]
    listens: int


class Found(BaseModel):
    """A found track with the number of listens."""

    track_id: str
    track: str
    artists: str
    listens: int


class GapInfo(BaseModel):
    """A time in which listens may be missing, in the person's time zone."""

    starts_at: str
    ends_at: str
    filled: bool


class FindingInfo(BaseModel):
    """A finding of the doctor; ``level`` is ok, warning or broken."""

    what: str
    level: str
    said: str
    remedy: str


class Played(BaseModel):
    """A most played track, or an artist (then without a title)."""

    title: str
    artists: str
    listens: int


class PeriodInfo(BaseModel):
    """A recap. ``before`` is the period before, ``until`` the last day so far of one that has not ended.

    A year has ``months``, a month has ``days``. ``expected`` are the expected shares (0-1), for which a listen counts
    for each mood by its probability, and ``intervals`` the 90% intervals of these shares.
    """

    user_id: str
    display_name: str
    unit: str
    first: date
    last: date
    begins: date | None
    until: date | None
    headline: str
    sentences: list[str]
    listens: dict[str, int]
    before: dict[str, int]
    months: list[dict[str, int]] = Field(default_factory=list)
    days: list[dict[str, int]] = Field(default_factory=list)
    minutes: int | None
    top_track: Played | None
    top_artist: Played | None
    top_of_mood: dict[str, Played]
    expected: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    shares: list[Share]


class Covered(BaseModel):
    """Listens, those with a mood, and their share (0-1)."""

    listens: int
    with_mood: int
    share: float


class YearCoverage(Covered):
    """The listens of music of a year of release, or ``unknown``."""

    release_year: str


class SourceCoverage(Covered):
    """The listens of tracks whose features are from one source."""

    feature_source: str


class CoverageInfo(BaseModel):
    """The newest listens: how many have a mood, why the others have none, and what helps."""

    listens: int
    with_mood: int
    dated_by_isrc: int
    by_year: list[YearCoverage]
    by_source: list[SourceCoverage]
    reasons: dict[str, int]
    remedies: list[str]
