"""Real software at the other end, from Python and from Node: nginx with TLS, mosquitto with MQTT, Chromium with its DevTools.

It owns the peers and the expectations. interop/ has the programs, one for each peer and language, which print their results as JSON.
"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Process
from websockets.sync.server import ServerConnection, serve

PROGRAMS = Path(__file__).parent / "interop"
LANGUAGES = {"python": (sys.executable, "py"), "node": ("node", "mjs")}


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(language: str, program: str, *arguments: str | Path) -> Any:
    """What the program of this language saw."""
    interpreter, suffix = LANGUAGES[language]
    command = [interpreter, str(PROGRAMS / f"{program}.{suffix}"), *map(str, arguments)]
    direct = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    try:
        done = subprocess.run(command, env=direct, capture_output=True, encoding="utf-8", timeout=60)
    except subprocess.TimeoutExpired as hung:
        pytest.fail(f"{hung}: {hung.stdout!r} {hung.stderr!r}")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return json.loads(done.stdout)


def need(program: str, *other_names: str) -> str:
    """The path of a program; without it the test is skipped, or fails in CI."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin"])
    found = next(filter(None, (shutil.which(name, path=path) for name in (program, *other_names))), None)
    if found is None:
        missing = f"missing: {program} (apt-get install {program})"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def listening(port: int, *command: str | Path, within: float = 20) -> Iterator[None]:
    """A server as a child process, from when it listens."""
    server = Process(*command)
    try:
        deadline = time.monotonic() + within
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.child.poll() is None, "\n".join(["it ended:", *server.lines])
                assert time.monotonic() < deadline, "\n".join([f"nothing listens after {within} s:", *server.lines])
                time.sleep(0.02)  # the program does not report when it listens
        yield
        server.end()
    finally:
        server.kill()


# TLS through nginx

CERTIFICATES = """
[req]
prompt = no
distinguished_name = name
[name]
CN = heartwire's tests
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost
"""

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  scgi_temp_path {folder}/scgi;
  uwsgi_temp_path {folder}/uwsgi;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    server_name localhost;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $host;
    }}
  }}
}}
"""


class Tls(NamedTuple):
    """A server behind nginx, and the authority that vouches for it."""

    port: int
    authority: Path
    stranger: Path


def make_certificates(folder: Path) -> None:
    """An authority, a server's certificate signed by it, and an authority that signed nothing."""
    (folder / "certificates.conf").write_text(CERTIFICATES)
    key = ["-newkey", "rsa:2048", "-nodes", "-config", "certificates.conf"]
    signed = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-extfile", "certificates.conf", "-extensions", "server"]
    for command in (
        ["req", "-x509", *key, "-extensions", "authority", "-days", "2", "-keyout", "authority.key", "-out", "authority.pem"],
        ["req", "-x509", *key, "-extensions", "authority", "-days", "2", "-keyout", "stranger.key", "-out", "stranger.pem"],
        ["req", "-new", *key, "-keyout", "server.key", "-out", "server.csr"],
        ["x509", "-req", "-in", "server.csr", *signed, "-days", "2", "-out", "server.pem"],
    ):
        done = subprocess.run([need("openssl"), *command], cwd=folder, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    nginx, folder, port = need("nginx"), tmp_path_factory.mktemp("nginx"), free_port()
    make_certificates(folder)
    with serve(echo, "127.0.0.1", 0) as upstream:
        threading.Thread(target=upstream.serve_forever).start()
        configuration = NGINX.format(folder=folder, port=port, upstream=upstream.socket.getsockname()[1])
        (folder / "nginx.conf").write_text(configuration)
        with listening(port, nginx, "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"):
            yield Tls(port, folder / "authority.pem", folder / "stranger.pem")


def test_messages_pass_through_nginx(language: str, tls: Tls) -> None:
    seen = run(language, "echo", f"wss://localhost:{tls.port}/", tls.authority)
    assert seen == {"echoed": {"text": [5, 2**20], "binary": [256, 2**20]}, "compressed": True, "close": [1000, "done"]}


@pytest.mark.parametrize("fault", ["unknown authority", "wrong host"])
def test_a_certificate_that_proves_nothing_is_refused(language: str, tls: Tls, fault: str) -> None:
    host, authority = ("localhost", tls.stranger) if fault == "unknown authority" else ("127.0.0.1", tls.authority)
    assert run(language, "echo", f"wss://{host}:{tls.port}/", authority) == {"error": "tls_certificate", "phase": "tls"}


# MQTT by mosquitto

MOSQUITTO = """
listener {port} 127.0.0.1
protocol websockets
# 2.0.11 does not start with listeners for WebSockets alone; the socket is in a folder of the user who runs the tests.
listener 0 {folder}/socket
user root
allow_anonymous true
"""


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, port = need("mosquitto"), free_port()
    folder = tmp_path_factory.mktemp("mosquitto")
    (folder / "mosquitto.conf").write_text(MOSQUITTO.format(port=port, folder=folder))
    with listening(port, program, "-c", folder / "mosquitto.conf"):
        yield f"ws://127.0.0.1:{port}/mqtt"


def test_mosquitto_gives_back_what_was_published(language: str, mosquitto: str) -> None:
    seen = run(language, "mqtt", mosquitto, f"heartwire/{language}")
    assert seen == {"protocol": "mqtt", "packets": ["connack", "suback", "publish", "publish"], "payloads": [5, 20_000]}


# Chromium by its DevTools

PAGE = "<!doctype html><meta charset=utf-8><title>Heartwire \u2665 Chromium</title>"
QUIET = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update
    --disable-sync --disable-dev-shm-usage --remote-debugging-port=0"""


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def devtools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = need("chromium", "chromium-browser", "google-chrome")
    browser = Process(program, *QUIET.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}", "about:blank")
    try:
        yield browser.wait_for(r"^DevTools listening on (ws://\S+)", within=60)[1]
        browser.end()
    finally:
        browser.kill()


def test_chromium_tells_the_title_of_a_page(language: str, devtools: str, page: str) -> None:
    seen = run(language, "devtools", devtools, page)
    assert seen == {"title": "Heartwire \u2665 Chromium", "large": 2**20}
