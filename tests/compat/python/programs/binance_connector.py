"""binance-connector: a stream on a thread; the program opens another one when it ends."""

from playing import WS, again, ended, heard, tell

import json

from binance.websocket.websocket_client import BinanceWebsocketClient


def session():
    closing = []

    def said(manager, message):
        text = json.loads(message)["text"]
        heard(text)
        if text == "close":
            closing.append(True)
            manager.close()
        else:
            manager.send_message(f"re: {text}")

    client = BinanceWebsocketClient(WS + "/stream", on_message=said, on_error=lambda manager, error: tell("ended", ended(error)))
    client.socket_manager.join()
    return bool(closing)


while True:
    try:
        if session():
            break
    except Exception as error:
        tell("failed", ended(error))
    again()
