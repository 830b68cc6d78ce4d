"""
The site's pages that stand elsewhere in the repository, and links as they are on GitHub: mkdocs imports this.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!\w+:|#)([^)\s]+)\)")


def sources() -> dict[str, str]:
    """
    Return the pages that are not in docs/: path in the repository to path on the site.
    """
    found = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
    found |= {"benchmarks/README.md": "benchmarks.md", "SECURITY.md": "security.md"}
    for path in sorted([*ROOT.glob("plugins/*/README.md"), *ROOT.glob("adapters/*/README.md")]):
        found[path.relative_to(ROOT).as_posix()] = f"plugins/{path.parent.name.removeprefix('greensdk_')}.md"
    return found


def pages() -> dict[str, str]:
    """
    Return all pages and pictures: path in the repository to path on the site.
    """
    docs = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".md", ".svg", ".png")]
    return sources() | {path.relative_to(ROOT).as_posix(): path.relative_to(ROOT / "docs").as_posix() for path in docs}


def on_files(files: Files, config: Any) -> Files:
    """
    Add the pages that are not in docs/.
    """
    for source, path in sources().items():
        files.append(File.generated(config, path, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """
    Turn links between files of the repository into links between pages; what is no page keeps its name only.
    """
    known = pages()
    here = next((source for source, path in known.items() if path == page.file.src_uri), "")

    def turned(link: re.Match[str]) -> str:
        path, hash_, anchor = link[2].partition("#")
        target = known.get(posixpath.normpath(posixpath.join(posixpath.dirname(here), path)))
        if target is None:
            return link[1]
        return f"[{link[1]}]({posixpath.relpath(target, posixpath.dirname(page.file.src_uri))}{hash_}{anchor})"

    return LINK.sub(turned, markdown)
