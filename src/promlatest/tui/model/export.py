"""What is on a page as a file: plain text, CSV or JSON, by the end of its name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

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
    rows = _table(sheet, keys)
    csv.writer(written).writerows([_heads(sheet), *rows])
    return written.getvalue()


def _json(sheet: Sheet[Any] | None, keys: Sequence[RowKey], lines: Sequence[Line]) -> str:
    heads = _heads(sheet)
    rows = [dict(zip(heads, row, strict=True)) for row in _table(sheet, keys)]
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


def _heads(sheet: Sheet[Any] | None) -> list[str]:
    columns = sheet.columns if sheet is not None else ()
    return [f"{each.group} {each.title}".strip() for each in columns]


def _table(sheet: Sheet[Any] | None, keys: Sequence[RowKey]) -> list[list[str]]:
    if sheet is None:
        return []
    return [[cell.text.strip() for cell in sheet.cells(key)] for key in keys]


_WriteText = Callable[[Sheet[Any] | None, Sequence[RowKey], Sequence[Line]], str]
_FORMATS: Final[Mapping[str, _WriteText]] = {".txt": _text, ".csv": _csv, ".json": _json}
