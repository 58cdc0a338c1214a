//! Finds the option that an unknown name probably means. Knows the table and the names that other WebSocket libraries use.

use super::dialect::Dialect;
use super::table::table;

/// The names of our options in other libraries (`websockets`, `websocket-client`, `aiohttp`, `ws`, reconnecting sockets).
const ELSEWHERE: &[(&str, &str)] = &[
    ("additional_headers", "headers"),
    ("agent", "proxy"),
    ("auto_reconnect", "reconnect"),
    ("ca_certs", "tls.ca"),
    ("ciphers", "tls"),
    ("compress", "compression"),
    ("connect_timeout", "open_timeout"),
    ("cookie", "cookies"),
    ("extra_headers", "headers"),
    ("family", "address_family"),
    ("handshake_timeout", "open_timeout"),
    ("header", "headers"),
    ("heartbeat_interval", "heartbeat.interval"),
    ("http_proxy_host", "proxy"),
    ("keylog_filename", "tls.keylog"),
    ("local_addr", "local_address"),
    ("max_msg_size", "max_size"),
    ("max_payload", "max_size"),
    ("max_payload_size", "max_size"),
    ("max_queue", "read_limit"),
    ("max_reconnect_attempts", "reconnect.max_retries"),
    ("max_reconnects", "reconnect.max_retries"),
    ("max_reconnection_delay", "reconnect.max_delay"),
    ("max_redirects", "follow_redirects"),
    ("max_retries", "reconnect.max_retries"),
    ("max_retry", "reconnect.max_retries"),
    ("min_reconnection_delay", "reconnect.min_delay"),
    ("per_message_deflate", "compression"),
    ("permessage_deflate", "compression"),
    ("reconnect_attempts", "reconnect.max_retries"),
    ("reconnect_delay", "reconnect.min_delay"),
    ("reconnect_interval", "reconnect.min_delay"),
    ("reconnection", "reconnect"),
    ("reconnection_delay", "reconnect.min_delay"),
    ("reconnection_delay_grow_factor", "reconnect.factor"),
    ("reconnection_delay_max", "reconnect.max_delay"),
    ("reject_unauthorized", "tls.verify"),
    ("retries", "reconnect.max_retries"),
    ("retry", "reconnect"),
    ("server_hostname", "tls.server_name"),
    ("servername", "tls.server_name"),
    ("socket_path", "unix_socket"),
    ("ssl", "tls"),
    ("ssl_context", "tls"),
    ("sslopt", "tls"),
    ("subprotocols", "protocols"),
    ("timeout", "open_timeout"),
    ("user_agent_header", "user_agent"),
];

/// The names of the options of `reconnect` in other libraries.
const RECONNECT_ELSEWHERE: &[(&str, &str)] = &[
    ("attempts", "reconnect.max_retries"),
    ("backoff", "reconnect.factor"),
    ("delay", "reconnect.min_delay"),
    ("interval", "reconnect.min_delay"),
    ("max_attempts", "reconnect.max_retries"),
    ("max_interval", "reconnect.max_delay"),
    ("max_retry", "reconnect.max_retries"),
    ("max_tries", "reconnect.max_retries"),
    ("min_interval", "reconnect.min_delay"),
    ("multiplier", "reconnect.factor"),
    ("retries", "reconnect.max_retries"),
    ("tries", "reconnect.max_retries"),
];

/// The names of the options of `tls` in other libraries.
const TLS_ELSEWHERE: &[(&str, &str)] = &[
    ("ca_certs", "tls.ca"),
    ("ca_file", "tls.ca"),
    ("cafile", "tls.ca"),
    ("cert_reqs", "tls.verify"),
    ("certfile", "tls.cert"),
    ("check_hostname", "tls.verify"),
    ("keyfile", "tls.key"),
    ("minimum_version", "tls.min_version"),
    ("passphrase", "tls.password"),
    ("pfx", "tls.cert"),
    ("reject_unauthorized", "tls.verify"),
    ("server_hostname", "tls.server_name"),
    ("servername", "tls.server_name"),
];

/// The events of a socket. Other libraries take their handlers as options.
const EVENTS: &[&str] =
    &["open", "message", "error", "close", "reconnecting", "ping", "pong", "heartbeat", "drain", "dropped", "ready", "throttled"];
/// Names that other libraries have for the handler of messages.
const MESSAGE_HANDLERS: &[&str] = &["callback", "data", "handler", "listener", "messagehandler", "ondata", "onmessages"];

/// Where to set a handler that was given as an option.
fn handler(dialect: Dialect, wanted: &[char]) -> Option<String> {
    let name: String = wanted.iter().collect();
    let event = name.strip_prefix("on").unwrap_or(&name);
    let event = if MESSAGE_HANDLERS.contains(&name.as_str()) { "message" } else { EVENTS.iter().find(|known| **known == event)? };
    Some(format!("a handler is set on the socket: {}", dialect.handler(event)))
}

/// A sentence that names the option that `key` was most likely meant to be. `parent` is the path of the object that holds it.
pub(super) fn nearest(dialect: Dialect, parent: &str, key: &str) -> String {
    let wanted = plain(key);
    if parent.is_empty()
        && let Some(words) = handler(dialect, &wanted)
    {
        return words;
    }
    let elsewhere = match parent {
        "" => ELSEWHERE,
        "reconnect" => RECONNECT_ELSEWHERE,
        "tls" => TLS_ELSEWHERE,
        _ => &[],
    };
    if let Some((_, path)) = elsewhere.iter().find(|(name, _)| plain(name) == wanted) {
        return format!("did you mean {}?", dialect.name(path));
    }
    let known = table().iter().filter(|option| option.dialects().contains(&dialect)).map(|option| option.path(dialect));
    // Next to it, by distance; anywhere else, only by the very name.
    let mut best: Option<(usize, String)> = None;
    for path in known {
        let (place, name) = path.rsplit_once('.').unwrap_or(("", &path));
        let distance = distance(&wanted, &plain(name));
        let allowed = place == parent || distance == 0;
        let better = best.as_ref().is_none_or(|(least, _)| distance < *least);
        if allowed && better {
            best = Some((distance, path));
        }
    }
    match best {
        Some((distance, path)) if distance <= 1 + wanted.len() / 3 => format!("did you mean {path}?"),
        Some((_, path)) => format!("the nearest one is {path}"),
        None => "there are none here".to_owned(),
    }
}

/// A name without the differences between the dialects: lower case, no underscores; of a sane length.
fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|letter| !matches!(letter, '_' | '-')).take(40).flat_map(char::to_lowercase).collect()
}

/// How many letters to insert, drop, change or swap with their neighbour turn one name into the other.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, letter) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in right.iter().enumerate() {
            let changed = above[j] + usize::from(letter != other);
            let mut least = changed.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == right[j - 1] && left[i - 1] == *other {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest, plain};
    use crate::options::Dialect::{JavaScript, Python};

    #[test]
    fn a_swap_is_one_step() {
        assert_eq!(distance(&plain("recnonect"), &plain("reconnect")), 1);
        assert_eq!(distance(&plain("ping_interval"), &plain("pingInterval")), 0);
        assert_eq!(distance(&plain(""), &plain("abc")), 3);
    }

    #[test]
    fn the_nearest_name_is_in_the_users_dialect() {
        assert_eq!(nearest(Python, "", "reconect"), "did you mean reconnect?");
        assert_eq!(nearest(JavaScript, "", "ping_interval"), "did you mean pingInterval?");
        assert_eq!(nearest(Python, "heartbeat", "intervall"), "did you mean heartbeat.interval?");
        assert_eq!(nearest(JavaScript, "", "maxDelay"), "did you mean reconnect.maxDelay?");
        assert_eq!(nearest(JavaScript, "", "maxPayload"), "did you mean maxSize?");
        assert_eq!(nearest(JavaScript, "", "rejectUnauthorized"), "did you mean tls.verify?");
        assert_eq!(nearest(Python, "", "retry"), "did you mean reconnect?");
        assert_eq!(nearest(Python, "", "retries"), "did you mean reconnect.max_retries?");
        assert_eq!(nearest(JavaScript, "", "maxRetry"), "did you mean reconnect.maxRetries?");
        assert_eq!(nearest(Python, "reconnect", "max_retry"), "did you mean reconnect.max_retries?");
        assert_eq!(nearest(JavaScript, "reconnect", "attempts"), "did you mean reconnect.maxRetries?");
        assert_eq!(nearest(JavaScript, "tls", "servername"), "did you mean tls.serverName?");
        assert_eq!(nearest(Python, "tls", "passphrase"), "did you mean tls.password?");
        assert_eq!(nearest(Python, "", "auto_reconnect"), "did you mean reconnect?");
        assert_eq!(nearest(JavaScript, "", "maxReconnectAttempts"), "did you mean reconnect.maxRetries?");
        assert_eq!(nearest(JavaScript, "", "reconnectInterval"), "did you mean reconnect.minDelay?");
        assert_eq!(nearest(Python, "reconnect", "max_interval"), "did you mean reconnect.max_delay?");
        assert!(nearest(Python, "", "zzzzzzzzzzzzzzzz").starts_with("the nearest one is "));
    }

    #[test]
    fn a_handler_is_set_on_the_socket() {
        for name in ["on_message", "onmessage", "onMessage", "message", "on_data", "message_handler", "callback"] {
            let words = "a handler is set on the socket: ws.on_message = f, or @ws.on(\"message\")";
            assert_eq!(nearest(Python, "", name), words, "{name}");
        }
        for name in ["onclose", "on_close", "close"] {
            let words = "a handler is set on the socket: ws.onclose = f, or ws.on('close', f)";
            assert_eq!(nearest(JavaScript, "", name), words, "{name}");
        }
        assert_eq!(nearest(Python, "heartbeat", "on_message"), "did you mean heartbeat.message?");
    }

    #[test]
    fn an_option_of_the_other_language_is_not_suggested() {
        assert!(!nearest(Python, "", "allow_synchronous_events").contains("allow_synchronous"));
    }
}
