"""The Python face under Autobahn|Testsuite: echoes every case of the fuzzing server at the URL given, then asks for the report."""

import os
import sys

from heartwire import WebSocket

SERVER = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:9001"
OPTIONS = {"ping_interval": None, "max_size": 64 << 20}
if "HEARTWIRE_DRIVER" in os.environ:
    OPTIONS["driver"] = os.environ["HEARTWIRE_DRIVER"]


def converse(path, look):
    """Opens, shows each message to `look(socket, data)`, and returns after the end."""
    socket = WebSocket(SERVER + path, **OPTIONS)
    socket.onmessage = lambda event: look(socket, event.data)
    socket.run_forever()


def main():
    counts = []
    converse("/getCaseCount", lambda _socket, data: counts.append(int(data)))
    for case in range(1, counts[0] + 1):
        converse(f"/runCase?case={case}&agent=heartwire-python", lambda socket, data: socket.send(data))
    converse("/updateReports?agent=heartwire-python", lambda _socket, _data: None)
    print(counts[0], "cases")


main()
