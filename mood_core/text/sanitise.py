"""Sanitises text from outside, so that it is safe for terminals and databases."""

from __future__ import annotations

import re

_BLANKS = (*range(0x09, 0x0E), 0x85, 0x2028, 0x2029)
_UNFIT = (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000))
_PLAIN = {**dict.fromkeys(_UNFIT, "\N{REPLACEMENT CHARACTER}"), **dict.fromkeys(_BLANKS, " ")}

_NOT_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""Not compiled here: that takes 5 ms at the start of every command."""
BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""The bidirectional controls: those of a title could reorder the text around it."""

_IN_BIDI = re.compile(f"[{''.join(map(chr, BIDI))}]")
_COMMANDS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]|\x1b(?!\[)")
"""Control characters but for tabs, line ends, and what begins a colour or moves the cursor: moodlog writes these."""

_CREDENTIALS = re.compile(r"(?<=://)\S*@")


def without_credentials(text: str) -> str:
    """``text`` without the credentials (before the @) of URLs in it."""
    return _CREDENTIALS.sub("", text)


def plain(text: str) -> str:
    """``text`` with spaces for line breaks and tabs, and U+FFFD for control characters, NUL and lone surrogates.

    Invisible formatting characters, such as the right-to-left mark, are kept.
    """
    return text if text.isprintable() else text.translate(_PLAIN)


def without_bidi(text: str) -> str:
    """``text`` without bidirectional controls, as terminals and pages show it."""
    return text if text.isascii() else _IN_BIDI.sub("", text)


def without_commands(text: str) -> str:
    """``text`` without commands to the terminal that moodlog never gives: its title, its clipboard, its modes.

    The last guard for text on its way out; :func:`plain` leaves no control character in the text of a name.
    """
    return _COMMANDS.sub("\N{REPLACEMENT CHARACTER}", text)


def xml_text(text: str) -> str:
    """``text`` without bidirectional controls and the characters that XML forbids, even escaped."""
    return re.sub(_NOT_XML, "", without_bidi(text))
