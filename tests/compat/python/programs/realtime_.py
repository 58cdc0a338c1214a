"""realtime (Supabase): a channel with broadcasts."""

from playing import WS, heard

import asyncio

from realtime import AsyncRealtimeClient


async def main():
    client = AsyncRealtimeClient(WS + "/realtime/v1", "token", initial_backoff=0.2)
    channel = client.channel("room")
    tasks = []

    def said(payload):
        text = payload["payload"]["text"]
        heard(text)
        tasks.append(asyncio.create_task(client.close() if text == "close" else channel.send_broadcast("said", {"text": f"re: {text}"})))

    channel.on_broadcast("say", said)
    await client.connect()
    await channel.subscribe()
    await asyncio.Event().wait()


asyncio.run(main())
