"""openai, a realtime connection that blocks; the program opens another one when it ends."""

from playing import HTTP, WS, again, ended, heard, tell

from openai import OpenAI


def session(client):
    with client.realtime.connect(model="model") as connection:
        for event in connection:
            heard(event.delta)
            if event.delta == "close":
                return True
            connection.send({"type": "conversation.item.create", "event_id": f"re: {event.delta}"})
    return False


client = OpenAI(api_key="key", base_url=HTTP, websocket_base_url=WS)
while True:
    try:
        if session(client):
            break
        tell("ended")
    except Exception as error:
        tell("ended", ended(error))
    again()
