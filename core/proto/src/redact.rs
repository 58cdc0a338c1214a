//! Shows the beginning of a message for a log and hides secrets in it. Three rules find them: values known to be secret (from options and functions),
//! values with the name of a secret (`"token": "..."`, `password=...`), and the words behind a scheme or a login command (`Bearer ...`, `AUTH ...`).

use std::ops::Range;

/// How many characters of a message are shown.
pub const SHOWN: usize = 80;
/// Shorter values are not hidden: they would hide too many other words.
const SHORTEST: usize = 4;
/// Replaces a secret.
const HIDDEN: &str = "***";

/// Parts of names whose values are hidden, in lower case and without `_` and `-`.
const NAMES: &[&str] = &[
    "token",
    "secret",
    "passw",
    "passphrase",
    "pwd",
    "auth",
    "apikey",
    "appkey",
    "accesskey",
    "privatekey",
    "credential",
    "cookie",
    "session",
    "signature",
    "ticket",
    "jwt",
];
/// Schemes: the next word is hidden.
const SCHEMES: &[&str] = &["bearer", "basic", "digest", "oauth"];
/// Commands that begin a login: the rest of the line is hidden.
const COMMANDS: &[&str] = &["auth", "authenticate", "login", "pass", "password", "identify", "oper"];

/// The beginning of a text message, in one line. `known` are values that must not be shown.
pub fn preview(text: &str, known: &[String]) -> String {
    let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for (at, _) in text[..end].char_indices() {
        let rest = &text[at..];
        hidden.extend(known.iter().filter(|secret| rest.starts_with(secret.as_str())).map(|secret| at..at + secret.len()));
    }
    hidden.extend(by_name(text, end));
    hidden.sort_unstable_by_key(|range| range.start);
    let mut shown = String::new();
    let mut at = 0;
    for range in hidden {
        if range.end <= at {
            continue;
        }
        if range.start > at || shown.is_empty() {
            shown.push_str(&text[at..range.start.max(at)]);
            shown.push_str(HIDDEN);
        }
        at = range.end;
    }
    shown.push_str(text.get(at..end).unwrap_or_default());
    let mut line: String =
        shown.chars().flat_map(|letter| if letter.is_control() { letter.escape_default().collect() } else { vec![letter] }).collect();
    if end < text.len() {
        line.push('…');
    }
    line
}

/// The values to hide: long enough, longest first, each once.
pub fn known(values: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known: Vec<String> = values.into_iter().filter(|value| value.chars().nth(SHORTEST - 1).is_some()).collect();
    known.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    known.dedup();
    known
}

/// The values that start before `end` and have the name of a secret, a scheme or a command before them.
fn by_name(text: &str, end: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find(is_of_word).map(|at| from + at).filter(|start| *start < end) {
        let length = text[start..].find(|letter: char| !is_of_word(letter)).unwrap_or(text.len() - start);
        let word = start..start + length;
        from = word.end;
        let name: String = text[word.clone()].chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).collect();
        if SCHEMES.contains(&name.as_str()) && text[word.end..].starts_with([' ', ':']) {
            let value = word.end + 1..word_end(text, word.end + 1);
            from = value.end;
            found.push(value);
        } else if COMMANDS.contains(&name.as_str()) && text[..start].trim_start().is_empty() && text[word.end..].starts_with(' ') {
            let line = text[word.end..].find(['\r', '\n']).map_or(text.len(), |at| word.end + at);
            found.push(word.end + 1..line);
            from = line;
        } else if NAMES.iter().any(|part| name.contains(part))
            && let Some(value) = value_behind(text, word.end)
        {
            from = value.end;
            found.push(value);
        }
    }
    found
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-')
}

/// The value behind a name that ends at `at`: `": "value"`, `=value`, `: value`. An object is no value: its members have names of their own.
fn value_behind(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text[at..].trim_start_matches(['"', '\'', '\\']).trim_start();
    let rest = rest.strip_prefix([':', '='])?.trim_start();
    let start = text.len() - rest.len();
    let quotes = rest.len() - rest.trim_start_matches('\\').len();
    match rest[quotes..].chars().next()? {
        '{' => None,
        quote @ ('"' | '\'') => {
            let start = start + quotes + 1;
            let closing = format!("{}{quote}", &rest[..quotes]);
            let mut end = start;
            while let Some(found) = text[end..].find(&closing) {
                end += found;
                // An escaped quote is a part of the value.
                let slashes = text[start..end].len() - text[start..end].trim_end_matches('\\').len();
                if slashes.is_multiple_of(2) {
                    return Some(start..end);
                }
                end += closing.len();
            }
            Some(start..text.len())
        }
        '[' => Some(start..text[start..].find(']').map_or(text.len(), |found| start + found)),
        _ => {
            let end = word_end(text, start);
            // `Authorization: Bearer abc`.
            let scheme = SCHEMES.contains(&text[start..end].to_lowercase().as_str());
            Some(start..if scheme { word_end(text, (end + 1).min(text.len())) } else { end })
        }
    }
}

/// Where the word ends that begins at `start`.
fn word_end(text: &str, start: usize) -> usize {
    let ends = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | ',' | ';' | '&' | '}' | ']' | '\\');
    text[start..].find(ends).map_or(text.len(), |at| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_hidden() {
        for (text, shown) in [
            ("hello", "hello"),
            ("two\nlines", "two\\nlines"),
            (r#"{"url":"/chat/heart-beat"}"#, r#"{"url":"/chat/heart-beat"}"#),
            (r#"{"token":"s3cret","op":2}"#, r#"{"token":"***","op":2}"#),
            (r#"{"d": {"access_token" : "s3\"cret"}, "op":2}"#, r#"{"d": {"access_token" : "***"}, "op":2}"#),
            (r#"{"password":12345,"op":2}"#, r#"{"password":***,"op":2}"#),
            (r#"{"auth":{"user":"bot","pwd":"s3cret"}}"#, r#"{"auth":{"user":"bot","pwd":"***"}}"#),
            (r#"{"tokens":["s3cret","s3cret"],"op":2}"#, r#"{"tokens":***],"op":2}"#),
            (r#""{\"token\":\"s3cret\",\"op\":2}""#, r#""{\"token\":\"***\",\"op\":2}""#),
            ("Authorization: Bearer s3cret\r\nHost: h", "Authorization: ***\\r\\nHost: h"),
            ("say Bearer s3cret, please", "say Bearer ***, please"),
            ("AUTH s3cret s3cret\r\nNICK bot", "AUTH ***\\r\\nNICK bot"),
            ("PASS oauth:s3cret", "PASS ***"),
            ("GET /?api_key=s3cret&page=2", "GET /?api_key=***&page=2"),
            ("the pass is mine", "the pass is mine"),
        ] {
            assert_eq!(preview(text, &[]), shown);
        }
    }

    #[test]
    fn known_values_are_hidden_wherever_they_stand() {
        let known = known(["s3cret-value".to_owned(), "s3cret".to_owned(), "abc".to_owned()]);
        assert_eq!(preview("abc s3cret-value s3cret", &known), "abc *** ***");
        assert_eq!(preview("s3cret-value", &known), "***");
        assert_eq!(preview("xxs3crets3cret", &known), "xx***");
    }

    #[test]
    fn a_secret_across_the_end_of_what_is_shown_is_hidden() {
        let text = format!("{}s3cret-value and more", "x".repeat(75));
        assert_eq!(preview(&text, &known(["s3cret-value".to_owned()])), format!("{}***…", "x".repeat(75)));
        let text = format!("{}{}", "é".repeat(70), r#""token":"s3cret""#);
        assert_eq!(preview(&text, &[]), format!("{}{}…", "é".repeat(70), r#""token":"***"#));
    }
}
