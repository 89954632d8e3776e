"""What is on a page as a file: plain text, CSV or JSON, by the end of its name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from promlatest._matching.floats import format_float, json_number
from promlatest.exceptions import UsageError
from promlatest.views.cells import Line, text_of
from promlatest.views.sheet import RowKey, Sheet
from promlatest.views.table import table_lines

_WIDE: Final = 100_000  # cells: a table in a file goes on to the right


def export(
    sheet: Sheet[Any] | None, keys: Sequence[RowKey], lines: Sequence[Line], path: Path
) -> str:
    """Write what a page shows; gives in words what was written.

    Args:
        sheet: the table of the page; None: it has none.
        keys: its rows, in their order.
        lines: the lines of a page without a table.
        path: of the file; its end says the format.

    Raises:
        UsageError: no such format, a page without a table that is to be one, or a file
            that cannot be written.
    """
    write = _FORMATS.get(path.suffix)
    if write is None:
        raise UsageError(f"expected a name that ends in {', '.join(_FORMATS)}: {path}")
    if sheet is None and path.suffix != ".txt":
        raise UsageError(f"this page is no table: it can be written as .txt, not as {path}")
    try:
        path.write_text(write(sheet, keys, lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    return f"{len(keys)} rows" if sheet is not None else f"{len(lines)} lines"


def _text(sheet: Sheet[Any] | None, keys: Sequence[RowKey], lines: Sequence[Line]) -> str:
    if sheet is not None:
        rows = {key: sheet.rows[key] for key in keys}
        lines = table_lines(Sheet(sheet.columns, rows), _WIDE)
    return "".join(f"{text_of(each)}\n" for each in lines)


def _csv(sheet: Sheet[Any] | None, keys: Sequence[RowKey], lines: Sequence[Line]) -> str:
    written = io.StringIO()
    heads, rows = _table(sheet, keys)
    told = [[format_float(v) if isinstance(v, float) else v for v in row] for row in rows]
    csv.writer(written).writerows([heads, *told])
    return written.getvalue()


def _json(sheet: Sheet[Any] | None, keys: Sequence[RowKey], lines: Sequence[Line]) -> str:
    heads, rows = _table(sheet, keys)
    told = [
        {
            head: json_number(value) if isinstance(value, float) else value
            for head, value in zip(heads, row, strict=True)
        }
        for row in rows
    ]
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def _table(
    sheet: Sheet[Any] | None, keys: Sequence[RowKey]
) -> tuple[list[str], list[list[Any]]]:
    """The heads and the data of all columns but those that are pictures, as trends are."""
    if sheet is None:
        return [], []
    made = [sheet.cells(key) for key in keys]
    told = [
        at
        for at in range(len(sheet.columns))
        if not made or any(cells[at].tone != "bar" for cells in made)
    ]
    heads = [f"{sheet.columns[at].group} {sheet.columns[at].title}".strip() for at in told]
    return heads, [[_datum(sheet, key, at) for at in told] for key in keys]


def _datum(sheet: Sheet[Any], key: RowKey, at: int) -> Any:
    """What a machine wants of a cell: the number that it says, in its base unit, or else
    its text without signs."""
    order = sheet.columns[at].order
    value = order(sheet.rows[key]) if order is not None else ()
    if value is None or isinstance(value, str | int | float):
        return value
    return sheet.cells(key)[at].text.strip()


_WriteText = Callable[[Sheet[Any] | None, Sequence[RowKey], Sequence[Line]], str]
_FORMATS: Final[Mapping[str, _WriteText]] = {".txt": _text, ".csv": _csv, ".json": _json}
