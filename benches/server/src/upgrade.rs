//! The upgrade, and whether it agrees on permessage-deflate. Knows nothing of the scenario.

use std::io::{self, Read, Write};

use tungstenite::handshake::derive_accept_key;
use url::Url;

use crate::deflate::Agreement;

/// What the client asked for.
pub(crate) struct Request {
    /// Path and query, under a host that means nothing.
    pub(crate) target: Url,
    /// The agreed compression, if the query has `deflate` and the client offered it.
    pub(crate) deflate: Option<Agreement>,
}

impl Request {
    /// The value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.target.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The value of a query parameter that is a number, or 0.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.query(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}

/// Reads the request and answers it. Also returns the bytes behind it.
pub(crate) fn accept<S: Read + Write>(stream: &mut S) -> io::Result<(Request, Vec<u8>)> {
    let mut input = Vec::new();
    let mut room = [0; 4096];
    loop {
        let read = stream.read(&mut room)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        input.extend_from_slice(&room[..read]);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = request.parse(&input).map_err(io::Error::other)? else { continue };
        let (request, answer) = answer(&request)?;
        stream.write_all(answer.as_bytes())?;
        stream.flush()?;
        return Ok((request, input.split_off(length)));
    }
}

fn answer(request: &httparse::Request) -> io::Result<(Request, String)> {
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let base = Url::parse("ws://bench").map_err(io::Error::other)?;
    let target = base.join(request.path.unwrap_or("/")).map_err(io::Error::other)?;
    let key = header("sec-websocket-key").ok_or_else(|| io::Error::other("no Sec-WebSocket-Key"))?;
    let mut asked = Request { target, deflate: None };
    if asked.query("deflate").is_some() {
        // Without it, the measurement would not be the requested one.
        let agreed = header("sec-websocket-extensions").and_then(Agreement::choose);
        asked.deflate = Some(agreed.ok_or_else(|| io::Error::other("no permessage-deflate was offered"))?);
    }
    let extensions = asked.deflate.map(|agreed| format!("Sec-WebSocket-Extensions: {agreed}\r\n")).unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    );
    Ok((asked, answer))
}
