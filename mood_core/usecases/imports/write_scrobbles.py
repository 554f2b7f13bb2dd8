"""Writes new scrobbles: tracks first, so that every listen has its title."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.records import to_ms
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import LISTENS, NAMED_PLAYS, TRACK_NAMES, TRACKS
from mood_core.store.queries.listens import ListenStore
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports.new_scrobbles import NewScrobbles
from mood_core.usecases.imports.write import Writer, named_table
from mood_core.usecases.other_names import names_in, other_names_table


def write_scrobbles(
    new: NewScrobbles, window: ListenWindow, stored: ListenStore, batches: Batches | Writer, *, now: datetime
) -> None:
    """Store the ``new`` scrobbles of ``window``, and the names of its tracks that are not stored."""
    heard = {listen.track_id for listen in new.listens}
    wanted = stored.undescribed_among([track for track in window.tracks if track.track_id in heard])
    seen = names_in((*window.tracks, *window.other_names))
    names = other_names_table(seen, {track.track_id for track in wanted}, stored)
    batches.add(TRACKS, to_table(TRACKS, wanted), now=now)
    batches.add(TRACK_NAMES, names, now=now)
    batches.add(LISTENS, to_table(LISTENS, new.listens), now=now)
    if new.named:
        rows = [(to_ms(play.at), play.artist, play.title, play.ms_played) for play in new.named]
        table = named_table(new.named[0].user_id, rows, source=new.named[0].source)
        for column, kind in (("recording_mbid", pa.string()), ("duration_ms", pa.int32())):
            table = table.append_column(column, pa.array([getattr(play, column) for play in new.named], kind))
        batches.add(NAMED_PLAYS, table, now=now)
