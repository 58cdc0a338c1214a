"""wecom-aibot-python-sdk: a bot that answers messages with a stream."""

from playing import WS, heard, tell

import asyncio

import aibot
import aibot.ws

aibot.ws._SSL_CONTEXT = None  # the server of the suite is in the clear
aibot.ws.DEFAULT_WS_URL = WS


async def main():
    bot = aibot.WSClient(aibot.WSClientOptions(bot_id="id", secret="secret", ws_url=WS + "/bot", reconnect_interval=100, heartbeat_interval=60000))
    bot.on("disconnected", lambda reason: tell("ended", reason))
    bot.on("error", lambda error: tell("failed"))

    async def answer(frame):
        text = frame["body"]["text"]["content"]
        heard(text)
        if text == "close":
            bot.disconnect()
        else:
            await bot.reply_stream(frame, "stream", f"re: {text}", True)

    bot.on("message.text", answer)
    await bot.connect()
    await asyncio.Event().wait()


asyncio.run(main())
