//! The words of a refusal: its status, what that most likely means, Retry-After, and the start of the body. Knows nothing of streams.

use std::borrow::Cow;

use url::Url;

use super::http::Head;
use super::upgrade::{Ask, basic};
use crate::address;
use crate::error::{Error, ErrorCode};

/// How many characters of a body a message shows.
const SHOWN: usize = 200;
/// Shorter pieces of a request are not hidden: they would be found in ordinary words.
const SHORTEST_SECRET: usize = 4;

/// The error for an answer with another status than 101, without its body.
pub(super) fn refusal(url: &Url, head: &Head) -> Error {
    let hint = match head.status {
        200..=299 => ": it is a web page there, not a WebSocket",
        401 => ": it wants credentials (auth, headers), or does not accept those given",
        403 => ": it does not allow it (credentials or Origin)",
        404 => ": there is nothing at this path",
        407 => ": a proxy on the way wants credentials",
        426 => ": it wants another version of the protocol, or TLS",
        429 => ": too many connections or attempts",
        502..=504 => ": what stands in front of it cannot reach it",
        _ => "",
    };
    let message = format!("the server {} refused the upgrade with {}{hint}", address::host_and_port(url), head.status_text());
    let error = head.error(ErrorCode::HttpRefused, message);
    match error.retry_after {
        Some(wait) => {
            error.with(|detail| detail.message = format!("{}; it asks to wait {} s (Retry-After)", detail.message, wait.as_secs()))
        }
        None => error,
    }
}

/// The error with the body, whose start the message shows if it is text.
pub(super) fn with_body(error: Error, body: Vec<u8>, secrets: &[String]) -> Error {
    error.with(|detail| {
        if let Some(words) = excerpt(&body, secrets) {
            detail.message.push_str("; it says: ");
            detail.message.push_str(&words);
        }
        detail.body = body;
    })
}

/// The secrets of a request: a server may repeat them, and no message may show them.
pub(super) fn secrets_of(ask: &Ask<'_>) -> Vec<String> {
    let mut secrets: Vec<String> = ask.protocols.to_vec();
    secrets.extend(ask.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")).map(|(_, value)| value.clone()));
    secrets.extend(ask.cookies.iter().map(|(_, value)| value.clone()));
    secrets.extend(ask.url.query().map(str::to_owned));
    secrets.extend(ask.url.query_pairs().map(|(_, value)| value.into_owned()));
    if let Some(credentials) = &ask.auth {
        secrets.extend(secrets_of_credentials(credentials));
    }
    secrets
}

/// The same of a user name and password.
pub(super) fn secrets_of_credentials(credentials: &(String, String)) -> [String; 3] {
    [credentials.0.clone(), credentials.1.clone(), basic(credentials)]
}

/// The start of a body in quotes, on one line; none of a web page, of what is no text, and of nothing.
fn excerpt(body: &[u8], secrets: &[String]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    if text.trim_start().starts_with('<') || text.chars().any(|letter| letter == '\0' || letter == char::REPLACEMENT_CHARACTER) {
        return None;
    }
    let line = hide(&text, secrets).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return None;
    }
    let more = if line.chars().nth(SHOWN).is_some() { " and so on" } else { "" };
    Some(format!("{:?}{more}", line.chars().take(SHOWN).collect::<String>()))
}

/// The text with stars in the place of the secrets, whole or in their parts: "Bearer", the token, a cookie's value.
fn hide(text: &str, secrets: &[String]) -> String {
    let parts = |secret: &String| secret.split([' ', ',', ';', '=', '&', '"']).map(str::to_owned).collect::<Vec<_>>();
    let mut all: Vec<String> = secrets.iter().flat_map(|secret| std::iter::once(secret.clone()).chain(parts(secret))).collect();
    all.retain(|secret| secret.chars().count() >= SHORTEST_SECRET);
    // A longer one first: it may have a shorter one in it.
    all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    all.iter()
        .fold(Cow::Borrowed(text), |text, secret| if text.contains(secret) { text.replace(secret, "***").into() } else { text })
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str, secrets: &[&str]) -> Option<String> {
        excerpt(body.as_bytes(), &secrets.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn text_is_shown_on_one_line_and_in_bounds() {
        assert_eq!(shown(" {\"error\":\n  \"bad token\"}\r\n", &[]).as_deref(), Some(r#""{\"error\": \"bad token\"}""#));
        assert_eq!(shown("a\u{1b}[31mb\u{202e}c", &[]).as_deref(), Some(r#""a\u{1b}[31mb\u{202e}c""#));
        assert_eq!(shown(&"é".repeat(500), &[]), Some(format!("\"{}\" and so on", "é".repeat(SHOWN))));
    }

    #[test]
    fn pages_and_bytes_are_not_shown() {
        for body in ["", " \n", "<!DOCTYPE html><p>no", "\n<html>", "a\0b"] {
            assert_eq!(shown(body, &[]), None, "{body:?}");
        }
        assert_eq!(excerpt(&[0x1f, 0x8b, 8, 0xff, 0xfe], &[]), None);
    }

    #[test]
    fn what_was_sent_is_hidden() {
        let said = |secret: &str| shown("no token s3cret-1 for bot=s3cret-2", &[secret]);
        assert_eq!(said("Bearer s3cret-1").as_deref(), Some("\"no token *** for bot=s3cret-2\""));
        assert_eq!(said("a=1; bot=s3cret-2").as_deref(), Some("\"no token s3cret-1 for bot=***\""));
        assert_eq!(said("no").as_deref(), Some("\"no token s3cret-1 for bot=s3cret-2\""), "too short to be told apart");
        assert_eq!(shown("ab abcd abcdef", &["abcd", "abcdef"]).as_deref(), Some("\"ab *** ***\""));
    }
}
