"""Finds shapes of sentences that readers have to read twice, in Markdown and in comments: `prose.py`.

It owns the shapes, and allows none. Headings of Markdown are titles, not sentences: it does not read them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_PROSE = ("docs/zh/", "README.zh.md", "core/fuzz/corpus/", "LICENSE", "THIRD-PARTY", ".ci/prose.py")

#: A shape, and what to write instead.
SHAPES = {
    r"(?:^|[.:;] )Who(?:ever|se)? (?!is who\b)[a-z]+\b(?!.*\?)": "begin with the subject: `a client that ...`",
    r"(?:^|[.:;] )What (?!happens|is new|to |you |it |a |the |users |each |is where)[a-z]+\b(?!.*\?)": "name the thing: `data that ...`",
    r"\b(?:is|are|was|were) none\b": "`there is no ...`, or name the case",
    r"; none: ": "`null (None) means ...`",
    r"\bwhoever\b": "name who",
    r"\b(?:whereupon|thereupon|therein|wherein|hither|amongst|lest|anew|forsake[sn]?)\b": "the plain word",
    r"\bby nothing\b|\bof nothing's\b": "say what happens",
    r", for (?:it|they|there|nobody|nothing|somebody|we) ": "`because`, or a sentence of its own",
    r"\btells? of\b|\b(?:is|are|was|were) told (?:of|that|when|so|by)\b": "`reports`",
    r"\bsees? to it\b": "name the act",
    r"\bnone where\b|\bso do (?:we|they)\b|\banother's\b": "a sentence of its own",
    r"(?:^|[.:;] )(?:Nor|Neither|Only then) (?:is|are|do|does|has|have|may|can)\b": "begin with the subject",
    r"(?:^|[.:;] )To be [a-z]+ed\b": "an order: `Call it when ...`",
    r"(?:^|[.:;] )Has (?:the|a|its|each|sockets|them)\b": "`makes`, `lets`, or the verb itself",
    r"\b(?:anybody|whom|thereby|thereof|henceforth|hence|hereby|whence|ought to|lets? go)\b": "the plain word",
}
CODE = re.compile(r"`[^`]*`")
COMMENTS = {
    ".rs": re.compile(r"^\s*//[/!]?\s?(.*)|\s//\s(.*)$"),
    ".py": re.compile(r'^\s*#:?\s?(.*)|^\s*"""(.*)|\s\s#\s(.*)$'),
}
COMMENTS[".pyi"] = COMMENTS[".py"]
SCRIPT = re.compile(r"^\s*(?://|/?\*+)\s?(.*)|\s//\s(.*)$")


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that are prose, with their numbers."""
    fenced, quoted = False, ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        inside = quoted
        if path.suffix in (".py", ".pyi") and line.count('"""') % 2 == 1:
            quoted = "" if quoted else "docstring" if line.lstrip().startswith('"""') else "text"
        if inside == "docstring":
            yield number, line.strip()
        elif inside == "text":
            continue
        elif path.suffix == ".md":
            fenced ^= line.lstrip().startswith("```")
            if not fenced and not line.startswith("#"):
                yield number, line.lstrip("-*#>| ")
        elif found := COMMENTS.get(path.suffix, SCRIPT).match(line) or COMMENTS.get(path.suffix, SCRIPT).search(line):
            yield number, next(part for part in [*found.groups(), ""] if part is not None)


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    endings = (".md", ".rs", ".py", ".pyi", ".js", ".mjs", ".cjs", ".ts", ".mts")
    return [path for path in listed if path.endswith(endings) and not any(part in path for part in NOT_PROSE) and (ROOT / path).exists()]


def riddles() -> list[str]:
    """A line for each fault: its place, its words, and what to write instead."""
    return [
        f"{path}:{number}: {hit[0].strip(' .:;')!r}: {instead}"
        for path in files()
        for number, line in prose(ROOT / path)
        for shape, instead in SHAPES.items()
        if (hit := re.search(shape, CODE.sub("`", line)))
    ]


def main() -> int:
    found = riddles()
    print("".join(f"{fault}\n" for fault in found), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
