//! The messages on the wire: the reading of a frame's text, and the texts that the server sends. It must not know the room.
//!
//! | from a peer                                   | means                                                        |
//! | --------------------------------------------- | ------------------------------------------------------------ |
//! | `{"url":"/chat/login","name":"ann"}`          | call me ann                                                  |
//! | `{"url":"/chat/send","text":"hello"}`         | say hello to all others                                      |
//! | `{"url":"/chat/heart-beat"}`                  | I am alive; answered with the same text                      |
//! | anything that is not a JSON object with `url` | plain text, sent to all others; the peer gets plain text from then on |

use serde_json::{Value, json};

/// A heartbeat, and its answer.
pub(crate) const HEART_BEAT: &str = r#"{"url":"/chat/heart-beat"}"#;

/// What a peer means.
#[derive(Debug, PartialEq)]
pub(crate) enum Word {
    /// It wants this name.
    Login(String),
    /// It says this; true: in plain text.
    Say(String, bool),
    /// It is alive.
    HeartBeat,
    /// It made a mistake, described here.
    Mistake(String),
}

/// Reads the text of a frame.
pub(crate) fn read(text: &str) -> Word {
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text) else {
        return Word::Say(text.to_owned(), true);
    };
    let field = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(url) = field("url") else {
        return Word::Say(text.to_owned(), true);
    };
    match url.as_str() {
        "/chat/heart-beat" => Word::HeartBeat,
        "/chat/login" => field("name").map_or_else(|| Word::Mistake("/chat/login needs a name".to_owned()), Word::Login),
        "/chat/send" => field("text").map_or_else(|| Word::Mistake("/chat/send needs a text".to_owned()), |text| Word::Say(text, false)),
        url => Word::Mistake(format!("{url} is not understood; /chat/login, /chat/send and /chat/heart-beat are")),
    }
}

/// Whether this name is allowed.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

/// To a peer that got its name.
pub(crate) fn welcome(name: &str, people: &[&str]) -> String {
    json!({"url": "/chat/welcome", "name": name, "people": people}).to_string()
}

/// To the others: a peer joined.
pub(crate) fn join(name: &str) -> String {
    json!({"url": "/chat/join", "name": name}).to_string()
}

/// To the others: a peer left.
pub(crate) fn leave(name: &str) -> String {
    json!({"url": "/chat/leave", "name": name}).to_string()
}

/// To the others: a message of a peer.
pub(crate) fn message(from: &str, text: &str) -> String {
    json!({"url": "/chat/message", "from": from, "text": text}).to_string()
}

/// To a peer that made a mistake.
pub(crate) fn mistake(text: &str) -> String {
    json!({"url": "/chat/error", "text": text}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_peers_say() {
        assert_eq!(read(HEART_BEAT), Word::HeartBeat);
        assert_eq!(read(r#"{"url":"/chat/login","name":"ann"}"#), Word::Login("ann".into()));
        assert_eq!(read(r#"{"url":"/chat/send","text":"hi"}"#), Word::Say("hi".into(), false));
        assert_eq!(read("hello"), Word::Say("hello".into(), true));
        assert_eq!(read(r#"{"text":"no url"}"#), Word::Say(r#"{"text":"no url"}"#.into(), true));
        assert_eq!(read("[1,2]"), Word::Say("[1,2]".into(), true));
    }

    #[test]
    fn names_the_mistake() {
        assert!(matches!(read(r#"{"url":"/chat/login"}"#), Word::Mistake(text) if text.contains("name")));
        assert!(is_name("Ann Å") && !is_name("") && !is_name("a\nb") && !is_name(&"x".repeat(33)));
        assert!(matches!(read(r#"{"url":"/chat/send","text":1}"#), Word::Mistake(text) if text.contains("text")));
        assert!(matches!(read(r#"{"url":"/chat/dance"}"#), Word::Mistake(text) if text.contains("/chat/dance")));
    }
}
