"""OneBot v11 over a forward WebSocket: actions with `echo`, events with `post_type`, the access token in a header."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .fake import Fake, Peer

TOKEN = "an-access-token"


class OneBot(Fake):
    """The implementation that the bot connects to, such as go-cqhttp or NapCat."""

    def refuse(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization")
        if given is None:
            self.broken.append("no access token")
            return web.Response(status=401)
        return None if given == f"Bearer {TOKEN}" else web.Response(status=403)

    async def serve(self, peer: Peer) -> None:
        await peer.send({"post_type": "meta_event", "meta_event_type": "lifecycle", "sub_type": "connect", "self_id": 10001})

    async def hear(self, peer: Peer, message: Any) -> None:
        action, parameters = message.get("action"), message.get("params", {})
        self.note("action", peer=peer.number, action=action, echo=message.get("echo"))
        answer = {"status": "ok", "retcode": 0, "data": None, "echo": message.get("echo")}
        if action == "get_login_info":
            answer["data"] = {"user_id": 10001, "nickname": "botty"}
        elif action == "send_msg" and {"message_type", "message"} <= set(parameters):
            if parameters.get("group_id") == 13:
                answer |= {"status": "failed", "retcode": 120, "wording": "the bot is muted"}
            else:
                self.note("said", text=parameters["message"], group=parameters.get("group_id"), user=parameters.get("user_id"))
                answer["data"] = {"message_id": 7}
        else:
            self.broken.append(f"an action that is not known: {action} {parameters}")
            answer |= {"status": "failed", "retcode": 1404}
        # An event in between: replies are matched by their echo, not by their order.
        await peer.send({"post_type": "meta_event", "meta_event_type": "heartbeat", "interval": 5000, "self_id": 10001})
        await peer.send(answer)

    def say(self, text: str, group: int = 12) -> None:
        """Somebody writes in a group."""
        event = {"post_type": "message", "message_type": "group", "group_id": group, "user_id": 5, "raw_message": text, "self_id": 10001}
        self.call(self.peers[-1].send, event)
