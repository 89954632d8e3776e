"""What the site adds to docs/: the pages of the repository's root, with their links.

MkDocs calls the functions; `mkdocs.yml` names this file.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
}
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The root's pages, as if they lay in docs/."""
    for source, page in PAGES.items():
        text = _LINK.sub(
            lambda link, at=source: f"]({_on_site(Path(at).parent / link[1])}",
            (ROOT / source).read_text(),
        )
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: object, **_: object) -> str:
    """Links out of docs/ lead to where the root's pages are on the site."""
    return _LINK.sub(
        lambda link: f"]({_out_of_docs(link[1])}" if "../" in link[1] else link[0], markdown
    )


def _on_site(path: Path) -> str:
    text = path.as_posix()
    return PAGES.get(text, text.removeprefix("docs/"))


def _out_of_docs(link: str) -> str:
    return PAGES.get(link.removeprefix("../"), link)
