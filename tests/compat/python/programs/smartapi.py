"""smartapi-python: a stream of quotes with its own retries."""

from playing import WS, heard, tell

import os
import struct
import tempfile

os.chdir(tempfile.mkdtemp())  # it writes logs where it stands

from SmartApi.smartWebSocketV2 import SmartWebSocketV2


class Quotes(SmartWebSocketV2):
    ROOT_URI = WS + "/quotes"

    def on_data(self, wsapp, data):
        text = data["token"]
        heard(text)
        if text == "close":
            self.close_connection()
        else:
            self.wsapp.send(f"re: {text}")

    def on_error(self, *words):
        tell("ended", " ".join(words))

    def on_close(self, wsapp):
        tell("closed")


quotes = Quotes("token", "key", "client", "feed", max_retry_attempt=5, retry_delay=0.2)
assert struct.calcsize("<q") == 8
while True:
    try:
        quotes.connect()
    except Exception as error:
        tell("failed", type(error).__name__)
