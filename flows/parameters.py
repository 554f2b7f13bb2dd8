"""Types of the flows' parameters, for forms and for a server that rejects invalid values before a run starts.

Prefect's server validates a run's parameters by their JSON schema, and its form shows one field for each. So each type
has a simple schema with an example and all constraints that a schema can express. The flow checks the others first.
Optional values are empty, not null: the form sends every default, and rejects a null for a string.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from mood_core.app.labelling import Engine
from mood_core.domain.spotify_ids import PLAYLIST_PATTERN

# Prefect's server checks a pattern, but not a format; the format makes the form show a calendar.
_DAY = {"type": "string", "format": "date", "pattern": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"}

_Word = Annotated[str, Field(min_length=1)]

Day = Annotated[Annotated[date, WithJsonSchema(_DAY)] | None, Field(examples=["2026-11-01"])]
"""A day, for example 2026-11-01, or none."""

Person = Annotated[str, Field(min_length=1, examples=["ada"])]
People = Annotated[Sequence[_Word], Field(examples=[["ada", "grace"]])]
"""People, by id or name; empty for all."""

SomePeople = Annotated[Sequence[_Word], Field(min_length=1, examples=[["ada", "grace"]])]
Reader = Annotated[str, Field(examples=["ada"])]
"""One person, by id or name; empty for the first one."""

Zone = Annotated[str, Field(pattern=r"^$|^[A-Za-z][\w+-]*(/[\w+-]+)*$", examples=["Europe/Berlin"])]
Month = Annotated[str, Field(pattern=r"^$|^\d{4}-(0[1-9]|1[0-2])$", examples=["2026-06"])]
Block = Annotated[str, Field(pattern=r"^$|^[a-z0-9-]+/[a-z0-9-]+$", examples=["slack-webhook/moods"])]
"""A Prefect block as TYPE-SLUG/NAME, or empty."""

Exports = Annotated[Sequence[_Word], Field(min_length=1, examples=[["/data/my_spotify_data.zip"]])]
ModelFolder = Annotated[str, Field(examples=["/data/models/my-moods/2"])]
LabellingEngine = Annotated[Engine, Field(examples=["local"])]
LabelledFile = Annotated[
    str, Field(pattern=r"^$|\.([ct]sv(\.(gz|bz2|zst))?|parquet|parq|pq)$", examples=["/data/labelled.csv"])
]
"""A CSV or Parquet file of labelled tracks on the machine that runs the flow, or empty."""

Workers = Annotated[int, Field(ge=1, le=64, examples=[2])]
DatasetFile = Annotated[str, Field(pattern=r"^$|\.(csv|parquet)$", examples=["/data/labelled.csv"])]
"""A CSV or Parquet file to write on the machine that runs the flow, or empty."""

OutputFolder = Annotated[str, Field(examples=["/data/models"])]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$", examples=["my-moods"])]
ModelVersion = Annotated[str, Field(pattern=r"^$|^[A-Za-z0-9][\w.-]*$", examples=["2"])]
Playlist = Annotated[str, Field(pattern=rf"^[^=]+={PLAYLIST_PATTERN}$")]
"""A mood and a playlist as MOOD=ID or CURATOR/MOOD=ID; a URI or URL works as the id."""

Playlists = Annotated[
    Sequence[Playlist],
    Field(min_length=1, examples=[["Calm=37i9dQZF1DWZd79rJ6a7lp", "Happy=37i9dQZF1DXdPec7aLTmlC"]]),
]
Label = Annotated[str, Field(min_length=1, examples=["shard 1"])]
Seed = Annotated[int, Field(ge=0, examples=[0])]
Folds = Annotated[int, Field(ge=2, le=100, examples=[10])]
Repeats = Annotated[int, Field(ge=1, le=100, examples=[5])]
Certainly = Annotated[Literal[True], WithJsonSchema({"type": "boolean", "enum": [True], "examples": [True]})]
Milliseconds = Annotated[int, Field(ge=0, examples=[30_000])]
