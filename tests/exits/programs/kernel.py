"""A notebook: `kernel.py WAY` starts a kernel of Jupyter, makes the socket in a cell, and prints the end of the kernel."""

from __future__ import annotations

import signal
import sys
from typing import Any

from jupyter_client.manager import KernelManager

WAY = sys.argv[-1]
CELL = """
import asyncio, os, sys
import heartwire
gone = asyncio.get_running_loop().create_future()
ws = heartwire.WebSocket(os.environ["EXITS_URL"])
ws.onopen = lambda event: ws.send(f"ready {os.getpid()}")
ws.onmessage = lambda event: gone.set_result(None)
await gone
"""


def main() -> None:
    """Run the cell, and leave."""
    # Not over TCP: its ports are chosen before the kernel binds them, and may be taken by then.
    manager = KernelManager(transport="ipc")
    manager.start_kernel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=90)
    # A notebook's menu ends the kernel like this, also behind a cell that has failed.
    last = "\nraise RuntimeError('as the test wants it')" if WAY == "exception" else ""
    if WAY in ("return", "exception"):
        client.execute_interactive(CELL + last, timeout=90)
        client.shutdown()
    else:
        client.execute(CELL + ("\nexit()" if WAY == "exit" else ""))
    provisioner: Any = manager.provisioner
    process = provisioner.process
    process.wait()
    print("status", process.returncode, flush=True)
    client.stop_channels()


if __name__ == "__main__":
    main()
