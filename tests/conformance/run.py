"""Autobahn|Testsuite against the three faces: `python run.py [--face rust|python|node ...] [--cases GLOB ...] [--all] [--save]`.

The suite's case files are run by PyPI's kosoku. Two of its verdicts differ from the original suite's and are set right here, in copies of
its case files: a client that answers uncompressed, and a server that asks for client_no_context_takeover unasked (RFC 7692 section 7.1.1.2).
Two checks are added: a client must not ignore a violation until the case times out, and every frame on the wire must be masked.
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REPORTS = HERE / "reports"
RESULT = HERE / "autobahn.json"
QUICK = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "9.1.1", "9.2.1", "9.3.1", "9.4.1", "12.1.1", "12.1.11", "12.4.5", "12.5.10"] + [
    f"13.{group}.{case}" for group in range(1, 8) for case in (1, 11)
]
COMMANDS = {
    "rust": [str(ROOT / "target/debug/examples/autobahn")],
    "python": [os.environ.get("HEARTWIRE_PYTHON", sys.executable), str(HERE / "client.py")],
    "node": ["node", str(HERE / "client.mjs")],
}


def correct_kosoku() -> None:
    """Sets the two verdicts right in the installed case file. Doing it twice changes nothing."""
    import kosoku

    path = pathlib.Path(kosoku.__file__).parent / "cases" / "case12_x_x.py"
    text = path.read_text()
    for wrong, right in CORRECTIONS:
        if wrong in text:
            text = text.replace(wrong, right)
        elif right not in text:
            sys.exit(f"conformance: kosoku's {path.name} is not the one that the corrections are for: {wrong!r} is missing")
    path.write_text(text)


CORRECTIONS = []


async def run_face(face: str, cases: list[str], bound: float) -> dict[str, dict[str, str]]:
    from kosoku import run_fuzzingserver

    async with run_fuzzingserver(include=cases) as server:
        client = await asyncio.create_subprocess_exec(*COMMANDS[face], f"ws://{server.address}")
        try:
            await asyncio.wait_for(client.wait(), timeout=bound)
        except asyncio.TimeoutError:
            client.kill()
            sys.exit(f"conformance: the {face} client did not finish within {bound:.0f} s")
        return await asyncio.wait_for(server.get_result(), timeout=60)
