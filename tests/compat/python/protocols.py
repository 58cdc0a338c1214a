"""The protocols of the SDKs' servers: how a text reaches a bot, and how to recognise its answer. No sockets."""

from __future__ import annotations

import json
import struct
from typing import Any

from aiohttp import web


class Protocol:
    """Texts as they are; a bot is ready when it is connected."""

    async def http(self, request: web.Request, ws: str) -> Any:
        """The answer to a request that is no upgrade, as JSON."""
        return None

    async def greet(self, connection: Any) -> None:
        """Sends the first messages; `connection.ready` is set when the bot is ready for more."""
        connection.ready.set()

    def pinged(self, connection: Any) -> None:
        """The bot has pinged."""

    def wrap(self, text: str) -> str | bytes:
        """The message that has the bot hear a text."""
        return json.dumps({"text": text})

    async def heard(self, connection: Any, data: Any) -> str | None:
        """What the bot has answered, if it is that."""
        return str(data) if str(data).startswith("re: ") else None


class DingTalk(Protocol):
    """Callbacks, acknowledged with data."""

    async def http(self, request: web.Request, ws: str) -> Any:
        return {"endpoint": ws + "/connect", "ticket": "ticket"}

    def wrap(self, text: str) -> str:
        if text == "close":
            return json.dumps({"specVersion": "1.0", "type": "SYSTEM", "headers": self._headers("disconnect"), "data": "{}"})
        return json.dumps({"specVersion": "1.0", "type": "CALLBACK", "headers": self._headers("/bot"), "data": json.dumps({"text": text})})

    def _headers(self, topic: str) -> dict[str, str]:
        return {"appId": "a", "connectionId": "c", "contentType": "application/json", "messageId": "m", "time": "1", "topic": topic}

    async def heard(self, connection: Any, data: Any) -> str | None:
        answer = json.loads(json.loads(data).get("data") or "{}").get("response")
        return answer if isinstance(answer, str) else None


class Lark(Protocol):
    """Frames of protobuf, acknowledged with a status."""

    async def http(self, request: web.Request, ws: str) -> Any:
        settings = {"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 1, "PingInterval": 60}
        return {"code": 0, "msg": "ok", "data": {"URL": ws + "/ws?device_id=1&service_id=1", "ClientConfig": settings}}

    def wrap(self, text: str) -> bytes:
        from lark_oapi.ws.pb import pbbp2_pb2

        message = {"message_id": "m", "message_type": "text", "content": json.dumps({"text": text})}
        event = {"schema": "2.0", "header": {"event_id": "e", "event_type": "im.message.receive_v1"}, "event": {"message": message}}
        frame = pbbp2_pb2.Frame(SeqID=1, LogID=1, service=1, method=1, payload=json.dumps(event).encode())
        for key, value in {"type": "event", "message_id": "m", "sum": "1", "seq": "0", "trace_id": "t"}.items():
            frame.headers.add(key=key, value=value)
        return bytes(frame.SerializeToString())

    async def heard(self, connection: Any, data: Any) -> str | None:
        from lark_oapi.ws.pb import pbbp2_pb2

        frame = pbbp2_pb2.Frame()
        frame.ParseFromString(data)
        return f"status {json.loads(frame.payload)['code']}" if frame.method == 1 else None


class WeCom(Protocol):
    """A login, then callbacks that are answered with streams."""

    async def greet(self, connection: Any) -> None:
        return

    def wrap(self, text: str) -> str:
        message = {"msgid": "m", "msgtype": "text", "from": {"userid": "u"}, "text": {"content": text}}
        return json.dumps({"cmd": "aibot_msg_callback", "headers": {"req_id": f"callback_{text}"}, "body": message})

    async def heard(self, connection: Any, data: Any) -> str | None:
        message = json.loads(data)
        await connection.ws.send_str(json.dumps({"headers": message["headers"], "errcode": 0, "errmsg": "ok"}))
        if message["cmd"] == "aibot_subscribe":
            connection.ready.set()
        answer = message.get("body", {}).get("stream", {}).get("content")
        return answer if isinstance(answer, str) else None


class Gemini(Protocol):
    """A setup, then turns."""

    async def greet(self, connection: Any) -> None:
        return

    def wrap(self, text: str) -> str:
        return json.dumps({"serverContent": {"modelTurn": {"parts": [{"text": text}]}, "turnComplete": True}})

    async def heard(self, connection: Any, data: Any) -> str | None:
        message = json.loads(data)
        if "setup" in message:
            await connection.ws.send_str(json.dumps({"setupComplete": {}}))
            connection.ready.set()
            return None
        turns = message["client_content"]["turns"]
        return str(turns[0]["parts"][0]["text"])


class OneBot(Protocol):
    """Events, and calls of the API that are answered."""

    async def greet(self, connection: Any) -> None:
        meta = {"post_type": "meta_event", "meta_event_type": "lifecycle", "sub_type": "connect", "self_id": 1, "time": 1}
        await connection.ws.send_str(json.dumps(meta))
        connection.ready.set()

    def wrap(self, text: str) -> str:
        event = {"post_type": "message", "message_type": "private", "sub_type": "friend", "self_id": 1, "time": 1, "user_id": 2}
        words = {"message_id": 3, "message": text, "raw_message": text, "font": 0, "sender": {"user_id": 2, "nickname": "n"}}
        return json.dumps({**event, **words})

    async def heard(self, connection: Any, data: Any) -> str | None:
        call = json.loads(data)
        await connection.ws.send_str(json.dumps({"status": "ok", "retcode": 0, "data": {"message_id": 4}, "echo": call.get("echo")}))
        message = call["params"]["message"]
        return message if isinstance(message, str) else "".join(part["data"]["text"] for part in message)


class Slack(Protocol):
    """Envelopes, acknowledged with a payload. The SDK loses messages that arrive before its threads run: they run once it has pinged."""

    async def http(self, request: web.Request, ws: str) -> Any:
        return {"ok": True, "url": ws + "/link"}

    async def greet(self, connection: Any) -> None:
        await connection.ws.send_str(json.dumps({"type": "hello"}))

    def pinged(self, connection: Any) -> None:
        connection.ready.set()

    def wrap(self, text: str) -> str:
        return json.dumps({"envelope_id": "e", "type": "events_api", "payload": {"event": {"text": text}}, "accepts_response_payload": True})

    async def heard(self, connection: Any, data: Any) -> str | None:
        return str(json.loads(data)["payload"]["text"])


class Phoenix(Protocol):
    """A channel that is joined, and broadcasts."""

    async def greet(self, connection: Any) -> None:
        return

    def wrap(self, text: str) -> str:
        payload = {"type": "broadcast", "event": "say", "payload": {"text": text}}
        return json.dumps({"event": "broadcast", "topic": "realtime:room", "payload": payload, "ref": None})

    async def heard(self, connection: Any, data: Any) -> str | None:
        message = json.loads(data)
        if message["event"] == "broadcast":
            return str(message["payload"]["payload"]["text"])
        reply = {"status": "ok", "response": {"postgres_changes": []}}
        answer = {"event": "phx_reply", "topic": message["topic"], "payload": reply, "ref": message["ref"]}
        await connection.ws.send_str(json.dumps(answer))
        if message["event"] == "phx_join":
            connection.ready.set()
        return None


class OpenAI(Protocol):
    """Events both ways."""

    def wrap(self, text: str) -> str:
        ids = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        return json.dumps({"type": "response.output_text.delta", "delta": text, **ids})

    async def heard(self, connection: Any, data: Any) -> str | None:
        return str(json.loads(data)["event_id"])


class BiDi(Protocol):
    """Events, and commands that are answered; the first one shows that the program listens."""

    async def greet(self, connection: Any) -> None:
        return

    def wrap(self, text: str) -> str:
        return json.dumps({"method": "said", "params": {"text": text}})

    async def heard(self, connection: Any, data: Any) -> str | None:
        command = json.loads(data)
        await connection.ws.send_str(json.dumps({"id": command["id"], "result": {}}))
        connection.ready.set()
        return str(command["params"]["text"]) if command["method"] == "re" else None


class Quotes(Protocol):
    """Quotes in binary, whose token is the text."""

    def wrap(self, text: str) -> bytes:
        return struct.pack("<BB25sqqq", 1, 1, text.encode(), 1, 1, 1)


class Kubernetes(Protocol):
    """Channels: 1 is the output of the pod, 0 its input."""

    def wrap(self, text: str) -> bytes:
        return b"\x01" + text.encode() + b"\n"

    async def heard(self, connection: Any, data: Any) -> str | None:
        words = data if isinstance(data, str) else data.decode()
        return words[1:] if words[:1] == "\0" else None


__all__ = [name for name, value in dict(globals()).items() if isinstance(value, type) and issubclass(value, Protocol)]
