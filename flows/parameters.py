"""Types of the flows' parameters, for forms and for a server that refuses bad ones before a run starts.

Prefect's server holds a run's parameters against their JSON schema, and its form shows one field for each. So each type
has one plain schema, with an example and whatever the server can check. What may be left out is empty, not null: the
form sends every default, and refuses a null where there should be a text. What no schema can say (is that person
known?) the flow checks first, before it does anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from mood_core.domain.spotify_ids import PLAYLIST_PATTERN

# Prefect's server checks a pattern, but not a format; the format makes the form show a calendar.
_DAY = {"type": "string", "format": "date", "pattern": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"}

_Word = Annotated[str, Field(min_length=1)]

Day = Annotated[Annotated[date, WithJsonSchema(_DAY)] | None, Field(examples=["2026-11-01"])]
"""A day, written as 2026-11-01, or none."""

Person = Annotated[str, Field(min_length=1, examples=["ada"])]
"""One person, by id or name."""

People = Annotated[Sequence[_Word], Field(examples=[["ada", "grace"]])]
"""Some people, by id or name each; none means everybody."""

SomePeople = Annotated[Sequence[_Word], Field(min_length=1, examples=[["ada", "grace"]])]
"""Some people, by id each; at least one."""

Reader = Annotated[str, Field(examples=["ada"])]
"""One person, by id or name; empty for the first there is."""

Zone = Annotated[str, Field(pattern=r"^$|^[A-Za-z][\w+-]*(/[\w+-]+)*$", examples=["Europe/Berlin"])]
"""An IANA time zone, or empty."""

Month = Annotated[str, Field(pattern=r"^$|^\d{4}-(0[1-9]|1[0-2])$", examples=["2026-06"])]
"""A month, written as 2026-06, or empty."""

Block = Annotated[str, Field(pattern=r"^$|^[a-z0-9-]+/[a-z0-9-]+$", examples=["slack-webhook/moods"])]
"""A Prefect block, by its type's slug and its name, or empty."""

Exports = Annotated[Sequence[_Word], Field(min_length=1, examples=[["/data/my_spotify_data.zip"]])]
"""Files or folders on the machine that runs the flow; at least one."""

ModelFolder = Annotated[str, Field(examples=["/data/models/my-moods/2"])]
"""A saved model's folder on the machine that runs the flow, or empty."""

LabelledFile = Annotated[
    str, Field(pattern=r"^$|\.([ct]sv(\.(gz|bz2|zst))?|parquet|parq|pq)$", examples=["/data/labelled.csv"])
]
"""A CSV or Parquet file of labelled tracks on the machine that runs the flow, or empty."""

DatasetFile = Annotated[str, Field(pattern=r"^$|\.(csv|parquet)$", examples=["/data/labelled.csv"])]
"""A CSV or Parquet file to write, on the machine that runs the flow, or empty."""

OutputFolder = Annotated[str, Field(examples=["/data/models"])]
"""A folder to write to, on the machine that runs the flow, or empty."""

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$", examples=["my-moods"])]
"""What a model is called: a folder's name."""

ModelVersion = Annotated[str, Field(pattern=r"^$|^[A-Za-z0-9][\w.-]*$", examples=["2"])]
"""A model's version, a folder's name, or empty."""

Playlist = Annotated[str, Field(pattern=rf"^[^=]+={PLAYLIST_PATTERN}$")]
"""A playlist and its mood, as MOOD=ID; the id may also be a URI or an address."""

Playlists = Annotated[
    Sequence[Playlist],
    Field(min_length=1, examples=[["Calm=37i9dQZF1DWZd79rJ6a7lp", "Happy=37i9dQZF1DXdPec7aLTmlC"]]),
]
"""Playlists, each with the mood that its tracks stand for."""

Label = Annotated[str, Field(min_length=1, examples=["shard 1"])]
"""What a run is called."""

Seed = Annotated[int, Field(ge=0, examples=[0])]
"""Decides all that is drawn by chance."""

Folds = Annotated[int, Field(ge=2, le=100, examples=[10])]
"""Into how many parts the tracks are split."""

Repeats = Annotated[int, Field(ge=1, le=100, examples=[5])]
"""How often something is repeated."""

Certainly = Annotated[Literal[True], WithJsonSchema({"type": "boolean", "enum": [True], "examples": [True]})]
"""Must be said, and be true."""

Milliseconds = Annotated[int, Field(ge=0, examples=[30_000])]
"""A length of time in ms."""
