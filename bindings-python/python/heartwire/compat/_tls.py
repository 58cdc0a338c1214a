"""Turns an `ssl.SSLContext` into the option `tls`. Knows no surface.

A context does not reveal its certificates, nor whether it has a key. So this module records the certificates that contexts get from its
import on. For an older context it reads the authorities, if the context lists all of them; the client certificate is unknown.
"""

from __future__ import annotations

import functools
import os
import ssl
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary


class _Told:
    """The certificates that a context was given."""

    def __init__(self) -> None:
        self.platform = False
        self.authorities: list[bytes] = []
        self.folder: str | None = None
        self.chain: tuple[Any, Any, Any] | None = None


_told: WeakKeyDictionary[ssl.SSLContext, _Told] = WeakKeyDictionary()


def _note_locations(told: _Told, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
    if cafile is not None:
        told.authorities.append(Path(os.fsdecode(cafile)).read_bytes())
    if capath is not None:
        told.folder = os.fsdecode(capath)
    if cadata is not None:
        told.authorities.append(cadata.encode() if isinstance(cadata, str) else _pem(bytes(cadata)))


def _note_platform(told: _Told, *_arguments: Any, **_named: Any) -> None:
    told.platform = True


def _note_chain(told: _Told, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
    told.chain = (certfile, keyfile, password)


def _pem(der: bytes) -> bytes:
    # Several certificates may follow each other.
    text = b""
    while der[:1] == b"\x30" and len(der) > 4:
        width = der[1] & 0x7F if der[1] & 0x80 else 0
        length = 2 + width + (int.from_bytes(der[2 : 2 + width], "big") if width else der[1])
        text += ssl.DER_cert_to_PEM_cert(der[:length]).encode()
        der = der[length:]
    return text


def _watch(name: str, note: Any) -> None:
    original = getattr(ssl.SSLContext, name)

    @functools.wraps(original)
    def noting(self: ssl.SSLContext, *arguments: Any, **named: Any) -> Any:
        result = original(self, *arguments, **named)
        note(_told.setdefault(self, _Told()), *arguments, **named)
        return result

    setattr(ssl.SSLContext, name, noting)


_watch("load_verify_locations", _note_locations)
_watch("load_default_certs", _note_platform)
_watch("set_default_verify_paths", _note_platform)
_watch("load_cert_chain", _note_chain)


def tls_options(context: ssl.SSLContext, name: str | None = None) -> dict[str, Any]:
    """Return the option `tls` for a context. Raises ValueError for settings that Heartwire does not support.

    `name` is the host name for SNI and for the check, instead of the URL's.
    """
    options: dict[str, Any] = {} if name is None else {"server_name": name}
    told = _told.get(context)
    if context.verify_mode == ssl.CERT_NONE:
        options["verify"] = False
    else:
        if not context.check_hostname:
            raise ValueError("ssl: a context that checks certificates but no host name (check_hostname is False) is not supported")
        authorities = _authorities(context, told)
        if authorities:
            options["ca"] = authorities
    if context.minimum_version == ssl.TLSVersion.TLSv1_3:
        options["min_version"] = "1.3"
    if context.maximum_version not in (ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_3):
        raise ValueError(f"ssl: a context with maximum_version {context.maximum_version.name} is not supported: TLS 1.3 is offered")
    log = getattr(context, "keylog_filename", None)
    if log is not None:
        if log != os.environ.get("SSLKEYLOGFILE"):
            raise ValueError("ssl: keylog_filename must be what the environment variable SSLKEYLOGFILE names")
        options["keylog"] = True
    if told is not None and told.chain is not None:
        certificate, key, password = told.chain
        options["cert"], options["key"] = certificate, certificate if key is None else key
        password = password() if callable(password) else password
        if password is not None:
            options["password"] = password if isinstance(password, str) else bytes(password).decode()
    return options


def _authorities(context: ssl.SSLContext, told: _Told | None) -> bytes:
    """Return the certificates to trust, as PEM. Empty bytes mean those of the platform."""
    if told is None:
        if type(context).__module__.startswith("truststore"):
            return b""
        if context.cert_store_stats()["x509"] != context.cert_store_stats()["x509_ca"]:
            raise ValueError(
                "ssl: this context was made before heartwire.compat was imported, and does not tell which certificates it trusts"
            )
        return b"".join(_pem(der) for der in context.get_ca_certs(binary_form=True))
    if told.folder is not None:
        raise ValueError("ssl: certificates of a folder (capath) are not supported; give them in a file (cafile)")
    if told.platform and told.authorities:
        return b"".join([*told.authorities, b"\n", _platforms()])
    return b"\n".join(told.authorities)


def _platforms() -> bytes:
    """Return the certificates of the platform, to trust some more beside them."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return Path(paths.cafile).read_bytes()
    if paths.capath:
        return b"\n".join(path.read_bytes() for path in sorted(Path(paths.capath).glob("*.0")))
    raise ValueError("ssl: the platform's certificates cannot be read, and so no others can be trusted beside them")
