"""dingtalk-stream: a bot that answers callbacks."""

from playing import HTTP, heard, quick

import asyncio

import dingtalk_stream
from dingtalk_stream import stream

quick(stream)
stream.DingTalkStreamClient.OPEN_CONNECTION_API = HTTP + "/gateway"


class Bot(dingtalk_stream.CallbackHandler):
    async def process(self, callback):
        text = callback.data["text"]
        heard(text)
        return dingtalk_stream.AckMessage.STATUS_OK, f"re: {text}"


client = dingtalk_stream.DingTalkStreamClient(dingtalk_stream.Credential("id", "secret"))
client.register_callback_handler("/bot", Bot())
asyncio.run(client.start())
