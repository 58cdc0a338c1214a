"""Frames as `websocket-client` shows them. Knows no connection: Heartwire makes and reads the real ones."""

from __future__ import annotations

import os
import struct
from typing import ClassVar

from ._exceptions import WebSocketProtocolException

STATUS_NORMAL = 1000
STATUS_GOING_AWAY = 1001
STATUS_PROTOCOL_ERROR = 1002
STATUS_UNSUPPORTED_DATA_TYPE = 1003
STATUS_STATUS_NOT_AVAILABLE = 1005
STATUS_ABNORMAL_CLOSED = 1006
STATUS_INVALID_PAYLOAD = 1007
STATUS_POLICY_VIOLATION = 1008
STATUS_MESSAGE_TOO_BIG = 1009
STATUS_INVALID_EXTENSION = 1010
STATUS_UNEXPECTED_CONDITION = 1011
STATUS_SERVICE_RESTART = 1012
STATUS_TRY_AGAIN_LATER = 1013
STATUS_BAD_GATEWAY = 1014
STATUS_TLS_HANDSHAKE_ERROR = 1015

#: The codes that are allowed in a Close frame, beside 3000 to 4999.
VALID_CLOSE_STATUS = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)

__all__ = ["ABNF", *(name for name in dict(globals()) if name.startswith("STATUS_"))]


class ABNF:
    """A frame: its bits, its opcode, its payload."""

    OPCODE_CONT = 0x0
    OPCODE_TEXT = 0x1
    OPCODE_BINARY = 0x2
    OPCODE_CLOSE = 0x8
    OPCODE_PING = 0x9
    OPCODE_PONG = 0xA
    OPCODES = (OPCODE_CONT, OPCODE_TEXT, OPCODE_BINARY, OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG)
    OPCODE_MAP: ClassVar[dict[int, str]] = {0: "cont", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
    LENGTH_7 = 0x7E
    LENGTH_16 = 1 << 16
    LENGTH_63 = 1 << 63

    def __init__(
        self,
        fin: int = 0,
        rsv1: int = 0,
        rsv2: int = 0,
        rsv3: int = 0,
        opcode: int = OPCODE_TEXT,
        mask_value: int = 1,
        data: str | bytes | None = "",
    ) -> None:
        self.fin = fin
        self.rsv1 = rsv1
        self.rsv2 = rsv2
        self.rsv3 = rsv3
        self.opcode = opcode
        self.mask_value = mask_value
        self.data = "" if data is None else data
        self.get_mask_key = os.urandom

    def validate(self, skip_utf8_validation: bool = False) -> None:
        """Raise WebSocketProtocolException if it is not a frame that may be received."""
        if self.rsv1 or self.rsv2 or self.rsv3:
            raise WebSocketProtocolException("the reserved bits must be 0 (RFC 6455 section 5.2)")
        if self.opcode not in ABNF.OPCODES:
            raise WebSocketProtocolException(f"Invalid opcode {self.opcode!r}")
        if self.opcode == ABNF.OPCODE_PING and not self.fin:
            raise WebSocketProtocolException("Invalid ping frame.")
        if self.opcode == ABNF.OPCODE_CLOSE and self.data:
            data = self.data.encode() if isinstance(self.data, str) else self.data
            if len(data) == 1 or len(data) >= 126 or not (skip_utf8_validation or _is_utf8(data[2:])):
                raise WebSocketProtocolException("Invalid close frame.")
            code = struct.unpack("!H", data[:2])[0]
            if code not in VALID_CLOSE_STATUS and not 3000 <= code < 5000:
                raise WebSocketProtocolException(f"Invalid close opcode {code!r}")

    def __str__(self) -> str:
        data = self.data if isinstance(self.data, str) else repr(self.data)
        return f"fin={self.fin} opcode={self.opcode} data={data}"

    @staticmethod
    def create_frame(data: bytes | str, opcode: int, fin: int = 1) -> ABNF:
        """Make a frame to send; `fin=0`: others of the same message follow."""
        if opcode == ABNF.OPCODE_TEXT and isinstance(data, str):
            data = data.encode()
        return ABNF(fin, 0, 0, 0, opcode, 1, data)

    def format(self) -> bytes:
        """Return the bytes of the frame, masked."""
        if any(bit not in (0, 1) for bit in (self.fin, self.rsv1, self.rsv2, self.rsv3)):
            raise ValueError("not 0 or 1")
        if self.opcode not in ABNF.OPCODES:
            raise ValueError("Invalid OPCODE")
        data = self.data.encode() if isinstance(self.data, str) else bytes(self.data)
        first = self.fin << 7 | self.rsv1 << 6 | self.rsv2 << 5 | self.rsv3 << 4 | self.opcode
        if len(data) < ABNF.LENGTH_7:
            header = struct.pack("!BB", first, self.mask_value << 7 | len(data))
        elif len(data) < ABNF.LENGTH_16:
            header = struct.pack("!BBH", first, self.mask_value << 7 | 126, len(data))
        else:
            header = struct.pack("!BBQ", first, self.mask_value << 7 | 127, len(data))
        if not self.mask_value:
            return header + data
        key = self.get_mask_key(4)
        return header + (key.encode("latin-1") if isinstance(key, str) else key) + ABNF.mask(key, data)

    @staticmethod
    def mask(mask_key: str | bytes, data: str | bytes | None) -> bytes:
        """Mask or unmask data."""
        key = mask_key.encode("latin-1") if isinstance(mask_key, str) else bytes(mask_key)
        data = b"" if data is None else data.encode("latin-1") if isinstance(data, str) else bytes(data)
        long = (key * (len(data) // 4 + 1))[: len(data)]
        return (int.from_bytes(data, "big") ^ int.from_bytes(long, "big")).to_bytes(len(data), "big")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def close_payload(status: int, reason: str | bytes) -> bytes:
    """Return the payload of a Close frame."""
    return struct.pack("!H", status) + (reason.encode() if isinstance(reason, str) else bytes(reason))


def parse_close(data: str | bytes) -> tuple[int | None, str | None]:
    """Return the status and the reason of a Close frame's payload."""
    raw = data.encode() if isinstance(data, str) else bytes(data)
    if len(raw) < 2:
        return None, None
    return int(struct.unpack("!H", raw[:2])[0]), raw[2:].decode(errors="replace") or None
