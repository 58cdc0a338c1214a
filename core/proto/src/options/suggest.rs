//! Finds the option that an unknown name probably means. Knows the table and the names that other WebSocket libraries use.

use super::dialect::Dialect;
use super::table::table;

/// The names of our options in other libraries (`websockets`, `websocket-client`, `aiohttp`, `ws`, reconnecting sockets).
const ELSEWHERE: &[(&str, &str)] = &[
    ("additional_headers", "headers"),
    ("agent", "proxy"),
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
    ("max_reconnection_delay", "reconnect.max_delay"),
    ("max_redirects", "follow_redirects"),
    ("min_reconnection_delay", "reconnect.min_delay"),
    ("per_message_deflate", "compression"),
    ("permessage_deflate", "compression"),
    ("reconnection_delay_grow_factor", "reconnect.factor"),
    ("reject_unauthorized", "tls.verify"),
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

/// A sentence that names the option that `key` was most likely meant to be. `parent` is the path of the object that holds it.
pub(super) fn nearest(dialect: Dialect, parent: &str, key: &str) -> String {
    let wanted = plain(key);
    if let Some((_, path)) = ELSEWHERE.iter().find(|(name, _)| parent.is_empty() && plain(name) == wanted) {
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
        assert!(nearest(Python, "", "zzzzzzzzzzzzzzzz").starts_with("the nearest one is "));
    }

    #[test]
    fn an_option_of_the_other_language_is_not_suggested() {
        assert!(!nearest(Python, "", "allow_synchronous_events").contains("allow_synchronous"));
    }
}
