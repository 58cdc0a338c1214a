"""google-genai: a live session; the program opens another one when it ends, as the SDK does not."""

from playing import WS, again_async, ended, heard, tell

import asyncio

from google import genai


async def session(client):
    async with client.aio.live.connect(model="model", config={"response_modalities": ["TEXT"]}) as live:
        while True:
            async for message in live.receive():
                text = message.text
                if text is None:
                    continue
                heard(text)
                if text == "close":
                    return True
                await live.send_client_content(turns={"role": "user", "parts": [{"text": f"re: {text}"}]})


async def main():
    client = genai.Client(api_key="key", http_options={"base_url": WS})
    # The SDK goes to wss:// alone; the server of the suite is in the clear.
    client._api_client._websocket_base_url = lambda *_, **__: WS
    client._api_client._websocket_ssl_ctx = {}
    while True:
        try:
            if await session(client):
                return
        except Exception as error:
            tell("ended", ended(error))
            await again_async()


asyncio.run(main())
