"""nonebot2 with the OneBot V11 adapter, over the driver that argument 3 names: `websockets`, or ours alone or with fastapi."""

from playing import WS, heard, tell

import logging
import socket
import sys

import nonebot
from nonebot.adapters.onebot import v11
from nonebot.adapters.onebot.v11 import adapter

DRIVERS = {"websockets": "~websockets", "heartwire": "heartwire.nonebot", "both": "~fastapi+heartwire.nonebot"}

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
adapter.RECONNECT_INTERVAL = 0.2
logging.disable(logging.CRITICAL)
nonebot.logger.remove()
nonebot.init(driver=DRIVERS[sys.argv[3]], onebot_ws_urls=[WS + "/onebot"], host="127.0.0.1", port=port, log_level="CRITICAL")
driver = nonebot.get_driver()
driver.register_adapter(v11.Adapter)
matcher = nonebot.on_message()


@matcher.handle()
async def answer(bot: v11.Bot, event: v11.MessageEvent):
    text = event.get_plaintext()
    heard(text)
    await bot.send(event, f"re: {text}")


@driver.on_bot_disconnect
async def gone(bot: v11.Bot):
    tell("ended")


nonebot.run()
