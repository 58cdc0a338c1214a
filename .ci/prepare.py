"""Installs the needs of a make target into this checkout: `prepare.py [server] [python] [node] [tools]`.

If it cannot install something, one line names it. It must not know how things are installed: see checkout.py.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import checkout

PARTS: dict[str, Callable[[], object]] = {
    "server": checkout.build_server,
    "python": checkout.python_face,
    "node": checkout.node_face,
    "tools": lambda: checkout.npm_install(checkout.ROOT / "tests"),
}


def main() -> int:
    try:
        for part in sys.argv[1:]:
            PARTS[part]()
    except checkout.Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failure:
        print(f"failed with status {failure.returncode}: {' '.join(map(str, failure.cmd))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
