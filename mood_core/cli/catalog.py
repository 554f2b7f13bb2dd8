"""``moodlog catalog``: files of audio features that a person already has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mood_core.cli import options
from mood_core.cli.terminal import echo_json
from mood_core.errors import InputError, MoodlogError
from mood_core.features.catalog.file_list import add_to_list, read_list, remove_from_list
from mood_core.settings import Settings, load_settings
from mood_core.tabular.files import find_files, shown
from mood_core.text.sanitise import plain

if TYPE_CHECKING:
    from mood_core.features.catalog.report import CheckedFile

_NO_FILES = "No catalogue files yet; `moodlog catalog add PATH` adds some."


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
    settings = load_settings()
    for checked in _check(locations, settings.catalog_cache):
        if checked.problem is not None:
            raise InputError(checked.problem)
        click.echo(_sentence(checked), err=True)
    for location in locations:
        is_new = add_to_list(settings.catalog_list, location)
        click.echo(f"{'added' if is_new else 'already there'}: {plain(shown(location))}")
    click.echo("Next: `moodlog run` takes features from the files and labels moods.", err=True)


@command.command("remove")
@click.argument("location", metavar="PATH")
def remove(location: str) -> None:
    """Stop using a file or folder that was added. The file itself stays.

    \b
    Example:
      moodlog catalog remove ~/music/tracks_features.csv
    """
    from mood_core.features.catalog.convert import forget

    settings = load_settings()
    remove_from_list(settings.catalog_list, location)
    with suppress(MoodlogError):  # the small converted files of a location that no longer exists stay
        for file in find_files([location]):
            forget(file, settings.catalog_cache)
    click.echo(f"removed: {plain(shown(location))}")


@command.command("list")
@options.as_json_lines
def list_files(as_json: bool) -> None:
    """Show the files in the order in which they are searched.

    \b
    Example:
      moodlog catalog list --json
    """
    rows = list(_listed(load_settings()))
    if as_json:
        for row in rows:
            echo_json(row)
    elif not rows:
        click.echo(_NO_FILES, err=True)
    else:
        _print(rows)


@command.command("check")
@click.argument("locations", nargs=-1, metavar="[PATH]...")
@options.as_json_lines
def check(locations: tuple[str, ...], as_json: bool) -> None:
    """Read whole files and report their content or their problems.

    Without PATH, the files in use are checked. The exit code is 2 if a file has a problem.

    \b
    Examples:
      moodlog catalog check
      moodlog catalog check tracks_features.csv --json | jq .problem
    """
    settings = load_settings()
    wanted = locations or _in_use(settings)
    wrong = 0
    for checked in _check(wanted, settings.catalog_cache):
        wrong += checked.problem is not None
        echo_json(asdict(checked)) if as_json else click.echo(_sentence(checked))
    if not wanted:
        click.echo(_NO_FILES, err=True)
    if wrong:
        raise InputError(f"{wrong} of the catalogue's files cannot be used; correct them or leave them out")


def _in_use(settings: Settings) -> tuple[str, ...]:
    """The locations in the order of search: those in ``MOODLOG_CATALOG`` first."""
    return (*settings.catalog, *read_list(settings.catalog_list))


def _check(locations: Sequence[str], cache: Path) -> Iterator[CheckedFile]:
    from mood_core.cli.progress import share_progress
    from mood_core.features.catalog.report import check_files

    with share_progress() as progress:
        yield from check_files(locations, cache, lambda file, share: progress(Path(file).name, share))


def _sentence(checked: CheckedFile) -> str:
    if checked.problem is not None:
        return checked.problem
    usable = checked.rows - checked.left_out - checked.unusable
    parts = [f"{checked.location}: {checked.rows:,} rows, {usable:,} of them usable"]
    if checked.unusable:
        parts.append(f"{checked.unusable:,} with a missing or invalid value")
    if checked.left_out:
        parts.append(f"{checked.left_out:,} without a Spotify id or with the wrong number of cells")
    if checked.conflicts:
        parts.append(f"{checked.conflicts:,} that differ from an earlier row of the same track, which is used")
    return "; ".join([*parts, *checked.notes])


def _listed(settings: Settings) -> Iterator[dict[str, object]]:
    for location in _in_use(settings):
        origin = "setting" if location in settings.catalog else "added"
        try:
            for file in find_files([location]):
                yield {"location": file.location, "origin": origin, "bytes": file.size, "problem": None}
        except MoodlogError as error:
            yield {"location": shown(location), "origin": origin, "bytes": None, "problem": error.message}


def _print(rows: Sequence[dict[str, object]]) -> None:
    from mood_core.cli.plain_table import plain_table, print_table

    table = []
    for row in rows:
        megabytes = f"{size / 1e6:.1f}" if isinstance(size := row["bytes"], int) else None
        table.append({"file": row["location"], "from": row["origin"], "MB": megabytes, "problem": row["problem"]})
    print_table(plain_table(table))
