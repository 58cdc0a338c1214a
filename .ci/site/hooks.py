"""Does three things that mkdocs does not: generated pages, pages from elsewhere in `nav`, links out of docs/.

It owns how the site is put together from the repository. It must not know what the pages say.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig  # type: ignore[import-not-found]
from mkdocs.exceptions import PluginError  # type: ignore[import-not-found]
from mkdocs.structure.files import File, Files  # type: ignore[import-not-found]
from mkdocs.structure.pages import Page  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "target" / "site-node"  # made by typedoc: see .ci/docs.py
#: Titles of the pages that typedoc makes, by file.
NODE_PAGES = {
    "index.md": "Node API: heartwire",
    "testing.md": "Node API: heartwire/testing",
    "ws.md": "Node API: heartwire/ws",
    "ws.Namespace.WebSocket.md": "Node API: types of heartwire/ws",
}
#: Pages about the use beside or instead of other libraries. A new page needs no change in mkdocs.yml.
COMPATIBILITY = ("compat*.md", "migrat*.md", "ws.md", "nonebot.md", "compat*/*.md", "migrat*/*.md")
#: The script that searches pages opened as files. The theme would load it from a server on the network.
SHIM, SHIM_THERE = "assets/iframe-worker-shim.js", "https://unpkg.com/iframe-worker/shim"
SHIM_HERE = Path(__file__).parent / "node_modules" / "iframe-worker" / "shim" / "index.js"
LINK = re.compile(r"(\]\()((?:\.\./)+[^)#\s]*)(#[^)]*)?(?=\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fills in `nav`: the compatibility pages, the Node reference behind that of Python, and every page that `nav` does not name."""
    docs = Path(config.docs_dir)
    sections: dict[str, list[Any]] = {title: value for entry in config.nav or [] for title, value in entry.items() if isinstance(value, list)}
    if not sections:
        return config
    sections["Compatibility"] += sorted({path.relative_to(docs).as_posix() for pattern in COMPATIBILITY for path in docs.glob(pattern)})
    sections["Reference"][3:3] = [{title: f"reference/node/{name}"} for name, title in NODE_PAGES.items()]
    named = re.findall(r"[\w/.-]+\.md", repr(config.nav))
    for page in sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md")):
        if page not in named:
            sections["Cookbook" if page.startswith("cookbook/") else "Guides"].append(page)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that typedoc made."""
    missing = [name for name in NODE_PAGES if not (NODE / name).exists()]
    if missing:
        raise PluginError(f"no {', '.join(missing)} in {NODE}: build with `make docs`, which runs typedoc first")
    files.append(File.generated(config, SHIM, content=SHIM_HERE.read_text(encoding="utf-8")))
    for name, title in NODE_PAGES.items():
        text = f"# {title}\n\n{(NODE / name).read_text(encoding='utf-8')}"
        files.append(File.generated(config, f"reference/node/{name}", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Points links to the repository's other files to its page, because they are not part of the site. A dead link is an error."""
    if page.file.generated_by:
        return markdown
    here = (Path(config.docs_dir) / page.file.src_path).parent

    def lead(match: re.Match[str]) -> str:
        target = (here / match[2]).resolve()
        if target.is_relative_to(config.docs_dir):
            return match[0]
        if not target.exists():
            raise PluginError(f"{page.file.src_path}: nothing is at {match[2]}")
        kind = "tree" if target.is_dir() else "blob"
        return f"{match[1]}{config.extra['repository']}/{kind}/main/{target.relative_to(ROOT).as_posix()}{match[3] or ''}"

    return LINK.sub(lead, markdown)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Makes pages load the shim from the site."""
    return output.replace(SHIM_THERE, f"{'../' * page.url.count('/')}{SHIM}")


def on_post_template(output_content: str, **_: Any) -> str:
    """Does the same for the page of a wrong address."""
    return output_content.replace(SHIM_THERE, SHIM)
