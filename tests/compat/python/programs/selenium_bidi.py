"""selenium, WebDriver BiDi; the program opens another connection when one ends."""

from playing import WS, again, ended, heard, tell

from selenium.webdriver.remote import websocket_connection as bidi


class Said:
    event_class = "said"

    @staticmethod
    def from_json(params):
        return params["text"]


def session():
    closing = []
    connection = bidi.WebSocketConnection(WS + "/bidi", 5, 0.05)

    def said(text):
        heard(text)
        if text == "close":
            closing.append(True)
            connection.close()
        else:
            connection.send_cmd("re", {"text": f"re: {text}"})

    connection.add_callback(Said, said)
    connection.send_cmd("ready", {})
    connection._ws_thread.join()
    return bool(closing)


while True:
    try:
        if session():
            break
        tell("ended")
    except Exception as error:
        tell("ended", ended(error))
    again()
