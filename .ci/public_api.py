"""Compares the public API of the crate `heartwire` with the listing in core/public-api.txt: `public_api.py`; BLESS=1 writes it again.

It owns the joining: items of `heartwire-proto` that `heartwire` re-exports are listed under the name that users see.
Items hidden from the documentation are no part of the API. It must not know how items are printed: see public-api/.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from checkout import ROOT, TARGET

LISTING = ROOT / "core" / "public-api.txt"
TOOL = ROOT / ".ci" / "public-api"
HEAD = "# The public API of the crate `heartwire`, as `BLESS=1 python3 .ci/public_api.py` finds it. A change here is one that users may notice.\n"


def documented(package: str) -> Path:
    """The rustdoc JSON of a crate, made now."""
    command = ("cargo", "rustdoc", "--quiet", "-p", package, "--lib", *(("--features", "testing") if package == "heartwire" else ()))
    flags = ("--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow")
    subprocess.run([*command, *flags], cwd=ROOT, check=True, env={**os.environ, "RUSTDOC": str(TOOL / "rustdoc")})
    return TARGET / "doc" / f"{package.replace('-', '_')}.json"


def items(documentation: Path) -> list[str]:
    """Its public items, a line each."""
    command = (
        "cargo",
        "run",
        "--quiet",
        "--locked",
        "--manifest-path",
        TOOL / "Cargo.toml",
        "--target-dir",
        TARGET / "public-api",
        "--",
        documentation,
    )
    return subprocess.run(list(map(str, command)), cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def re_exports(documentation: Path) -> dict[str, str]:
    """What the root of `heartwire` has of `heartwire-proto`: each path there, public or of its definition, and the name here."""
    crate = json.loads(documentation.read_text())
    root = crate["index"][str(crate["root"])]["inner"]["module"]["items"]
    uses = [crate["index"][str(item)]["inner"].get("use") for item in root]
    names = {}
    for use in uses:
        if use and use["source"].startswith("heartwire_proto::"):
            defined = crate["paths"].get(str(use["id"]), {}).get("path", [])
            names[use["source"]] = names["::".join(defined) or use["source"]] = f"heartwire::{use['name']}"
    return names


def subject(line: str) -> str:
    """The path of the item that a line is about."""
    about = line.rpartition(" for ")[2] if line.startswith(("impl", "unsafe impl")) and " for " in line else line
    found = re.search(r"heartwire\w*(?:::\w+)+", about)
    return found[0] if found else ""


def listing() -> str:
    own, proto = documented("heartwire"), documented("heartwire-proto")
    names = re_exports(own)
    lines = [line for line in items(own) if not (line.startswith("pub use ") and line.removeprefix("pub use ") in names.values())]
    lines += [line for line in items(proto) if any(f"{subject(line)}::".startswith(f"{path}::") for path in names)]
    for path, name in sorted(names.items(), key=lambda entry: -len(entry[0])):
        lines = [re.sub(rf"\b{path}\b", name, line) for line in lines]
    return HEAD + "\n".join(sorted(lines, key=subject)) + "\n"


def main() -> int:
    found = listing()
    if os.environ.get("BLESS"):
        LISTING.write_text(found)
    listed = LISTING.read_text() if LISTING.exists() else ""
    changes = difflib.unified_diff(listed.splitlines(), found.splitlines(), "core/public-api.txt", "the code", lineterm="", n=0)
    print("\n".join(changes), end="")
    if listed != found:
        print("\nthe public API is not what core/public-api.txt says: `BLESS=1 python3 .ci/public_api.py` writes it anew")
    return 0 if listed == found else 1


if __name__ == "__main__":
    sys.exit(main())
