"""openai, a realtime connection on asyncio; the program opens another one when it ends."""

from playing import HTTP, WS, again_async, ended, heard, tell

import asyncio

from openai import AsyncOpenAI


async def main():
    client = AsyncOpenAI(api_key="key", base_url=HTTP, websocket_base_url=WS)
    while True:
        try:
            async with client.realtime.connect(model="model") as connection:
                async for event in connection:
                    heard(event.delta)
                    if event.delta == "close":
                        return
                    await connection.send({"type": "conversation.item.create", "event_id": f"re: {event.delta}"})
            tell("ended")
        except Exception as error:
            tell("ended", ended(error))
        await again_async()


asyncio.run(main())
