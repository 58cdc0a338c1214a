//! The event objects: frozen, with plain members as fields. One is made for each event, except for messages (`Reusable`). It calls no user code.

use std::time::Duration;

use heartwire::{CloseCode, Message};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList, PyString};
use pyo3::{PyTraverseError, PyVisit};

use crate::listeners::{Kind, NAMES};
use crate::{errors, text};

/// The fields that all events have.
#[pyclass(frozen, subclass, module = "heartwire")]
pub(crate) struct Event {
    /// The event's name.
    #[pyo3(get)]
    r#type: Py<PyString>,
    /// The socket.
    #[pyo3(get)]
    target: Py<PyAny>,
}

#[pymethods]
impl Event {
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let mut words = format!("<{}", slf.get_type().name()?);
        let shown: &[&str] = match slf.get().r#type.bind(slf.py()).to_cow()?.as_ref() {
            // The subprotocol may be a secret, as the headers may.
            "open" => &["extensions"],
            "message" => &["data"],
            "error" => &["error"],
            "close" => &["code", "reason", "was_clean", "error", "will_reconnect", "retry_in", "unsent"],
            "reconnecting" => &["attempt", "delay", "capped", "cause"],
            "ping" => &["payload"],
            "pong" => &["payload", "latency"],
            "heartbeat" => &["kind", "latency", "missed"],
            "dropped" => &["reason", "messages"],
            "throttled" => &["delay", "waiting"],
            _ => &[],
        };
        for name in shown {
            let value = slf.getattr(*name)?.repr()?;
            let mut value = value.to_string_lossy().into_owned();
            if let Some((cut, _)) = value.char_indices().nth(200) {
                value.truncate(cut);
                value.push_str("...");
            }
            words.extend([" ", name, "=", &value]);
        }
        Ok(words + ">")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.target)
    }
}

/// The connection is open.
#[pyclass(frozen, extends = Event, module = "heartwire", get_all)]
pub(crate) struct OpenEvent {
    /// The subprotocol that the server chose, or empty.
    protocol: Py<PyString>,
    /// The extensions in use, or empty.
    extensions: Py<PyString>,
    /// The response's headers, names in lower case.
    headers: Py<PyList>,
}

/// A message.
#[pyclass(frozen, extends = Event, module = "heartwire")]
pub(crate) struct MessageEvent {
    /// The text (str) or the bytes.
    #[pyo3(get)]
    data: Py<PyAny>,
    /// The origin of the URL.
    #[pyo3(get)]
    origin: Py<PyString>,
}

#[pymethods]
impl MessageEvent {
    /// The message, parsed as JSON.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        LOADS.import(py, "json", "loads")?.call1((&self.data,))
    }
}

/// The end of a connection, or of an attempt to open one.
#[pyclass(frozen, extends = Event, module = "heartwire", get_all)]
pub(crate) struct CloseEvent {
    /// The received code. 1005: the Close had no code. 1006: no Close arrived, or we failed the connection.
    code: u16,
    /// The reason received.
    reason: Py<PyString>,
    /// Whether both sides sent a Close frame.
    was_clean: bool,
    /// The cause of an abnormal end, or None.
    error: Py<PyAny>,
    /// Whether another attempt follows.
    will_reconnect: bool,
    /// In how many seconds, or None.
    retry_in: Option<f64>,
    /// How many bytes of messages the system had not taken when the connection ended.
    unsent: usize,
}

#[pymethods]
impl CloseEvent {
    /// `was_clean` by the standard's name.
    #[getter(wasClean)]
    fn was_clean_by_standard(&self) -> bool {
        self.was_clean
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.error)
    }
}

/// We failed the connection, or could not open it.
#[pyclass(frozen, extends = Event, module = "heartwire", get_all)]
pub(crate) struct ErrorEvent {
    /// A failure of the connection.
    error: Py<PyAny>,
    /// Its words.
    message: Py<PyString>,
}

#[pymethods]
impl ErrorEvent {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.error)
    }
}

/// The next attempt is planned.
#[pyclass(frozen, extends = Event, module = "heartwire", get_all)]
pub(crate) struct ReconnectingEvent {
    /// 1 for the first attempt after the loss.
    attempt: u32,
    /// Seconds until then.
    delay: f64,
    /// The server's Retry-After in seconds, if it was longer than `max_retry_after`, the actual wait; else None.
    capped: Option<f64>,
    /// Why, or None.
    cause: Py<PyAny>,
}

#[pymethods]
impl ReconnectingEvent {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.cause)
    }
}

/// The peer's ping, which is already answered.
#[pyclass(frozen, extends = Event, module = "heartwire", get_all)]
pub(crate) struct PingEvent {
    /// Its payload.
    payload: Py<PyBytes>,
}

/// A pong.
#[pyclass(frozen, extends = Event, module = "heartwire", get_all)]
pub(crate) struct PongEvent {
    /// Its payload.
    payload: Py<PyBytes>,
    /// Seconds since the ping that it answers. None if it answers none of ours.
    latency: Option<f64>,
}

/// The outcome of a text heartbeat.
#[pyclass(frozen, extends = Event, module = "heartwire", get_all)]
pub(crate) struct HeartbeatEvent {
    /// `sent`, `answered` or `missed`.
    kind: Py<PyString>,
    /// Seconds until the response, if it arrived.
    latency: Option<f64>,
    /// How many responses in a row are missing, if this one is.
    missed: Option<u32>,
}

/// Messages of the send queue that will never be sent.
#[pyclass(frozen, extends = Event, module = "heartwire", get_all)]
pub(crate) struct DroppedEvent {
    /// The messages, oldest first: str or bytes.
    messages: Py<PyList>,
    /// `expired`, `overflow` or `closed`.
    reason: Py<PyString>,
}

/// Messages have to wait for the rate limit.
#[pyclass(frozen, extends = Event, module = "heartwire", get_all)]
pub(crate) struct ThrottledEvent {
    /// How many seconds the first of them has to wait.
    delay: f64,
    /// How many wait.
    waiting: usize,
}

fn base(kind: Kind, target: &Bound<'_, PyAny>) -> PyClassInitializer<Event> {
    static TYPES: PyOnceLock<[Py<PyString>; NAMES.len()]> = PyOnceLock::new();
    let py = target.py();
    let types = TYPES.get_or_init(py, || NAMES.map(|name| PyString::intern(py, name).unbind()));
    PyClassInitializer::from(Event { r#type: types[kind as usize].clone_ref(py), target: target.clone().unbind() })
}

/// Seconds of a duration.
fn seconds(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| duration.as_secs_f64())
}

fn maybe_error(py: Python<'_>, error: Option<&heartwire::Error>) -> PyResult<Py<PyAny>> {
    error.map_or_else(|| Ok(py.None()), |error| Ok(errors::object(py, error)?.unbind()))
}

/// The event object of a socket's messages: it is used again while no one keeps it.
#[derive(Default)]
pub(crate) struct Reusable(Option<Py<PyAny>>);

impl Reusable {
    /// The event for a message. It stays here, and only here unless its handlers keep it.
    pub(crate) fn with<'a, 'py>(
        &'a mut self,
        target: &Bound<'py, PyAny>,
        data: Bound<'py, PyAny>,
        origin: impl FnOnce() -> Py<PyString>,
    ) -> PyResult<&'a Bound<'py, PyAny>> {
        let py = target.py();
        match &self.0 {
            Some(event) if is_ours_alone(py, event) => put_data(event.bind(py), data),
            _ => {
                let event = MessageEvent { data: data.unbind(), origin: origin() };
                self.0 = Some(Bound::new(py, base(Kind::Message, target).add_subclass(event))?.into_any().unbind());
            }
        }
        Ok(self.0.get_or_insert_with(|| py.None()).bind(py))
    }

    /// Drops the last message, or the event if someone keeps it.
    pub(crate) fn forget_data(&mut self, py: Python<'_>) {
        match &self.0 {
            Some(event) if is_ours_alone(py, event) => put_data(event.bind(py), py.None().into_bound(py)),
            _ => self.0 = None,
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

/// Whether this is the only reference to the object. A free-threaded interpreter spreads the count over threads, so there the answer is always false.
fn is_ours_alone(py: Python<'_>, event: &Py<PyAny>) -> bool {
    let _ = py;
    // SAFETY: attached (py), and the object is alive.
    cfg!(not(Py_GIL_DISABLED)) && unsafe { pyo3::ffi::Py_REFCNT(event.as_ptr()) } == 1
}

/// Changes the data of a message event without another reference.
fn put_data<'py>(event: &Bound<'py, PyAny>, data: Bound<'py, PyAny>) {
    // SAFETY: `Reusable` holds nothing but objects of that class, made above.
    let event = unsafe { event.cast_unchecked::<MessageEvent>() };
    let offset = (&raw const event.get().data).addr() - event.as_ptr().addr();
    // SAFETY: the field lies at that offset of the object. Nobody else has the object, and no reference into it is alive here, so nobody sees
    // the change. The old value is dropped after the new one is in its place.
    let old = unsafe { event.as_ptr().byte_add(offset).cast::<Py<PyAny>>().replace(data.unbind()) };
    drop(old.into_bound(event.py()));
}

/// The data of a message as a Python object.
pub(crate) fn data(py: Python<'_>, message: &Message) -> Py<PyAny> {
    match message {
        Message::Text(text) => text::to_str(py, text).into_any().unbind(),
        Message::Binary(bytes) => PyBytes::new(py, bytes).into_any().unbind(),
    }
}

/// The end of a connection.
pub(crate) fn close<'py>(target: &Bound<'py, PyAny>, close: &heartwire::Close) -> PyResult<Bound<'py, PyAny>> {
    let py = target.py();
    let CloseCode(code) = close.code;
    let event = CloseEvent {
        code,
        reason: PyString::new(py, &close.reason).unbind(),
        was_clean: close.was_clean,
        error: maybe_error(py, close.error.as_ref())?,
        will_reconnect: close.will_reconnect,
        retry_in: seconds(close.retry_in),
        unsent: close.unsent,
    };
    Ok(Bound::new(py, base(Kind::Close, target).add_subclass(event))?.into_any())
}

/// The object of an event that the user sees, with its kind. `None` for a question, which listeners do not get, and for messages, which need their
/// origin.
pub(crate) fn other<'py>(target: &Bound<'py, PyAny>, event: &heartwire::Event) -> PyResult<Option<(Kind, Bound<'py, PyAny>)>> {
    let py = target.py();
    let text = |text: &str| PyString::new(py, text).unbind();
    let bytes = |bytes: &[u8]| PyBytes::new(py, bytes).unbind();
    let made = match event {
        heartwire::Event::Open(open) => {
            let headers: Vec<(&str, &str)> = open.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let made = OpenEvent {
                protocol: text(&open.protocol),
                extensions: text(&open.extensions),
                headers: PyList::new(py, headers)?.unbind(),
            };
            (Kind::Open, Bound::new(py, base(Kind::Open, target).add_subclass(made))?.into_any())
        }
        heartwire::Event::Error(error) => {
            let made = ErrorEvent { error: errors::object(py, error)?.unbind(), message: text(&error.message) };
            (Kind::Error, Bound::new(py, base(Kind::Error, target).add_subclass(made))?.into_any())
        }
        heartwire::Event::Close(end) => (Kind::Close, close(target, end)?),
        heartwire::Event::Reconnecting(next) => {
            let made = ReconnectingEvent {
                attempt: next.attempt,
                delay: next.delay.as_secs_f64(),
                capped: next.capped.map(|asked| asked.as_secs_f64()),
                cause: maybe_error(py, next.cause.as_ref())?,
            };
            (Kind::Reconnecting, Bound::new(py, base(Kind::Reconnecting, target).add_subclass(made))?.into_any())
        }
        heartwire::Event::Ping(payload) => {
            let made = PingEvent { payload: bytes(payload) };
            (Kind::Ping, Bound::new(py, base(Kind::Ping, target).add_subclass(made))?.into_any())
        }
        heartwire::Event::Pong { payload, latency } => {
            let made = PongEvent { payload: bytes(payload), latency: seconds(*latency) };
            (Kind::Pong, Bound::new(py, base(Kind::Pong, target).add_subclass(made))?.into_any())
        }
        heartwire::Event::Heartbeat(beat) => {
            let (kind, latency, missed) = match beat {
                heartwire::Heartbeat::Sent => ("sent", None, None),
                heartwire::Heartbeat::Answered { latency } => ("answered", Some(latency.as_secs_f64()), None),
                heartwire::Heartbeat::Missed { count } => ("missed", None, Some(*count)),
            };
            let made = HeartbeatEvent { kind: text(kind), latency, missed };
            (Kind::Heartbeat, Bound::new(py, base(Kind::Heartbeat, target).add_subclass(made))?.into_any())
        }
        heartwire::Event::Drain => (Kind::Drain, Bound::new(py, base(Kind::Drain, target))?.into_any()),
        heartwire::Event::Ready => (Kind::Ready, Bound::new(py, base(Kind::Ready, target))?.into_any()),
        heartwire::Event::Throttled(throttled) => {
            let made = ThrottledEvent { delay: throttled.delay.as_secs_f64(), waiting: throttled.waiting };
            (Kind::Throttled, Bound::new(py, base(Kind::Throttled, target).add_subclass(made))?.into_any())
        }
        heartwire::Event::Dropped(dropped) => {
            let messages: Vec<Py<PyAny>> = dropped.messages.iter().map(|message| data(py, message)).collect();
            let made = DroppedEvent { messages: PyList::new(py, messages)?.unbind(), reason: text(dropped.reason.as_str()) };
            (Kind::Dropped, Bound::new(py, base(Kind::Dropped, target).add_subclass(made))?.into_any())
        }
        _ => return Ok(None),
    };
    Ok(Some(made))
}
