//! The steps of a script: their data, and how each is read from JSON. Knows nothing of sockets; `peer` carries them out.

use std::time::Duration;

use serde_json::Value;

use super::fields::Fields;

/// One thing that the server does on a connection.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Plain,
    Tls { cut: Option<usize>, within: Duration },
    Request { within: Duration },
    Read { wanted: Wanted, within: Duration },
    Tunnel { write: Write },
    Accept(Accept),
    Refuse(Refuse),
    Send { content: Content, count: usize, numbered: bool, fragments: usize, compress: bool, write: Write },
    Raw { bytes: Vec<u8>, write: Write },
    Expect { pattern: Option<Value>, within: Duration },
    Ping { payload: Vec<u8>, wait: Option<Duration>, write: Write },
    Pong { payload: Vec<u8>, write: Write },
    Ignore { pings: bool, closes: bool },
    Reply { to: Value, with: Content, times: Option<u64> },
    Echo { count: Option<u64> },
    Close { code: Option<u16>, reason: String, wait: bool, write: Write },
    WaitClose { within: Duration, answer: bool },
    WaitEnd { within: Duration },
    Delay { time: Duration },
    Mark { name: String },
    Slow { bytes: usize, every: Duration },
    Stall { time: Option<Duration> },
    End { notify: bool, fin: bool },
    Reset,
}

/// How bytes leave: all at once, in small writes with pauses, or together with those of the next step.
#[derive(Clone, Debug, Default)]
pub(super) struct Write {
    pub(super) coalesce: bool,
    pub(super) split: Option<usize>,
    pub(super) pause: Duration,
    /// How many of the resulting bytes on the wire leave; the rest never does.
    pub(super) cut: Option<usize>,
}

/// The bytes that a client must send before it speaks HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Any bytes, so many.
    Count(usize),
    /// These.
    These(Vec<u8>),
}

/// The answer that opens the connection.
#[derive(Clone, Debug)]
pub(super) struct Accept {
    pub(super) protocol: Protocol,
    pub(super) extensions: Option<String>,
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) write: Write,
}

/// Which subprotocol the server chooses.
#[derive(Clone, Debug)]
pub(super) enum Protocol {
    /// The first that the client offers.
    First,
    /// None.
    None,
    /// This one, offered or not.
    This(String),
}

/// An answer that does not open it.
#[derive(Clone, Debug)]
pub(super) struct Refuse {
    pub(super) status: u16,
    pub(super) words: String,
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) body: Vec<u8>,
    pub(super) write: Write,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl Content {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// Where in the life of a connection a step is allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the connection is open.
    Fresh,
    /// Once it is.
    Open,
    /// After a step that ends it.
    Over,
}

pub(super) const NAMES: &str = "plain, tls, read, tunnel, request, accept, refuse, redirect, send, raw, expect, ping, pong, ignore, reply, echo, close, wait_close, wait_end, delay, slow, stall, mark, end, reset";
const SOON: Duration = Duration::from_secs(30);
/// The bytes that one step sends.
const AT_MOST: usize = 1 << 30;

impl Step {
    /// Reads one step. `place` is the state after the steps before it.
    pub(super) fn parse(path: String, value: &Value, first: bool, place: &mut Place, faults: &mut Vec<String>) -> Option<Self> {
        let mut fields = Fields::of(path, value, faults);
        let name = fields.text("do").unwrap_or_default();
        let stood = *place;
        if stood == Place::Over {
            fields.complain("no step may follow one that ends the connection (refuse, redirect, end, reset)");
        }
        let step = match name {
            "plain" => {
                if !first {
                    fields.complain("plain (no TLS on this connection) must be the first step");
                }
                Self::Plain
            }
            "tls" => Self::Tls {
                cut: fields.whole("cut", 0, 1 << 30).map(|bytes| bytes as usize),
                within: fields.seconds("within").unwrap_or(SOON),
            },
            "read" => Self::parse_read(&mut fields),
            "tunnel" => Self::Tunnel { write: Write::parse(&mut fields) },
            "request" => Self::Request { within: fields.seconds("within").unwrap_or(SOON) },
            "accept" => {
                *place = Place::Open;
                Self::Accept(Accept::parse(&mut fields))
            }
            "refuse" => {
                *place = Place::Over;
                Self::Refuse(Refuse::parse(&mut fields))
            }
            "redirect" => {
                *place = Place::Over;
                Self::Refuse(Refuse::parse_redirect(&mut fields))
            }
            "raw" => Self::parse_raw(&mut fields),
            "delay" => Self::Delay { time: fields.seconds("for").unwrap_or_default() },
            "mark" => Self::Mark { name: fields.text("name").unwrap_or_default().to_owned() },
            "slow" => Self::Slow {
                bytes: fields.whole("bytes", 1, 1 << 30).unwrap_or(1) as usize,
                every: fields.seconds("every").unwrap_or(Duration::from_millis(100)),
            },
            "stall" => Self::Stall { time: fields.seconds("for") },
            "wait_end" => Self::WaitEnd { within: fields.seconds("within").unwrap_or(SOON) },
            "end" => {
                *place = Place::Over;
                let (notify, fin) = (fields.flag("notify", true), fields.flag("fin", true));
                if !notify && !fin {
                    fields.complain("notify and fin are both false: nothing would end (stall says nothing)");
                }
                Self::End { notify, fin }
            }
            "reset" => {
                *place = Place::Over;
                Self::Reset
            }
            name => {
                let Some(step) = Self::parse_open(name, &mut fields) else {
                    fields.fault("do", &Value::from(name), &format!("one of {NAMES}"));
                    return None;
                };
                if stood == Place::Fresh {
                    fields.complain(&format!("{name} needs an open connection: accept first (raw sends bytes at any time)"));
                }
                step
            }
        };
        let comes_before = matches!(
            step,
            Self::Tls { .. } | Self::Read { .. } | Self::Tunnel { .. } | Self::Request { .. } | Self::Accept(_) | Self::Refuse(_)
        );
        if stood == Place::Open && comes_before {
            fields.complain(&format!("{name} comes too late: the connection is open already"));
        }
        fields.finish();
        Some(step)
    }

    /// The steps that need an open connection.
    fn parse_open(name: &str, fields: &mut Fields<'_>) -> Option<Self> {
        Some(match name {
            "send" => Self::parse_send(fields),
            "expect" => Self::Expect { pattern: message_pattern(fields), within: fields.seconds("within").unwrap_or(SOON) },
            "ping" => {
                let payload = control_payload(fields);
                let wait = fields.flag("wait", false);
                let within = fields.seconds("within").unwrap_or(SOON);
                Self::Ping { payload, wait: wait.then_some(within), write: Write::parse(fields) }
            }
            "pong" => Self::Pong { payload: control_payload(fields), write: Write::parse(fields) },
            "ignore" => Self::Ignore { pings: fields.flag("pings", false), closes: fields.flag("closes", false) },
            "reply" => {
                let to = message_pattern(fields);
                if to.is_none() {
                    fields.complain("says no message to reply to: one of text, binary, json, contains, size");
                }
                let with = match fields.value("with") {
                    Some(Value::String(text)) => Content::Text(text.clone()),
                    Some(value) => Content::Text(value.to_string()),
                    None => {
                        fields.complain("with is missing: a text, or a JSON value");
                        Content::Text(String::new())
                    }
                };
                Self::Reply { to: to.unwrap_or_default(), with, times: fields.whole("times", 1, u64::MAX) }
            }
            "echo" => Self::Echo { count: fields.whole("count", 1, u64::MAX) },
            "close" => Self::Close {
                code: fields.whole("code", 0, 65535).map(|code| code as u16),
                reason: fields.text("reason").unwrap_or_default().to_owned(),
                wait: fields.flag("wait", true),
                write: Write::parse(fields),
            },
            "wait_close" => Self::WaitClose { within: fields.seconds("within").unwrap_or(SOON), answer: fields.flag("answer", true) },
            _ => return None,
        })
    }

    fn parse_send(fields: &mut Fields<'_>) -> Self {
        let content = Content::parse(fields).unwrap_or(Content::Text(String::new()));
        let count = fields.whole("count", 1, 10_000_000).unwrap_or(1) as usize;
        let fragments = fields.whole("fragments", 1, 1_000_000).unwrap_or(1) as usize;
        let numbered = fields.flag("numbered", false);
        if numbered && matches!(content, Content::Binary(_)) {
            fields.complain("numbered needs a text");
        }
        // A frame's header and a number are at most so long together.
        let each = content.bytes().len().max(fragments.saturating_mul(16));
        if each.saturating_mul(count) > AT_MOST {
            fields.complain(&format!("{count} messages of {} bytes in {fragments} frames are over 1 GiB", content.bytes().len()));
        }
        Self::Send { content, count, numbered, fragments, compress: fields.flag("compress", false), write: Write::parse(fields) }
    }

    fn parse_read(fields: &mut Fields<'_>) -> Self {
        let count = fields.whole("bytes", 1, 1 << 16).map(|bytes| Wanted::Count(bytes as usize));
        let hex = fields.hex("hex").map(Wanted::These);
        let text = fields.text("text").map(|text| Wanted::These(text.as_bytes().to_vec()));
        let given = [&count, &hex, &text].iter().filter(|given| given.is_some()).count();
        if given != 1 {
            fields.complain("needs exactly one of bytes, hex and text");
        }
        let wanted = count.or(hex).or(text).unwrap_or(Wanted::Count(0));
        Self::Read { wanted, within: fields.seconds("within").unwrap_or(SOON) }
    }

    fn parse_raw(fields: &mut Fields<'_>) -> Self {
        let (hex, text) = (fields.hex("hex"), fields.text("text"));
        let bytes = match (hex, text) {
            (Some(bytes), None) => bytes,
            (None, Some(text)) => text.as_bytes().to_vec(),
            _ => {
                fields.complain("needs one of hex and text");
                Vec::new()
            }
        };
        Self::Raw { bytes, write: Write::parse(fields) }
    }
}

impl Write {
    fn parse(fields: &mut Fields<'_>) -> Self {
        let how = Self {
            coalesce: fields.flag("coalesce", false),
            split: fields.whole("split", 1, 1 << 30).map(|bytes| bytes as usize),
            pause: fields.seconds("pause").unwrap_or_default(),
            cut: fields.whole("cut", 0, 1 << 30).map(|bytes| bytes as usize),
        };
        let in_pieces = how.split.is_some() || !how.pause.is_zero();
        if u8::from(how.coalesce) + u8::from(how.cut.is_some()) + u8::from(in_pieces) > 1 {
            fields.complain(
                "only one of coalesce, cut, and split or pause can be: the bytes leave with the next step's, or in part, or in pieces",
            );
        }
        how
    }
}

impl Accept {
    fn parse(fields: &mut Fields<'_>) -> Self {
        let protocol = match fields.nullable("protocol") {
            None => Protocol::First,
            Some(Value::Null) => Protocol::None,
            Some(Value::String(name)) => Protocol::This(name.clone()),
            Some(value) => {
                fields.fault("protocol", value, "a text or null (left out: the first that the client offers)");
                Protocol::First
            }
        };
        let extensions = fields.text("extensions").map(str::to_owned);
        Self { protocol, extensions, headers: fields.headers("headers"), write: Write::parse(fields) }
    }
}

impl Refuse {
    fn parse(fields: &mut Fields<'_>) -> Self {
        let status = fields.whole("status", 100, 999).unwrap_or(403) as u16;
        let words = fields.text("reason").unwrap_or(reason_phrase(status)).to_owned();
        let body = fields.text("body").unwrap_or_default().as_bytes().to_vec();
        Self { status, words, headers: fields.headers("headers"), body, write: Write::parse(fields) }
    }

    fn parse_redirect(fields: &mut Fields<'_>) -> Self {
        let status = fields.whole("status", 300, 399).unwrap_or(302) as u16;
        let mut headers = fields.headers("headers");
        match fields.text("to") {
            Some(to) => headers.push(("Location".to_owned(), Some(to.to_owned()))),
            None => fields.complain("to is missing: a URL; {port} in it is the server's port"),
        }
        Self { status, words: reason_phrase(status).to_owned(), headers, body: Vec::new(), write: Write::parse(fields) }
    }
}

fn reason_phrase(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}

impl Content {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let (text, binary, json) = (fields.text("text"), fields.hex("binary"), fields.value("json"));
        let (size, as_binary) = (fields.whole("size", 0, 1 << 30), fields.flag("as_binary", false));
        let given = usize::from(text.is_some()) + usize::from(binary.is_some()) + usize::from(json.is_some()) + usize::from(size.is_some());
        if given != 1 {
            fields.complain("needs exactly one of text, binary (hex), json, size");
        }
        let letters = |size: u64| (0..size).map(|i| b'a' + (i % 26) as u8);
        (text.map(|text| Self::Text(text.to_owned()))).or(binary.map(Self::Binary)).or(json.map(|json| Self::Text(json.to_string()))).or(
            size.map(
                |size| if as_binary { Self::Binary(letters(size).collect()) } else { Self::Text(letters(size).map(char::from).collect()) },
            ),
        )
    }
}

/// The pattern that the record of a message must match, with `json` for the value of its text. `None` matches any message.
fn message_pattern(fields: &mut Fields<'_>) -> Option<Value> {
    let mut pattern = serde_json::Map::new();
    if let Some(text) = fields.text("text") {
        pattern.insert("text".to_owned(), text.into());
    }
    if let Some(part) = fields.text("contains") {
        pattern.insert("text".to_owned(), serde_json::json!({"contains": part}));
    }
    if let Some(bytes) = fields.hex("binary") {
        pattern.insert("binary".to_owned(), super::record::hex(&bytes).into());
    }
    if let Some(json) = fields.value("json") {
        pattern.insert("json".to_owned(), json.clone());
    }
    if let Some(size) = fields.whole("size", 0, 1 << 30) {
        pattern.insert("size".to_owned(), size.into());
    }
    (!pattern.is_empty()).then_some(Value::Object(pattern))
}

fn control_payload(fields: &mut Fields<'_>) -> Vec<u8> {
    let payload = fields.text("payload").unwrap_or_default();
    if payload.len() > 125 {
        fields.fault("payload", &Value::from(payload), "at most 125 bytes");
    }
    payload.as_bytes().to_vec()
}
