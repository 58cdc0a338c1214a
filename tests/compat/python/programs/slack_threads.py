"""slack_sdk, socket mode on `websocket-client`."""

from playing import HTTP, ended, heard, tell

import threading

from slack_sdk import WebClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.socket_mode.websocket_client import SocketModeClient


def answer(client, request):
    text = request.payload["event"]["text"]
    heard(text)
    if text == "close":
        client.close()
    else:
        client.send_socket_mode_response(SocketModeResponse(request.envelope_id, {"text": f"re: {text}"}))


client = SocketModeClient(
    app_token="xapp-1",
    web_client=WebClient(base_url=HTTP + "/api/"),
    ping_interval=1,
    on_error_listeners=[lambda error: tell("ended", ended(error))],
)
client.socket_mode_request_listeners.append(answer)
client.connect()
threading.Event().wait()
