"""Docstrings as Markdown: their examples become code, `::` what it means.

griffe calls `Examples`; `mkdocs.yml` names this file.
"""

from __future__ import annotations

import re

import griffe

_LITERAL = re.compile(r"^(?:::|(?P<said>.*[^:\s])::)$", re.M)


class Examples(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """A block that begins with a prompt goes between fences; an indented one is code."""
    said = _LITERAL.sub(lambda line: f"{line['said']}:" if line["said"] else "", docstring)
    return "\n\n".join(map(_fenced, said.split("\n\n")))


def _fenced(block: str) -> str:
    return f"```pycon\n{block}\n```" if block.startswith(">>> ") else block
