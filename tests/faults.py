"""The fault table of docs/reliability.md: which fault ends in which events, and the tests that show it.

`BLESS=1 pytest tests/test_reliability.py` writes it. Events, codes and phases are those that the scenarios demand (tests/scenarios), which every face
plays under every driver. It owns the list of faults and when they are noticed; a test that is no scenario is named as `FILE::NAME`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCENARIOS = Path(__file__).resolve().parent / "scenarios"

#: The fault, when it is noticed, the scenarios and other tests.
FAULTS: list[tuple[str, str, list[str]]] = [
    ("No server listens", "at once", ["tcp-refused"]),
    ("The name does not exist", "when the resolver says so", ["dns-failure"]),
    ("A SYN without an answer", "after `open_timeout` (10 s), dialling included", ["open-timeout-unanswered"]),
    ("The TLS handshake stalls", "after `open_timeout`", ["tls-stalled", "tls-stalled-within-handshake", "tls-slow-record"]),
    (
        "Reset, or end, before the server's part of the TLS handshake",
        "at once; again with `reconnect`",
        ["tls-reset-before-answer", "tls-end-before-answer"],
    ),
    (
        "Reset, or end, within the TLS handshake",
        "at once; again with `reconnect`",
        ["tls-reset-within-handshake", "tls-end-within-handshake", "tls-12-reset-within-handshake"],
    ),
    (
        "Plain HTTP, or garbage, where TLS should be",
        "at once",
        ["tls-plain-peer", "tls-garbage", "core/tests/dial/tls.rs::an_end_or_garbage_in_the_handshake"],
    ),
    ("A certificate that is expired", "at once", ["tls-expired"]),
    ("A certificate for another name", "at once", ["tls-other-name"]),
    ("A certificate of an unknown authority", "at once", ["tls-untrusted"]),
    ("The upgrade stalls", "after `open_timeout`", ["open-timeout-no-answer"]),
    ("The upgrade stalls within the answer", "after `open_timeout`", ["open-timeout-half-an-answer"]),
    ("101 with a wrong accept", "at once", ["http-wrong-accept"]),
    ("101 without the accept", "at once", ["http-no-accept"]),
    ("An answer that is not HTTP", "at once", ["http-not-http"]),
    ("Reset before the answer", "at once", ["http-reset-before-answer"]),
    ("Reset within the answer", "at once", ["http-reset-within-answer"]),
    ("End before the answer", "at once", ["http-end-before-answer"]),
    (
        "Reset, or end of TLS with or without `close_notify`, before or within the answer, over TLS",
        "at once; again with `reconnect`",
        [
            "tls-reset-before-upgrade",
            "tls-end-before-upgrade",
            "tls-goodbye-before-upgrade",
            "tls-cut-before-upgrade",
            "tls-reset-within-upgrade",
        ],
    ),
    ("Reset after the upgrade", "at once; `open` first", ["reset-after-upgrade"]),
    ("Reset after the upgrade, over TLS", "at once; `open` first; again with `reconnect`", ["tls-reset-after-upgrade"]),
    ("401", "final after `max_auth_failures` (1)", ["reconnect-401"]),
    ("403", "as 401", ["reconnect-403"]),
    ("404", "final", ["reconnect-404"]),
    ("407", "as 401", ["reconnect-407"]),
    ("401 with Retry-After, where `max_auth_failures` is 2", "again, after it; then final", ["reconnect-401-retry-after"]),
    ("403 with Retry-After, where `max_auth_failures` is 2", "again, after it; then final", ["reconnect-403-retry-after"]),
    ("407 with Retry-After, where `max_auth_failures` is 2", "again, after it; then final", ["reconnect-407-retry-after"]),
    ("404 with Retry-After, where `should_reconnect` wants it once", "again, after it; then final", ["reconnect-404-retry-after"]),
    ("429", "again, after Retry-After where there is one", ["reconnect-429"]),
    ("503", "without `reconnect` final", ["http-503"]),
    ("503, with `reconnect`", "again", ["reconnect-503"]),
    ("503 with Retry-After", "again, after it", ["reconnect-retry-after"]),
    ("A redirect that was not asked for", "at once", ["redirect-refused"]),
    ("A redirect loop", "after `follow_redirects` redirects", ["redirect-loop"]),
    ("A redirect from `wss` to `ws`, with `follow_redirects`", "at once; the other server is not dialled", ["redirect-downgrade"]),
    ("No process listens where a SOCKS proxy should be", "at once", ["socks-proxy-refused"]),
    ("No process listens where an HTTP proxy should be, with `reconnect`", "at once; again up to `max_retries`", ["proxy-refused"]),
    ("The proxy's name does not exist", "when the resolver says so", ["proxy-unknown-name"]),
    ("A proxy whose host does not answer", "after `open_timeout`", ["proxy-unanswered"]),
    (
        "A proxy that never answers, or stalls within its answer",
        "after `open_timeout`; again with `reconnect`",
        ["proxy-stalled", "proxy-stalled-within-answer", "proxy-slow-answer", "socks-stalled"],
    ),
    (
        "A proxy that resets or ends the connection before or within its answer",
        "at once; again with `reconnect`",
        ["proxy-reset", "proxy-reset-within-answer", "proxy-end", "proxy-https-reset", "socks-end", "socks-cut", "socks-reset"],
    ),
    (
        "A proxy that answers in something else, or sends bytes of its own",
        "at once; again with `reconnect`",
        ["proxy-garbage", "proxy-early-bytes", "socks-garbage"],
    ),
    ("A proxy says 407, with credentials or without", "final after `max_auth_failures` (1)", ["proxy-407", "proxy-407-given"]),
    ("A proxy says 407 with Retry-After, then 403, where `max_auth_failures` is 2", "again, after it; then final", ["proxy-auth-budget"]),
    ("A proxy says 403", "as 407", ["proxy-403"]),
    ("A proxy says 405: it knows no CONNECT", "final", ["proxy-405"]),
    ("A proxy says 502", "again with `reconnect`", ["proxy-502"]),
    ("A proxy says 503, without `reconnect`", "final", ["proxy-no-reconnect"]),
    ("A proxy says 503 with Retry-After", "again, after it", ["proxy-503-retry-after"]),
    (
        "A SOCKS proxy wants credentials, others, or does not accept those given",
        "as 407",
        ["socks-wants-credentials", "socks-other-method", "socks-wrong-credentials", "socks4a-wrong-user"],
    ),
    ("A SOCKS proxy's rules forbid it, or it knows no CONNECT", "final", ["socks-not-allowed", "socks-no-connect"]),
    (
        "A SOCKS proxy cannot connect: refused, host or network unreachable, no reason given",
        "at once; again with `reconnect`",
        ["socks-refused", "socks-host-unreachable", "socks-network-unreachable", "socks-failed"],
    ),
    ("An HTTPS proxy with a certificate of an unknown authority", "at once, before credentials are sent", ["proxy-https-untrusted"]),
    ("An HTTPS proxy that speaks no TLS", "at once", ["proxy-https-plain"]),
    ("An HTTPS proxy that stalls in the TLS handshake", "after `open_timeout`", ["proxy-https-stalled"]),
    (
        "A proxy's tunnel is cut before or during the upgrade",
        "at once; again with `reconnect`",
        ["proxy-tunnel-reset", "proxy-tunnel-end", "proxy-tunnel-reset-within-answer"],
    ),
    ("A proxy's tunnel is reset together with the proxy's answer", "at once; again with `reconnect`", ["proxy-tunnel-reset-at-once"]),
    ("A proxy's tunnel is cut within the server's TLS handshake", "at once; again with `reconnect`", ["proxy-tunnel-reset-handshake"]),
    ("A proxy's tunnel leads to no TLS where it should be", "at once", ["proxy-tunnel-http-on-wss"]),
    ("A proxy's tunnel carries no bytes", "after `open_timeout`", ["proxy-tunnel-stalled"]),
    (
        "A proxy's tunnel is cut under an open connection, or the proxy (tinyproxy) is killed and started again",
        "at once; again, through the proxy",
        [
            "proxy-tunnel-reset-open",
            "socks-reset-open",
            "core/tests/proxies.rs::a_proxy_that_is_killed_is_asked_again_until_it_is_back",
            "bindings-python/tests/test_proxies.py::test_a_proxy_that_is_killed_is_asked_again_until_it_is_back",
            "bindings-node/test/proxies.test.mjs::a proxy that is killed is asked again until it is back",
        ],
    ),
    (
        "Half-open while open: the server, or a proxy (tinyproxy) that is stopped",
        "after `ping_interval` and `ping_timeout` (20 s each) without a byte",
        [
            "liveness-half-open",
            "core/tests/proxies.rs::a_proxy_that_is_stopped_is_noticed_and_asked_again_until_it_goes_on",
            "bindings-python/tests/test_proxies.py::test_a_proxy_that_is_stopped_is_noticed_and_asked_again_until_it_goes_on",
            "bindings-node/test/proxies.test.mjs::a proxy that is stopped is noticed, and asked again until it goes on",
        ],
    ),
    ("Half-open while closing", "after `close_timeout` (5 s)", ["close-half-open"]),
    ("Half-open while coming back", "after `open_timeout`; again", ["reconnect-half-open"]),
    ("Stalled within a frame", "as half-open", ["liveness-stalled-frame"]),
    ("Stalled within a record of TLS, with `reconnect`", "as half-open, then again", ["tls-stalled-within-record"]),
    ("No response to heartbeats, although other data arrives", "after `max_missed` of them", ["heartbeat-missed"]),
    ("A partition shorter than the deadline", "never: nothing is lost", ["partition-short"]),
    ("A partition longer than the deadline, with `reconnect`", "as half-open, then again", ["liveness-reconnects"]),
    ("The end of TCP without a Close", "at once", ["close-lost"]),
    ("Reset of an open connection", "at once", ["close-reset"]),
    (
        "Reset of an open connection over TLS: between records, within a frame, within a record",
        "at once; again with `reconnect`",
        ["tls-reset-open", "tls-reset-within-frame", "tls-reset-within-record", "tls-12-reset-within-record"],
    ),
    ("The end of TLS without `close_notify`", "at once", ["tls-cut"]),
    ("The end of TLS within a record", "at once; again with `reconnect`", ["tls-cut-within-record"]),
    (
        "The end of TLS with `close_notify`, without a Close, and TCP ends or stays open",
        "at once; again with `reconnect`",
        ["tls-end-without-close", "tls-12-end-without-close", "tls-goodbye-without-close"],
    ),
    ("A record of TLS that lacks bytes", "with the next record; again with `reconnect`", ["tls-corrupt-record"]),
    ("After both Closes TLS ends without `close_notify`, or by a reset", "clean", ["tls-close-without-notify", "tls-reset-after-close"]),
    ("Our Close is never answered", "after `close_timeout`", ["close-unanswered"]),
    ("TCP stays open after both Closes", "clean; dropped after 2 s at most", ["close-tcp-left-open"]),
    ("Kicked with a code of the application", "at once", ["close-by-server-kick"]),
    ("Kicked with 1001", "at once", ["close-by-server-going-away"]),
    ("Kicked without a code", "at once", ["close-by-server-no-code"]),
    ("Kicked with 1008, with `reconnect`: do not come back", "final", ["reconnect-kick-1008"]),
    ("Kicked with 3000, with `reconnect`: do not come back", "final", ["reconnect-kick-3000"]),
    ("Kicked with 4001, with `reconnect`: do not come back", "final", ["reconnect-kick-4001"]),
    ("Kicked with 1002, 1003, 1007, 1010, 4003, 4004", "as 1008; all count against `max_auth_failures`", ["reconnect-kick-final"]),
    ("Kicked with 1000, with `reconnect`", "again", ["reconnect-server-1000"]),
    ("Kicked with 1012, with `reconnect`", "again", ["reconnect-kick-1012"]),
    (
        "Kicked with 1001, 1009, 1011, 1013, 4000, 4999 or without a code, then with 1003, with `reconnect`",
        "again; with 1003 final",
        ["reconnect-kick-classes"],
    ),
    (
        "A frame that breaks the protocol",
        "at once, after the messages before it",
        ["failure-after-messages", "failure-masked", "failure-reserved-opcode"],
    ),
    ("Text that is not UTF-8", "at once", ["failure-bad-utf8"]),
    ("A message over `max_size`, inflated or not", "from its header on", ["max-size", "max-size-inflated"]),
    (
        "A server that reads slowly, for longer than every timeout",
        "never: all data arrives, and then the Close; `drain` reports it",
        [
            "slow-reader",
            "core/tests/drivers.rs::a_slow_reader_gets_everything_from_the_background_driver",
            "core/tests/drivers.rs::a_slow_reader_gets_everything_from_the_host_driver",
        ],
    ),
    (
        "A server that stops reading amid our data, and sends nothing",
        "within twice `ping_timeout`, or after `close()` twice `close_timeout`, after the last byte that it acknowledged",
        ["core/src/client/tests.rs::a_peer_that_stops_amid_a_message_is_dead"],
    ),
    (
        "A flood after `close()`, also on a paused socket",
        "never: the rest is read and dropped, up to its Close",
        ["close-in-a-flood", "close-while-paused"],
    ),
    ("A flood faster than the handler", "never; reading stops at `read_limit`", ["flood-slow-handler"]),
    (
        "A handler that blocks",
        "never: pings are answered; a warning names the handler",
        [
            "blocked-handler",
            "core/tests/keeper.rs::a_blocked_handler_keeps_its_connection",
            "bindings-python/tests/test_keeper.py::test_a_blocked_handler_keeps_its_connection_and_is_named",
            "bindings-python/tests/test_keeper.py::test_an_async_handler_that_never_awaits_is_named",
            "bindings-node/test/keeper.test.mjs::a blocked handler keeps its connection and is named",
        ],
    ),
    (
        "A flood while a handler blocks",
        "never; it is read up to `read_limit`",
        [
            "core/tests/keeper.rs::the_keeper_reads_up_to_the_limit",
            "bindings-python/tests/test_keeper.py::test_what_is_read_while_a_handler_blocks_is_bounded",
            "bindings-node/test/keeper.test.mjs::what is read while a handler blocks is bounded",
        ],
    ),
    (
        "The process is stopped (SIGSTOP) for longer than every deadline, and goes on",
        "never: bytes that arrived meanwhile show that the server is alive",
        [
            "core/tests/time.rs::a_process_that_was_stopped_goes_on_with_its_connection",
            "bindings-python/tests/test_time.py::test_a_process_that_was_stopped_goes_on_with_its_connection",
            "bindings-node/test/time.test.mjs::a process that was stopped goes on with its connection",
        ],
    ),
    (
        "The wall clock jumps, as after a suspend of the machine",
        "never; a jump forward by more than 5 s has the connection probed with a ping within a second",
        [
            "core/tests/time.rs::a_jump_of_the_wall_clock_ends_nothing_and_one_forward_is_probed",
            "core/src/driver/keeper.rs::sleep_is_a_jump_and_a_late_timer_is_not",
            "core/proto/src/session/tests/liveness.rs::a_jump_of_the_wall_clock_probes_at_once",
            "bindings-python/tests/test_time.py::test_a_jump_of_the_wall_clock_ends_nothing_and_one_forward_is_probed",
            "bindings-node/test/time.test.mjs::a jump of the wall clock ends nothing; one forward has the connection probed",
        ],
    ),
    (
        "kill -9 of the server, a cut of the network, everything at random",
        "as above, by the first of them",
        ["tests/test_soak.py::test_a_short_soak"],
    ),
]


#: Seconds that a scenario of a fault that is noticed at once may take as a whole: fewer than any deadline that is on by default leaves
#: to a connection (`open_timeout` 10, `ping_interval` and `ping_timeout` 20 each), so that none of them can have brought its events.
AT_ONCE = 9


def table() -> list[str]:
    """The rows, in Markdown."""
    rows = ["| fault | events | noticed | shown by |", "|---|---|---|---|"]
    for fault, noticed, tests in FAULTS:
        events = next((_events(scenario) for scenario in scenarios(tests).values()), "none of its own")
        rows.append(f"| {fault} | {events} | {noticed} | {', '.join(f'`{name}`' for name in tests)} |")
    return rows


def scenarios(tests: list[str]) -> dict[str, dict[str, Any]]:
    """Those of a row's tests that are scenarios."""
    return {name: json.loads((SCENARIOS / f"{name}.json").read_text()) for name in tests if "::" not in name}


def disagreeing() -> dict[str, set[str]]:
    """The rows whose scenarios demand different events, of which one alone would be shown."""
    shown = {fault: {_events(scenario) for scenario in scenarios(tests).values()} for fault, _, tests in FAULTS}
    return {fault: events for fault, events in shown.items() if len(events) > 1}


def late() -> list[str]:
    """The scenarios of faults that are noticed at once that would also pass if a deadline had noticed them."""
    at_once = [tests for _, noticed, tests in FAULTS if "at once" in noticed]
    return [name for tests in at_once for name, scenario in scenarios(tests).items() if _may_be_late(scenario)]


def vague() -> list[str]:
    """The scenarios that do not fix the error, or the reason of the close."""
    return [name for _, _, tests in FAULTS for name, scenario in scenarios(tests).items() if not all(map(_is_definite, scenario["expect"]))]


def _is_definite(event: dict[str, Any]) -> bool:
    if event["event"] == "error":
        return "code" in event and "phase" in event
    return event["event"] != "close" or event.get("was_clean") is True or event.get("error") is not None


def _may_be_late(scenario: dict[str, Any]) -> bool:
    options = scenario.get("options", {})
    deadlines = ("open_timeout", "close_timeout", "ping_interval", "ping_timeout", "idle_timeout", "data_idle_timeout", "heartbeat")
    return scenario.get("within", 60) > AT_ONCE or any(options.get(name) is not None for name in deadlines)


def _events(scenario: dict[str, Any]) -> str:
    """What the scenario demands, messages left out."""
    words: list[str] = []
    for event in scenario["expect"]:
        kind = event["event"]
        code = f" `{event['code']}`" if isinstance(event.get("code"), str) else ""
        if kind == "error":
            phase = f" in phase `{event['phase']}`" if isinstance(event.get("phase"), str) else ""
            status = f" with status {event['status']}" if isinstance(event.get("status"), int) else ""
            word = f"error{code}{phase}{status}"
        elif kind == "close":
            cause = "clean" if event.get("was_clean") else f"`{event['error']}`" if isinstance(event.get("error"), str) else ""
            word = f"close {event['code']}" + (f" ({cause})" if cause else "")
        elif kind in ("open", "reconnecting", "drain"):
            word = kind
        else:
            continue
        if not words or words[-1] != word:
            words.append(word)
    return ", ".join(words) or "none of its own"
