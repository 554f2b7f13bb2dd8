"""Makes text safe for spreadsheets, which execute cells that begin like a formula."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

# Also full-width, small and raised forms, which some spreadsheets read as the plain sign.
_SIGNS = r"=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}\x{FE66}\x{FE62}\x{FE63}\x{FE6B}\x{207A}-\x{207C}"
_HIDDEN = r"\t\r\n\x{00AD}\x{034F}\x{061C}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}"
_FORMULA = rf"^([{_HIDDEN}]|[\s\x{{00A0}}\x{{3000}}]*[{_SIGNS}])"
"""A leading tab, line break or invisible control (text direction, zero width); or a symbol after optional spaces."""


def without_formulas(table: pa.Table) -> pa.Table:
    """``table`` with an apostrophe before each text that a spreadsheet would execute as a formula."""
    return pa.table(dict(zip(table.column_names, map(_without_formula, table.columns), strict=True)))


def _without_formula(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # Any uploader of a track can choose its title.
    return pc.replace_substring_regex(column, _FORMULA, r"'\1") if pa.types.is_string(column.type) else column
