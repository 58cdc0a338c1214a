"""websocket-client's own tests, which its package ships, against the surface: those of its two public classes that need no Internet.

`FAILING` names the failing tests with reasons, `INSIDE` the tests that replace inner parts of the package. Both may only get shorter: a test
of them that passes fails this one. The score counts the tests that talk to a server on the loopback.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
import websocket
from websockets.sync.server import serve

FILES = ("test_app.py", "test_websocket.py")
LEAST = 0.8

#: Tests on the loopback that fail.
FAILING = {
    "test_reconnect": "it drops the socket with sock.shutdown() and wants the missing pong told, where ours tells of the end at once",
}
#: Refused by name, as docs/compat-websocket-client.md says.
REFUSED = {"test_suppress_host_websocket_connect"}
#: These put mocks in the place of websocket-client's parts, or bytes into its frame buffer: there is neither here.
INSIDE = {
    "test_abort_tolerates_dead_socket",
    "test_client_initiated_close_captures_peer_close_frame",
    "test_close",
    "test_close_exception_legacy_path_has_no_frame",
    "test_close_frame_parsing",
    "test_close_frame_triggers_closed_logic",
    "test_closed_string_argument_converted_to_exception",
    "test_connect_handles_redirects",
    "test_connect_redirect_invalid_target_raises",
    "test_connect_redirect_limit_exhausted_raises",
    "test_connect_redirect_without_location_raises",
    "test_custom_dispatcher_close_exception",
    "test_dispatcher_selection_custom",
    "test_dispatcher_selection_default",
    "test_dispatcher_selection_no_ping_timeout",
    "test_dispatcher_selection_ssl",
    "test_internal_recv_strict",
    "test_is_ssl_detection",
    "test_parse_close_frame_variants",
    "test_recv",
    "test_recv_timeout",
    "test_recv_with_fire_event_of_fragmentation",
    "test_recv_with_fragmentation_and_control_frame",
    "test_recv_with_prolonged_fragmentation",
    "test_recv_with_simple_fragmentation",
    "test_send",
    "test_send_frame_emits_trace_when_enabled",
    "test_settimeout_updates_underlying_socket",
    "test_shutdown_and_abort",
}
#: The modules that the files import beside the surface's: the package's own, so that the files can be imported at all.
MODULES = ("_handshake", "_http", "_utils", "_socket", "_ssl_compat", "_url", "_dispatcher")


class Score:
    """Counts passed and failed tests, as a plugin of pytest."""

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = report.nodeid.rpartition("::")[2]
        if report.failed:
            self.failed.add(name)
        elif report.when == "call" and report.passed:
            self.passed.add(name)


def echo(connection: Any) -> None:
    for message in connection:
        connection.send(message)


def on_loopback(folder: Path) -> set[str]:
    """The tests that need the local server."""
    names = set()
    for file in FILES:
        lines = (folder / file).read_text().splitlines()
        marked = [index for index, line in enumerate(lines) if line.strip().startswith("TEST_WITH_LOCAL_SERVER,")]
        names |= {next(line for line in lines[index:] if "def test" in line).split("def ")[1].split("(")[0] for index in marked}
    return names


def main() -> int:
    theirs = {name: importlib.import_module(f"websocket.{name}") for name in MODULES}
    tests = Path(websocket.__file__).parent / "tests"
    from heartwire.compat import websocket_client

    websocket_client.install()
    for name, module in theirs.items():
        sys.modules[f"websocket.{name}"] = module
        setattr(sys.modules["websocket"], name, module)
    server = serve(echo, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["LOCAL_WS_SERVER_PORT"] = str(server.socket.getsockname()[1])
    score = Score()
    with tempfile.TemporaryDirectory() as folder:
        for file in FILES:
            shutil.copy(tests / file, folder)
        shutil.copytree(tests / "data", Path(folder) / "data", dirs_exist_ok=True)
        loopback = on_loopback(Path(folder))
        options = ["-qq", "-p", "no:cacheprovider", "--tb=no", "--no-header", "--no-summary", "--rootdir", folder]
        pytest.main([*options, *(str(Path(folder) / file) for file in FILES)], plugins=[score])
    known = set(FAILING) | REFUSED | INSIDE
    new, gone = score.failed - known, known & score.passed - score.failed
    passing = loopback & score.passed
    ran = loopback & (score.passed | score.failed)
    print(f"\non the loopback: {len(passing)} of {len(ran)}; of all: {len(score.passed)} passed, {len(score.failed)} fail as known")
    for name in sorted(new):
        print(f"fails, and is not known to: {name}")
    for name in sorted(gone):
        print(f"passes: take it off the list: {name}")
    failed = len(new) + len(gone) + (len(passing) < LEAST * len(ran))
    print(f"{len(score.passed)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
