"""slack_sdk, socket mode on `websockets`."""

from playing import HTTP, again_async, heard, quick

import asyncio

from slack_sdk.socket_mode import websockets as mode
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

quick(mode)


async def answer(client, request):
    text = request.payload["event"]["text"]
    heard(text)
    if text == "close":
        await client.close()
    else:
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, {"text": f"re: {text}"}))


async def main():
    client = mode.SocketModeClient(app_token="xapp-1", web_client=AsyncWebClient(base_url=HTTP + "/api/"), ping_interval=1)
    client.socket_mode_request_listeners.append(answer)
    while True:
        try:
            await client.connect()
            break
        except Exception:
            await again_async()
    await asyncio.Event().wait()


asyncio.run(main())
