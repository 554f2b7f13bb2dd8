"""Reads an object store with few requests, several at a time: each one waits much longer than it works."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa
from pyarrow import fs

AT_ONCE = 16
"""Requests that wait at the same time."""

_SMALL = 1 << 20
"""Bytes of a file that is read whole by one request. Of larger ones, only the footer and some columns are read."""

Given = TypeVar("Given")
Found = TypeVar("Found")


def batches_below(files: fs.FileSystem, folder: str) -> Iterator[tuple[str, str]]:
    """The month's folder and the name of each object two levels below ``folder``; one request lists a thousand."""
    for info in files.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True)):
        place = info.path.removeprefix(f"{folder}/").split("/")
        if info.type == fs.FileType.File and len(place) == 2:
            yield place[0], place[1]


def whole(source: pa.NativeFile) -> pa.NativeFile:
    """The content of ``source`` in memory, by one request."""
    return pa.BufferReader(source.read_buffer())


def whole_if_small(source: pa.NativeFile) -> pa.NativeFile:
    """``source``, in memory if it is small."""
    return whole(source) if source.size() <= _SMALL else source


def ahead(function: Callable[[Given], Found], given: Iterable[Given]) -> Iterator[Found]:
    """The results of ``function`` in the order of ``given``, while at most :data:`AT_ONCE` others are computed."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        waiting: deque[Future[Found]] = deque()
        for each in given:
            waiting.append(threads.submit(function, each))
            if len(waiting) > AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
