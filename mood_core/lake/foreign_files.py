"""Finds what is in the lake and is no batch file: other files, links, pipes, and copies of batches in other places."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pyarrow import fs

from mood_core.lake.batch_files import SUFFIX
from mood_core.lake.schema import DATASETS

_BATCH = re.compile(rf"\w+/month=[^/]*/[^./][^/]*{re.escape(SUFFIX)}")
_TEMPORARY = re.compile(r"(.*/)?\.[^/]*\.draft(/.*)?")


def foreign_files(files: fs.FileSystem, root: str, first: str) -> list[str]:
    """Paths relative to ``root`` of files whose path is not that of a batch, without months before ``first``.

    Without ``first``, also of Parquet files outside the folders of the datasets, such as those of a copied folder.
    """
    found = _local if isinstance(files, fs.LocalFileSystem) else _remote
    paths = [f"{dataset}/{path}" for dataset in DATASETS for path in found(files, f"{root}/{dataset}", first)]
    if not first:
        paths += (path for path in found(files, root, first) if SUFFIX in path and path.split("/")[0] not in DATASETS)
    return sorted(path for path in paths if not _BATCH.fullmatch(path) and not _TEMPORARY.fullmatch(path))


def _remote(files: fs.FileSystem, folder: str, first: str) -> Iterator[str]:
    tops = [folder]
    if first:  # otherwise one request lists a thousand objects, whatever their folders
        listed = files.get_file_info(fs.FileSelector(folder, allow_not_found=True))
        yield from (info.base_name for info in listed if info.type == fs.FileType.File)
        folders = (info for info in listed if info.type == fs.FileType.Directory)
        tops = [info.path for info in folders if not _is_old(info.base_name, first)]
    for top in tops:
        inside = files.get_file_info(fs.FileSelector(top, recursive=True, allow_not_found=True))
        yield from (info.path.removeprefix(f"{folder}/") for info in inside if info.type == fs.FileType.File)


def _local(_files: fs.FileSystem, folder: str, first: str) -> Iterator[str]:
    """All entries that are not folders. Only links to whole months are followed, which may be on another disk."""
    pending = [Path(folder)]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except FileNotFoundError:
            continue
        for entry in entries:
            path = Path(entry.path)
            if not entry.is_dir(follow_symlinks=path.parent == Path(folder) and entry.name.startswith("month=")):
                yield path.relative_to(folder).as_posix()
            elif not _is_old(entry.name, first):
                pending.append(path)


def _is_old(folder: str, first: str) -> bool:
    return folder.startswith("month=") and folder < first
