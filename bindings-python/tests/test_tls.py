"""TLS against OpenSSL (Python's ssl): certificates, keys and PEM in their usual forms, and the algorithms of old devices."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable

import pytest

import heartwire
import heartwire.sync

if TYPE_CHECKING:
    from pathlib import Path


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Makes a self-signed certificate and its key."""

    def make(name: str = "server", *extra: str, key: tuple[str, ...] = ("rsa:2048",), names: bool = True) -> tuple[Path, Path]:
        cert, secret = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        alternative = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"] if names else []
        request = ["req", "-x509", "-newkey", *key, "-nodes", "-keyout", str(secret), "-out", str(cert), "-days", "30"]
        openssl(*request, "-subj", "/CN=localhost", *alternative, *extra)
        return cert, secret

    return make


@pytest.fixture
def issue(tmp_path: Path, make: Callable[..., tuple[Path, Path]]) -> Callable[..., tuple[Path, Path]]:
    """Issues certificates of an authority of our own, `authority.pem`: of version 1 without extensions."""
    authority, authority_key = make("authority", names=False)

    def issue(name: str, extensions: str | None = None, *, key: tuple[str, ...] = ("rsa:2048",)) -> tuple[Path, Path]:
        cert, secret, request = tmp_path / f"{name}.pem", tmp_path / f"{name}.key", tmp_path / f"{name}.csr"
        openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", str(secret), "-out", str(request), "-subj", f"/CN={name}")
        more = []
        if extensions is not None:
            (tmp_path / "ext").write_text(extensions)
            more = ["-extfile", str(tmp_path / "ext")]
        sign = ["x509", "-req", "-in", str(request), "-CA", str(authority), "-CAkey", str(authority_key), "-CAcreateserial"]
        openssl(*sign, "-out", str(cert), "-days", "30", *more)
        return cert, secret

    return issue


SERVER = "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n"


class Server:
    """Answers upgrades under TLS, and echoes nothing: that it opens is enough."""

    def __init__(self, cert: Path, key: Path, ciphers: str = "", **settings: Any) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if ciphers:
            self.context.set_ciphers(ciphers)
        self.context.load_cert_chain(cert, key)
        for name, value in settings.items():
            setattr(self.context, name, value)
        self.seen: list[Any] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        try:
            with self.context.wrap_socket(raw, server_side=True) as stream:
                self.seen.append(stream.getpeercert())
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += stream.recv(4096)
                key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
                accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
                lines = [b"HTTP/1.1 101 X", b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + accept, b"", b""]
                stream.sendall(b"\r\n".join(lines))
                stream.recv(4096)
        except OSError:
            pass


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def serve(pair: tuple[Path, Path], ciphers: str = "", **settings: Any) -> Server:
        servers.append(Server(*pair, ciphers, **settings))
        return servers[-1]

    yield serve
    for server in servers:
        server.listener.close()


def opens(server: Server, host: str = "localhost", **tls: Any) -> str:
    """Give "open", or the error's words."""
    try:
        heartwire.sync.connect(f"wss://{host}:{server.port}/", tls=tls, proxy=None).close()
    except heartwire.WebSocketError as error:
        shown = f"{error.code}: {error} {error.__cause__}"
        for debug in ("OtherError", "Other(", "InvalidCertificate", "{", "Context"):
            assert debug not in shown, shown
        return shown
    return "open"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("key", "extra"),
    [
        (("rsa:2048",), ()),
        (("rsa:2048",), ("-addext", "keyUsage=critical,keyCertSign,cRLSign")),
        (("ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"), ()),
        (("ec", "-pkeyopt", "ec_paramgen_curve:P-384"), ("-addext", "extendedKeyUsage=clientAuth")),
        (("rsa:2048",), ("-sha1",)),
        (("ed25519",), ()),
    ],
)
def test_a_certificate_that_is_trusted_itself(make: Any, serve: Any, version: ssl.TLSVersion, key: Any, extra: Any) -> None:
    if "ec_paramgen_curve:secp521r1" in key and version == ssl.TLSVersion.TLSv1_2:
        pytest.skip("in TLS 1.2 a server shows a certificate on P-521 only to clients that exchange keys on it")
    cert, secret = make("server", *extra, key=key)
    server = serve((cert, secret), minimum_version=version, maximum_version=version)
    assert opens(server, ca=cert) == "open"
    assert opens(server, "127.0.0.1", ca=cert.read_bytes()) == "open"
    assert "unknown issuer" in opens(server) or "tls.ca" in opens(server)
    assert "wrong host" in opens(server, ca=cert, server_name="other.example")


def test_one_without_names_is_for_its_common_name(make: Any, serve: Any) -> None:
    cert, secret = make(names=False)
    server = serve((cert, secret))
    assert opens(server, ca=cert) == "open"
    assert "wrong host" in opens(server, "127.0.0.1", ca=cert)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_one_of_version_1_is_trusted_itself(tmp_path: Path, serve: Any, version: ssl.TLSVersion) -> None:
    key, request, cert = tmp_path / "key", tmp_path / "csr", tmp_path / "cert"
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(request), "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", str(request), "-signkey", str(key), "-out", str(cert), "-days", "30")
    server = serve((cert, key), minimum_version=version, maximum_version=version)
    assert opens(server, ca=cert) == "open"
    assert "wrong host" in opens(server, ca=cert, server_name="other.example")


def test_dates_of_a_trusted_one_are_checked(tmp_path: Path, serve: Any, make: Any) -> None:
    _, key = make()
    past = tmp_path / "past.pem"
    request = tmp_path / "past.csr"
    openssl("req", "-new", "-key", str(key), "-out", str(request), "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", str(request), "-signkey", str(key), "-out", str(past), "-days", "-1")
    assert "expired" in opens(serve((past, key)), ca=past)


def test_pem_as_it_is_found(tmp_path: Path, make: Any, serve: Any) -> None:
    cert, key = make()
    server = serve((cert, key))
    pem = cert.read_bytes()
    forms = {
        "as it is": pem,
        "CRLF": pem.replace(b"\n", b"\r\n"),
        "BOM and CRLF": b"\xef\xbb\xbf" + pem.replace(b"\n", b"\r\n"),
        "Latin-1 text before": b"Subject: CN=M\xfcnchen\n" + pem,
        "Latin-1 text behind": pem + b"# f\xfcr alle\n",
        "blanks at line ends": pem.replace(b"\n", b"  \n"),
        "the key before it": key.read_bytes() + pem,
        "no newline at the end": pem.strip(),
        "two joined, each with a mark": b"\xef\xbb\xbf" + pem + b"\xef\xbb\xbf" + pem,
        "tabs before the lines": pem.replace(b"\n", b"\n\t"),
    }
    for index, (name, data) in enumerate(forms.items()):
        path = tmp_path / f"{index}.pem"
        path.write_bytes(data)
        for given in (path, str(path), data, bytearray(data), memoryview(data)):
            assert opens(server, ca=given) == "open", name


def test_an_identity_in_one_pem(tmp_path: Path, issue: Any, serve: Any) -> None:
    server = serve(issue("server", SERVER), verify_mode=ssl.CERT_REQUIRED)
    authority = tmp_path / "authority.pem"
    server.context.load_verify_locations(authority)
    cert, key = issue("client", "basicConstraints=CA:FALSE\n")
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    pem, secret, root = cert.read_text(), key.read_text(), authority.read_text()
    for form in (
        {"cert": cert, "key": key},
        {"cert": secret + pem + root, "key": secret + pem + root},
        {"cert": secret + pem},
        {"cert": (pem + root + secret).encode()},
        {"cert": root + pem + secret},
        {"cert": ("Bag Attributes\n  friendlyName: bot\n" + pem + secret).replace("\n", "\r\n")},
        {"cert": both},
    ):
        assert opens(server, ca=authority, **form) == "open", form
    assert "client" in str(server.seen[-1]["subject"])
    assert "do not fit" in opens(server, ca=authority, cert=cert, key=tmp_path / "server.key")
    assert "needs its key" in opens(server, ca=authority, cert=cert)


@pytest.mark.parametrize("key", [("rsa:2048",), ("ec", "-pkeyopt", "ec_paramgen_curve:secp521r1")])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificates_are_for_the_server_to_judge(tmp_path: Path, issue: Any, serve: Any, key: Any, version: Any) -> None:
    if "ec_paramgen_curve:secp521r1" in key and version == ssl.TLSVersion.TLSv1_2:
        pytest.skip("in TLS 1.2 OpenSSL takes a certificate on P-521 only from clients that exchange keys on it")
    server = serve(issue("server", SERVER), minimum_version=version, maximum_version=version, verify_mode=ssl.CERT_REQUIRED)
    authority = tmp_path / "authority.pem"
    server.context.load_verify_locations(authority)
    cert, secret = issue("client", key=key)  # version 1, where this OpenSSL makes it
    assert opens(server, ca=authority, cert=cert, key=secret) == "open"


def test_keys_that_cannot_be_used_are_named(tmp_path: Path, make: Any, serve: Any) -> None:
    server = serve(make())
    cert, key = make("small", key=("rsa:1024",))
    assert "RSA of 1024 bits" in opens(server, cert=cert, key=key)
    (tmp_path / "p12").write_bytes(b"\x30\x82\x01\x00")
    assert "PKCS#12" in opens(server, cert=tmp_path / "p12", key=key)


@pytest.mark.parametrize("cipher", ["-aes256", "-des3"])
def test_a_password_opens_an_encrypted_key(tmp_path: Path, issue: Any, serve: Any, cipher: str) -> None:
    server = serve(issue("server", SERVER), verify_mode=ssl.CERT_REQUIRED)
    authority = tmp_path / "authority.pem"
    server.context.load_verify_locations(authority)
    cert, key = issue("client", "basicConstraints=CA:FALSE\n")
    locked = tmp_path / "locked.key"
    openssl("pkcs8", "-topk8", "-v2", cipher[1:], "-in", str(key), "-out", str(locked), "-passout", "pass:s3cret")
    assert opens(server, ca=authority, cert=cert, key=locked, password="s3cret") == "open"
    both = cert.read_text() + locked.read_text()
    assert opens(server, ca=authority, cert=both, password="s3cret") == "open"
    # Unused for a key that is not encrypted, as with OpenSSL.
    assert opens(server, ca=authority, cert=cert, key=key, password="s3cret") == "open"
    wrong = opens(server, ca=authority, cert=cert, key=locked, password="s3cret-not")
    assert "does not decrypt" in wrong
    assert "s3cret" not in wrong
    assert "tls.password" in opens(server, ca=authority, cert=cert, key=locked)


def test_every_form_of_an_encrypted_key_opens_or_names_the_way_out(tmp_path: Path, issue: Any, serve: Any) -> None:
    server = serve(issue("server", SERVER), verify_mode=ssl.CERT_REQUIRED)
    authority = tmp_path / "authority.pem"
    server.context.load_verify_locations(authority)
    locked = tmp_path / "locked.key"
    for key in (("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), ("ed25519",)):
        cert, plain = issue("client", "basicConstraints=CA:FALSE\n", key=key)
        for form in ("-v2 aes-128-cbc", "-v2 aes-256-cbc -scrypt", "-v2 aes-256-cbc -v2prf hmacWithSHA512"):
            openssl("pkcs8", "-topk8", *form.split(), "-in", str(plain), "-out", str(locked), "-passout", "pass:s3cret")
            assert opens(server, ca=authority, cert=cert, key=locked, password="s3cret") == "open", (key, form)
    cert, plain = issue("client", "basicConstraints=CA:FALSE\n", key=("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"))
    openssl("ec", "-aes256", "-in", str(plain), "-out", str(locked), "-passout", "pass:s3cret")
    words = opens(server, ca=authority, cert=cert, key=locked, password="s3cret")
    assert "openssl pkcs8" in words
    assert "s3cret" not in words
    openssl("pkcs12", "-export", "-in", str(cert), "-inkey", str(plain), "-passout", "pass:s3cret", "-out", str(locked))
    assert "openssl pkcs12" in opens(server, ca=authority, cert=locked, password="s3cret")


@pytest.mark.parametrize("suite", ["ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA", "AES256-GCM-SHA384", "DHE-RSA-AES256-GCM-SHA384"])
def test_what_old_devices_speak_is_named(make: Any, serve: Any, suite: str) -> None:
    cert, key = make()
    server = serve((cert, key), suite + ":@SECLEVEL=0", maximum_version=ssl.TLSVersion.TLSv1_2)
    words = opens(server, ca=cert)
    assert "tls_failed" in words
    assert "CBC, RSA key exchange or finite-field DHE are not spoken" in words


def test_a_weak_key_is_no_wrong_signature(make: Any, serve: Any) -> None:
    cert, key = make(key=("rsa:1024",))
    words = opens(serve((cert, key), ciphers="DEFAULT:@SECLEVEL=0"), ca=cert)
    assert "RSA key of 1024 bits" in words
    assert "signature" not in words
