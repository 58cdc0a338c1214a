"""The example bots against fakes that keep to the public rules of their services, and close the connection of a bot that breaks them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT, Process
from fakes import dingtalk, discord, onebot, slack, twitch
from fakes.fake import Fake

EXAMPLES = ROOT / "examples"
PYTHON = [sys.executable]
NODE = ["node"]

SECRETS = {
    "DISCORD_TOKEN": discord.TOKEN,
    "ONEBOT_TOKEN": onebot.TOKEN,
    "SLACK_APP_TOKEN": slack.TOKEN,
    "DINGTALK_CLIENT_ID": dingtalk.CLIENT,
    "DINGTALK_CLIENT_SECRET": dingtalk.SECRET,
    "TWITCH_CLIENT_ID": twitch.CLIENT,
    "TWITCH_TOKEN": twitch.TOKEN,
    "TWITCH_USER_ID": "1234",
}
# The names of accounts and of clients are no secrets.
KEPT = {discord.TOKEN, onebot.TOKEN, slack.TOKEN, dingtalk.SECRET, twitch.TOKEN}


@contextmanager
def running(fake: Fake, command: list[str], file: Path, *arguments: str) -> Iterator[Process]:
    """The bot, which must close properly, break no rule, and show no secret."""
    os.environ.update(SECRETS, no_proxy="127.0.0.1")
    bot = Process(*command, file, *arguments)
    try:
        yield bot
        peers = len(fake.peers)
        # asyncio's own handler has taken the signal of the bot that has no Heartwire.
        by_hand = file.name == "discord_websockets.py"
        assert bot.end(signal.SIGTERM) == (0 if by_hand else -signal.SIGTERM)
        fake.wait_for("close", peer=peers - 1, code=1001)
        assert fake.broken == []
        assert not [line for line in bot.lines if "Traceback" in line or any(secret in line for secret in KEPT)]
    finally:
        bot.kill()
        fake.close()


@pytest.fixture(scope="session")
def discord_ts() -> Path:
    """The TypeScript bot, compiled."""
    tsc: list[str | Path] = [ROOT / "tests/node_modules/.bin/tsc", "-p", EXAMPLES / "typescript", "--noEmit", "false"]
    subprocess.run([*tsc, "--outDir", ROOT / "target/typescript"], check=True, cwd=ROOT)
    (ROOT / "target/typescript/package.json").write_text('{"type": "module"}')
    return ROOT / "target/typescript/discord-bot.js"


# The last three are the same bot by hand, on clients that many use: docs/bots.md counts their lines.
DISCORD = ["python", "typescript", "websockets", "ws", "partysocket"]


@pytest.fixture
def discord_bot(request: pytest.FixtureRequest) -> tuple[list[str], Path]:
    if request.param == "python":
        return PYTHON, EXAMPLES / "python/discord_bot.py"
    if request.param == "websockets":
        return PYTHON, ROOT / "tests/peers/discord_websockets.py"
    if request.param in ("ws", "partysocket"):
        return NODE, ROOT / f"tests/peers/discord-{request.param}.mjs"
    return NODE, request.getfixturevalue("discord_ts")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("discord_bot", DISCORD, indirect=True)
def test_discord_identifies_beats_and_comes_back(discord_bot: tuple[list[str], Path]) -> None:
    gateway = discord.Discord()
    with running(gateway, *discord_bot, gateway.url) as bot:
        gateway.wait_for("identify", peer=0)
        bot.wait_for("^ready as bot$")
        gateway.say("!busy")
        gateway.wait_for("presence", peer=0, status="dnd")
        gateway.wait_for("heartbeat", peer=0, sequence=2)
        # Op 7: to the resume URL, with the last sequence; the missed events follow.
        gateway.demand(7)
        gateway.wait_for("close", peer=0, code=4000)
        gateway.wait_for("resume", peer=1, sequence=2)
        gateway.wait_for("heartbeat", peer=1, sequence=3)
        # Op 1: a heartbeat at once.
        gateway.demand(1)
        gateway.wait_for("heartbeat", peer=1, count=2)
        # Op 9, resumable or not.
        gateway.demand(9, True)
        gateway.wait_for("resume", peer=2, sequence=3)
        gateway.demand(9, False)
        gateway.wait_for("identify", peer=3)
        # The answer to a heartbeat is missing: the connection is dead, the session is not.
        gateway.wait_for("heartbeat", peer=3, sequence=1)
        gateway.answers_heartbeats = False
        gateway.wait_for("close", peer=3, code=4000)
        gateway.answers_heartbeats = True
        gateway.wait_for("resume", peer=4, sequence=1)
        # A connection that is cut.
        gateway.call(gateway.peers[4].close, 1012)
        gateway.wait_for("resume", peer=5)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("discord_bot", DISCORD, indirect=True)
def test_discord_never_gets_more_than_120_messages_a_minute(discord_bot: tuple[list[str], Path]) -> None:
    gateway = discord.Discord(interval=2)
    with running(gateway, *discord_bot, gateway.url):
        gateway.wait_for("identify", peer=0)
        for _ in range(75):
            gateway.say("!busy")
            gateway.say("!free")
        # 150 were wanted. A tenth of the 120 is kept for heartbeats, which go on; they count, too.
        gateway.wait_for("presence", count=95, peer=0)
        beats = len(gateway.all("heartbeat", peer=0))
        gateway.wait_for("heartbeat", count=beats + 2, peer=0)
        assert 95 <= len(gateway.all("presence", peer=0)) <= 119


@pytest.mark.timeout(60)
def test_discord_does_not_come_back_with_a_wrong_token(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = discord.Discord()
    monkeypatch.setitem(SECRETS, "DISCORD_TOKEN", "wrong")
    os.environ.update(SECRETS)
    bot = Process(*PYTHON, EXAMPLES / "python/discord_bot.py", gateway.url)
    try:
        gateway.wait_for("close", peer=0, code=4004)
        assert bot.wait(20) == 0
        assert len(gateway.peers) == 1
    finally:
        bot.kill()
        gateway.close()


ONEBOT = [(PYTHON, EXAMPLES / "python/onebot_bot.py"), (NODE, EXAMPLES / "javascript/onebot-bot.mjs")]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("command", "file"), ONEBOT, ids=["python", "javascript"])
def test_onebot_answers_by_echo(command: list[str], file: Path) -> None:
    server = onebot.OneBot()
    with running(server, command, file, server.url) as bot:
        bot.wait_for("^I am botty$")
        server.say("ping")
        server.wait_for("said", text="pong", group=12)
        bot.wait_for("^sent as 7$")
        server.say("ping", 13)
        bot.wait_for("^refused: request_failed the bot is muted$")
        server.call(server.peers[0].close, 1012)
        server.wait_for("open", peer=1)
        server.say("ping")
        server.wait_for("said", count=2, text="pong", group=12)
        echoes = [seen["echo"] for seen in server.all("action")]
        assert None not in echoes
        assert len(set(echoes)) == len(echoes)


SLACK = [(PYTHON, EXAMPLES / "python/slack_bot.py"), (NODE, EXAMPLES / "javascript/slack-bot.mjs")]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("command", "file"), SLACK, ids=["python", "javascript"])
def test_slack_loses_no_envelope_when_it_moves(command: list[str], file: Path) -> None:
    service = slack.Slack()
    with running(service, command, file, service.api + "/api") as bot:
        bot.wait_for("^ready$")
        service.wait_for("ack", peer=0, envelope=service.command("one"), text="ann said: one")
        names = []
        for move in range(3):
            service.announce_end()
            # Envelopes go on coming on the connection that ends until the next one is there.
            while len(service.peers) == move + 1:
                names.append(service.command("still", peer=move))
            names.append(service.command("more", peer=move))
            names.append(service.command("next", peer=move + 1))
            service.wait_for("close", peer=move, code=1000)
        for name in names:
            service.wait_for("ack", envelope=name)
        assert len(service.all("ack")) == 1 + len(names), "each once"
        closes = [seen["code"] for seen in service.all("close")]
        assert closes == [1000, 1000, 1000]


@pytest.mark.timeout(60)
def test_dingtalk_answers_pings_and_moves() -> None:
    service = dingtalk.DingTalk()
    with running(service, PYTHON, EXAMPLES / "python/dingtalk_bot.py", service.api) as bot:
        bot.wait_for("^open$")
        service.wait_for("answered", name="ping-2")
        service.wait_for("answered", name=service.say("hello"))
        service.wait_for("said", text="ann, you said: hello")
        service.announce_end()
        service.wait_for("close", peer=0, code=1000)
        service.wait_for("open", peer=1)
        service.wait_for("answered", peer=1, name=service.say("again"))
        service.wait_for("said", text="ann, you said: again")


@pytest.mark.timeout(60)
def test_twitch_moves_without_a_gap() -> None:
    service = twitch.Twitch()
    with running(service, NODE, EXAMPLES / "javascript/twitch-bot.mjs", service.url + "/ws", service.api) as bot:
        service.wait_for("subscribed", session="session-1", type="channel.chat.message")
        service.say("hello")
        bot.wait_for("^ann: hello$")
        service.move(last="late")
        service.wait_for("open", peer=1, path="/reconnect")
        service.say("new", peer=1)
        bot.wait_for("^ann: new$")
        service.wait_for("close", peer=0, code=1000)
        # A session that is lost is another one afterwards.
        service.call(service.peers[1].close, 4002)
        service.wait_for("subscribed", session="session-2")
        said = [line for line in bot.lines if line.startswith("ann: ")]
        assert said == ["ann: hello", "ann: late", "ann: new"]


#: Each bot with its service, what it is started with, and what shows that it is at work.
BOTS: dict[str, tuple[Callable[[], Fake], list[str], Callable[[Fake], tuple[str, ...]], str]] = {
    "python/discord_bot.py": (discord.Discord, PYTHON, lambda fake: (fake.url,), "identify"),
    "typescript/discord-bot.ts": (discord.Discord, NODE, lambda fake: (fake.url,), "identify"),
    "python/onebot_bot.py": (onebot.OneBot, PYTHON, lambda fake: (fake.url,), "action"),
    "javascript/onebot-bot.mjs": (onebot.OneBot, NODE, lambda fake: (fake.url,), "action"),
    "python/slack_bot.py": (slack.Slack, PYTHON, lambda fake: (fake.api + "/api",), "open"),
    "javascript/slack-bot.mjs": (slack.Slack, NODE, lambda fake: (fake.api + "/api",), "open"),
    "python/dingtalk_bot.py": (dingtalk.DingTalk, PYTHON, lambda fake: (fake.api,), "open"),
    "javascript/twitch-bot.mjs": (twitch.Twitch, NODE, lambda fake: (fake.url + "/ws", fake.api), "subscribed"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", BOTS)
def test_ctrl_c_ends_a_bot_with_a_goodbye_and_without_a_traceback(name: str, request: pytest.FixtureRequest) -> None:
    service, command, arguments, at_work = BOTS[name]
    file = request.getfixturevalue("discord_ts") if name.endswith(".ts") else EXAMPLES / name
    os.environ.update(SECRETS, no_proxy="127.0.0.1")
    fake = service()
    bot = Process(*command, file, *arguments(fake))
    try:
        fake.wait_for(at_work)
        assert bot.end(signal.SIGINT) == (0 if name.endswith(".py") else -signal.SIGINT)
        fake.wait_for("close", peer=0, code=1001)
        assert not [line for line in bot.lines if "Traceback" in line or "Interrupt" in line or " at " in line], bot.lines
    finally:
        bot.kill()
        fake.close()


def test_every_example_is_tried_with_ctrl_c() -> None:
    """Those that talk to the chat server are in test_examples.py."""
    files = {
        path.relative_to(EXAMPLES).as_posix() for folder in ("python", "javascript", "typescript") for path in (EXAMPLES / folder).glob("*.[pmt]*")
    }
    chat = (ROOT / "tests/test_examples.py").read_text()
    untried = {name for name in files - {*BOTS} if f'"{Path(name).name}"' not in chat}
    assert untried == set()
