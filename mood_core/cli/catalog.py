"""``moodlog catalog``: files of audio features that a person already has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mood_core.errors import InputError, MoodlogError
from mood_core.features.catalog.file_list import add_to_list, read_list, remove_from_list
from mood_core.tabular.files import shown
from mood_core.text.sanitise import plain

if TYPE_CHECKING:
    from mood_core.features.catalog.report import CheckedFile


@dataclass(frozen=True, slots=True)
class CatalogPlaces:
    """Where the catalogue is kept.

    Attributes:
        from_settings: the locations in ``MOODLOG_CATALOG``; they count before the added ones.
        added: the list that ``catalog add`` writes.
        cache: the folder for what CSV files are converted into.
    """

    from_settings: tuple[str, ...]
    added: Path
    cache: Path

    def locations(self) -> tuple[str, ...]:
        """All locations in the order in which they count."""
        return (*self.from_settings, *read_list(self.added))


def catalog_places() -> CatalogPlaces:
    """The places that the settings name."""
    from mood_core.settings import load_settings

    settings = load_settings()
    return CatalogPlaces(settings.catalog, settings.catalog_list, settings.catalog_cache)


@click.group
def command() -> None:
    """Use files of audio features that you already have.

    These are Parquet or CSV files, folders of them, or s3:// addresses. A file needs a column with Spotify ids, URIs or
    URLs (id, track_id, uri, spotify_id) and Spotify's nine feature names; the duration in ms is optional. The files are
    searched before any service is called. The first file that has the track wins.

    \b
    Examples:
      moodlog catalog check tracks_features.csv
      moodlog catalog add ~/music/tracks_features.csv
      moodlog catalog list
    """


@command.command("add")
@click.argument("locations", nargs=-1, required=True, metavar="PATH...")
def add(locations: tuple[str, ...]) -> None:
    """Check files or folders and use them from now on.

    The files stay where they are; only their paths are stored. CSV files are converted once for quick look-ups.

    \b
    Example:
      moodlog catalog add ~/music/tracks_features.csv s3://my-bucket/features/
    """
    places = catalog_places()
    for checked in _check(locations, places.cache):
        if checked.problem is not None:
            raise InputError(checked.problem)
        click.echo(_sentence(checked), err=True)
    for location in locations:
        news = add_to_list(places.added, location)
        click.echo(f"{'added' if news else 'already there'}: {plain(shown(location))}")


@command.command("remove")
@click.argument("location", metavar="PATH")
def remove(location: str) -> None:
    """Stop using a file or folder that was added. The file itself stays.

    \b
    Example:
      moodlog catalog remove ~/music/tracks_features.csv
    """
    places = catalog_places()
    remove_from_list(places.added, location)
    _forget(location, places.cache)
    click.echo(f"removed: {plain(shown(location))}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line to stdout.")
def list_files(as_json: bool) -> None:
    """Show the files in the order in which they are searched.

    \b
    Example:
      moodlog catalog list --json
    """
    rows = list(_listed(catalog_places()))
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
    elif not rows:
        click.echo("No catalogue files yet; `moodlog catalog add PATH` adds some.", err=True)
    else:
        _print(rows)


@command.command("check")
@click.argument("locations", nargs=-1, metavar="[PATH]...")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line to stdout.")
def check(locations: tuple[str, ...], as_json: bool) -> None:
    """Read whole files and report their content or their problems.

    Without PATH, the files in use are checked. The exit code is 2 if a file has a problem.

    \b
    Examples:
      moodlog catalog check
      moodlog catalog check tracks_features.csv --json | jq .problem
    """
    places = catalog_places()
    wanted = locations or places.locations()
    wrong = 0
    for checked in _check(wanted, places.cache):
        wrong += checked.problem is not None
        click.echo(json.dumps(asdict(checked), ensure_ascii=False) if as_json else _sentence(checked))
    if not wanted:
        click.echo("No catalogue files yet; `moodlog catalog add PATH` adds some.", err=True)
    if wrong:
        raise InputError(f"{wrong} of the catalogue's files cannot be used; correct them or leave them out")


def _forget(location: str, cache: Path) -> None:
    from mood_core.features.catalog.convert import forget
    from mood_core.tabular.files import find_files

    # What is no longer there leaves nothing to go by; its conversion is small change.
    with suppress(MoodlogError):
        for file in find_files([location]):
            forget(file, cache)


def _check(locations: Sequence[str], cache: Path) -> Iterator[CheckedFile]:
    from mood_core.features.catalog.report import check_files

    with _progress() as progress:
        yield from check_files(locations, cache, progress)


def _sentence(checked: CheckedFile) -> str:
    if checked.problem is not None:
        return checked.problem
    usable = checked.rows - checked.left_out - checked.unusable
    parts = [f"{checked.location}: {checked.rows:,} rows, {usable:,} of them usable"]
    if checked.unusable:
        parts.append(f"{checked.unusable:,} with a missing or illegal value")
    if checked.left_out:
        parts.append(f"{checked.left_out:,} without a Spotify id or cut short")
    if checked.conflicts:
        parts.append(f"{checked.conflicts:,} that contradict an earlier row, which counts")
    parts += checked.notes
    return "; ".join(parts)


def _listed(places: CatalogPlaces) -> Iterator[dict[str, object]]:
    from mood_core.tabular.files import find_files

    for location in places.locations():
        origin = "setting" if location in places.from_settings else "added"
        try:
            for file in find_files([location]):
                yield {"location": file.location, "origin": origin, "bytes": file.size, "problem": None}
        except MoodlogError as error:
            yield {"location": shown(location), "origin": origin, "bytes": None, "problem": error.message}


def _print(rows: Sequence[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(Column("file", overflow="fold"), "from", "MB", Column("problem", overflow="fold"))
    for row in rows:
        size = row["bytes"]
        megabytes = f"{size / 1e6:.1f}" if isinstance(size, int) else ""
        table.add_row(Text(str(row["location"])), Text(str(row["origin"])), megabytes, Text(str(row["problem"] or "")))
    Console().print(table)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on stderr for each file while it is read."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {}

        def tell(file: str, share: float) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(Path(file).name, total=1.0)
            bars.update(tasks[file], completed=share)

        yield tell
