//! The HTTP side of the fault server: the request's head as a record, and the answers as bytes. Knows nothing of sockets or scripts' order.

use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::steps::{Accept, Protocol, Refuse};

/// A proxy's answer to CONNECT. All later bytes belong to the server behind it.
pub(super) const TUNNEL: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// The head of the client's request.
pub(super) struct Request {
    line: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Takes the head off the front of `bytes`, once it is whole.
    pub(super) fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.drain(..end);
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let headers =
            lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Some(Self { line, headers })
    }

    /// A header's value; several of one name are joined by commas.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(super) fn is_for_a_tunnel(&self) -> bool {
        self.line.starts_with("CONNECT ")
    }

    /// The details of its record.
    pub(super) fn record(&self) -> Value {
        let mut words = self.line.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, target, version) = (word(), word(), word());
        let names = self.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        let headers: Map<String, Value> = names.map(|name| (name.clone(), self.header(&name).into())).collect();
        json!({"method": method, "target": target, "version": version, "headers": headers, "lines": self.headers})
    }
}

/// The answer that opens the connection, with its subprotocol and extensions.
pub(super) struct Answer {
    pub(super) head: String,
    pub(super) protocol: Option<String>,
    pub(super) extensions: Option<String>,
}

pub(super) fn accept(request: &Request, accept: &Accept) -> Answer {
    let protocol = match &accept.protocol {
        Protocol::First => {
            request.header("Sec-WebSocket-Protocol").and_then(|offer| offer.split(',').next().map(|name| name.trim().to_owned()))
        }
        Protocol::None => None,
        Protocol::This(name) => Some(name.clone()),
    };
    let key = request.header("Sec-WebSocket-Key").unwrap_or_default();
    let mut headers = vec![
        ("Upgrade".to_owned(), "websocket".to_owned()),
        ("Connection".to_owned(), "Upgrade".to_owned()),
        ("Sec-WebSocket-Accept".to_owned(), derive_accept_key(key.as_bytes())),
    ];
    headers.extend(protocol.clone().map(|name| ("Sec-WebSocket-Protocol".to_owned(), name)));
    headers.extend(accept.extensions.clone().map(|names| ("Sec-WebSocket-Extensions".to_owned(), names)));
    Answer { head: head(101, "Switching Protocols", headers, &accept.headers, 0), protocol, extensions: accept.extensions.clone() }
}

/// An answer that does not open it, body included.
pub(super) fn refuse(refuse: &Refuse, port: u16) -> Vec<u8> {
    let own = vec![("Content-Length".to_owned(), refuse.body.len().to_string()), ("Connection".to_owned(), "close".to_owned())];
    let mut bytes = head(refuse.status, &refuse.words, own, &refuse.headers, port).into_bytes();
    bytes.extend_from_slice(&refuse.body);
    bytes
}

/// A response's head: our own headers, without those that the script replaces, or removes with null. `{port}` in a value is the server's port.
fn head(status: u16, words: &str, mut own: Vec<(String, String)>, given: &[(String, Option<String>)], port: u16) -> String {
    own.retain(|(name, _)| !given.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)));
    let given = given.iter().filter_map(|(name, value)| Some((name.clone(), value.as_ref()?.replace("{port}", &port.to_string()))));
    let lines = own.into_iter().chain(given).map(|(name, value)| format!("{name}: {value}\r\n"));
    format!("HTTP/1.1 {status} {words}\r\n{}\r\n", lines.collect::<String>())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Request, accept, refuse};
    use crate::testing::steps::{Accept, Protocol, Refuse, Write};
    use serde_json::json;

    #[test]
    fn a_request_is_recorded_as_it_came() {
        let mut bytes = b"GET /a?b HTTP/1.1\r\nHost: x\r\nX-Two: 1\r\nx-two: 2\r\n\r\nrest".to_vec();
        let record = Request::take(&mut bytes).unwrap().record();
        assert_eq!(record["target"], "/a?b");
        assert_eq!(record["headers"], json!({"host": "x", "x-two": "1, 2"}));
        assert_eq!(record["lines"][1], json!(["X-Two", "1"]));
        assert_eq!(bytes, b"rest");
        assert!(Request::take(&mut bytes).is_none());
    }

    #[test]
    fn given_headers_replace_ours() {
        let mut bytes = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a, b\r\n\r\n".to_vec();
        let request = Request::take(&mut bytes).unwrap();
        let headers = vec![("upgrade".to_owned(), None), ("X".to_owned(), Some("1".to_owned()))];
        let answer = accept(&request, &Accept { protocol: Protocol::First, extensions: None, headers, write: Write::default() });
        assert_eq!(answer.protocol.as_deref(), Some("a"));
        let expected = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: a\r\nX: 1\r\n\r\n";
        assert_eq!(answer.head, expected);
        let headers = vec![("Location".to_owned(), Some("ws://h:{port}/".to_owned()))];
        let bytes = refuse(&Refuse { status: 302, words: "Found".to_owned(), headers, body: Vec::new(), write: Write::default() }, 7);
        assert!(String::from_utf8(bytes).unwrap().contains("Location: ws://h:7/\r\n"));
    }
}
