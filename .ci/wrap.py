"""Keeps lines of prose within 100 columns, in Markdown: `wrap.py`; `--write` wraps what is longer.

It owns what a paragraph is, and where it may break. It touches no other line: tables, code, headings, links and generated files stay.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100
#: Chinese has no spaces to break at; the rest is made by programs, or by others.
NOT_OURS = ("docs/zh/", "README.zh.md", "core/fuzz/corpus/", "LICENSE", "THIRD-PARTY", "benches/results/")
GENERATED = re.compile(r"do not edit|@generated", re.IGNORECASE)

ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s+")
#: A line that is no running text: heading, table, fence, HTML, target of a link, admonition, tab, rule, quotation.
OTHER = re.compile(r"#|\||```|~~~|<|\[[^\]]+\]:|!!!|\?\?\?|===|---|:::|\*\*\*$|>|@|\\")
#: A line of text must not begin with these: Markdown would read them as something else there.
NOT_FIRST = re.compile(r"(?:[-*+>|=]|#+|\d+[.)]|!!!|:|@\w*|```.*)$")
#: Pieces that stay on one line: code, links, and words.
PIECE = re.compile(r"(?:`+[^`]*`+|!?\[[^\]]*\]\([^)]*\)|[^\s`\[]|[`\[])+")


@dataclass
class Paragraph:
    """Lines of one paragraph: `first` stands before its first word, `rest` before the first word of each further line."""

    first: str
    rest: str
    start: int
    texts: list[str] = field(default_factory=list)

    def wrapped(self) -> list[str]:
        lines, line = [], self.first
        room = False
        for piece in (match[0] for match in PIECE.finditer(" ".join(self.texts))):
            if room and len(line) + 1 + len(piece) > WIDTH and not NOT_FIRST.match(piece):
                lines.append(line)
                line, room = self.rest, False
            line += f" {piece}" if room else piece
            room = True
        return [*lines, line]


def paragraphs(lines: list[str]) -> Iterator[Paragraph]:
    """The paragraphs of running text, and those of lists."""
    fence = ""
    now: Paragraph | None = None
    for number, line in enumerate(lines):
        body = line.lstrip()
        indent = line[: len(line) - len(body)]
        if mark := re.match(r"(```+|~~~+)", body):
            fence = "" if fence and body.startswith(fence) else fence or mark[1]
        item = ITEM.match(body)
        ends = not body or bool(fence) or bool(OTHER.match(body)) or line.endswith(("  ", "\\"))
        if now and (ends or item):
            yield now
            now = None
        if ends:
            continue
        if now:
            now.texts.append(body)
        else:
            mark_of_item = item[0] if item else ""
            now = Paragraph(indent + mark_of_item, indent + " " * len(mark_of_item), number, [body[len(mark_of_item) :]])
    if now:
        yield now


def wrap(path: Path) -> tuple[list[str], list[int]]:
    """The lines as they should be, and the numbers of those that are too long."""
    lines = path.read_text(encoding="utf-8").splitlines()
    new, done, long = [], 0, []
    for paragraph in paragraphs(lines):
        end = paragraph.start + len(paragraph.texts)
        # A line without a place to break may be longer.
        wide = [number for number in range(paragraph.start, end) if len(lines[number]) > WIDTH]
        wrapped = paragraph.wrapped() if wide else lines[paragraph.start : end]
        new += [*lines[done : paragraph.start], *wrapped]
        if wide and wrapped != lines[paragraph.start : end]:
            long += [number + 1 for number in wide]
        done = end
    return [*new, *lines[done:]], long


def files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    ours = [ROOT / path for path in listed if path.endswith(".md") and not any(part in path for part in NOT_OURS)]
    return [path for path in ours if path.exists() and not GENERATED.search(path.read_text(encoding="utf-8")[:400])]


def main() -> int:
    faults = 0
    for path in files():
        lines, long = wrap(path)
        faults += len(long)
        if "--write" in sys.argv[1:] and long:
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        elif long:
            print(f"{path.relative_to(ROOT)}:{long[0]}: {len(long)} lines of prose over {WIDTH} columns (python3 .ci/wrap.py --write)")
    return 1 if faults and "--write" not in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
