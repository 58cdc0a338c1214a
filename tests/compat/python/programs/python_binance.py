"""python-binance: a stream that reconnects."""

from playing import WS, again_async, ended, heard, quick, tell

import asyncio

from binance.ws import reconnecting_websocket as stream

quick(stream)


async def main():
    async def gone(path):
        pass

    while True:
        socket = stream.ReconnectingWebsocket(url=WS + "/", path="trade", exit_coro=gone)
        try:
            async with socket:
                while True:
                    message = await socket.recv()
                    if message.get("e") == "error":
                        continue
                    heard(message["text"])
                    if message["text"] == "close":
                        break
                    await socket.ws.send(f"re: {message['text']}")
            return
        except Exception as error:
            tell("ended", ended(error))
            await again_async()


asyncio.run(main())
