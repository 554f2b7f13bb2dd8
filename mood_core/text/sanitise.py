"""Text from outside as it may be kept and shown: nothing in it commands a terminal, and every database takes it."""

from __future__ import annotations

import re

_BLANKS = (*range(0x09, 0x0E), 0x85, 0x2028, 0x2029)
_UNFIT = (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000))
_PLAIN = {**dict.fromkeys(_UNFIT, "\N{REPLACEMENT CHARACTER}"), **dict.fromkeys(_BLANKS, " ")}

_CREDENTIALS = re.compile(r"(?<=://)\S*@")


def without_credentials(text: str) -> str:
    """``text`` without what stands before the @ of an address in it: a name, a password or keys."""
    return _CREDENTIALS.sub("", text)


def plain(text: str) -> str:
    """``text`` with blanks for line breaks and tabs, and U+FFFD for control characters, NUL and lone surrogates.

    Signs that only direct how text is written, such as the right-to-left mark, stay.
    """
    return text if text.isprintable() else text.translate(_PLAIN)
