"""lark-oapi: a bot that gets messages over its long connection."""

from playing import HTTP, heard, quick

import asyncio
import json

import lark_oapi
from lark_oapi.ws import client as ws

quick(ws)


def received(data):
    text = json.loads(data.event.message.content)["text"]
    heard(text)
    if text == "close":
        asyncio.get_event_loop().create_task(bot._disconnect())


handler = lark_oapi.EventDispatcherHandler.builder("", "").register_p2_im_message_receive_v1(received).build()
bot = ws.Client("id", "secret", event_handler=handler, domain=HTTP, log_level=lark_oapi.LogLevel.ERROR)
bot.start()
