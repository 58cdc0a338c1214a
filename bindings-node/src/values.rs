//! Events and errors as plain JavaScript objects, from which the shim makes instances of classes. Times become milliseconds.

use std::time::Duration;

use heartwire::{Close, Dropped, Error, Event, Heartbeat, Message, Open, Question, Reconnecting, Settled};

use crate::js::{Js, Result, Value};

/// An event's name and its fields.
pub(crate) fn event(js: Js, event: &Event) -> Result<[Value; 2]> {
    let (name, fields) = match event {
        Event::Open(open) => ("open", opened(js, open)?),
        Event::Message(content) => ("message", js.object(&[(c"data", message(js, content)?)])?),
        Event::Error(cause) => ("error", js.object(&[(c"error", error(js, cause)?)])?),
        Event::Close(close) => ("close", closed(js, close)?),
        Event::Reconnecting(plan) => ("reconnecting", reconnecting(js, plan)?),
        Event::Ping(payload) => ("ping", js.object(&[(c"payload", js.bytes(payload)?)])?),
        Event::Pong { payload, latency } => {
            ("pong", js.object(&[(c"payload", js.bytes(payload)?), (c"latency", optional_milliseconds(js, *latency)?)])?)
        }
        Event::Heartbeat(beat) => ("heartbeat", heartbeat(js, beat)?),
        Event::Drain => ("drain", js.object(&[])?),
        Event::Dropped(dropped) => ("dropped", lost(js, dropped)?),
        Event::Ready => ("ready", js.object(&[])?),
        Event::Throttled(throttled) => {
            let waiting = js.number(throttled.waiting as f64)?;
            ("throttled", js.object(&[(c"delay", milliseconds(js, throttled.delay)?), (c"waiting", waiting)])?)
        }
        Event::Settled(settled) => ("settled", ended(js, settled)?),
        Event::Ask(ask) => ("ask", asked(js, ask.id, &ask.question)?),
        _ => ("", js.undefined()?),
    };
    Ok([js.text(name)?, fields])
}

/// An owned message: a string or an `ArrayBuffer`.
pub(crate) fn message(js: Js, message: &Message) -> Result<Value> {
    match message {
        Message::Text(text) => js.text(text),
        Message::Binary(bytes) => js.bytes(bytes),
    }
}

/// An error's fields.
pub(crate) fn error(js: Js, error: &Error) -> Result<Value> {
    let causes = error.causes.iter().map(|cause| js.text(cause)).collect::<Result<Vec<_>>>()?;
    let status = match error.status {
        Some(status) => js.integer(u32::from(status))?,
        None => js.undefined()?,
    };
    js.object(&[
        (c"code", js.text(error.code.as_str())?),
        (c"phase", js.text(error.phase.as_str())?),
        (c"message", js.text(&error.message)?),
        (c"status", status),
        (c"headers", pairs(js, &error.headers)?),
        (c"body", js.bytes(&error.body)?),
        (c"retryable", js.boolean(error.retryable)?),
        (c"retryIn", optional_milliseconds(js, error.retry_in)?),
        (c"causes", js.array(&causes)?),
    ])
}

/// A length of time in milliseconds, or null.
pub(crate) fn optional_milliseconds(js: Js, time: Option<Duration>) -> Result<Value> {
    time.map_or_else(|| js.null(), |time| milliseconds(js, time))
}

fn milliseconds(js: Js, time: Duration) -> Result<Value> {
    js.number(time.as_secs_f64() * 1000.0)
}

fn optional_error(js: Js, cause: Option<&Error>) -> Result<Value> {
    cause.map_or_else(|| js.null(), |cause| error(js, cause))
}

fn pairs(js: Js, pairs: &[(String, String)]) -> Result<Value> {
    let pairs = pairs.iter().map(|(name, value)| js.array(&[js.text(name)?, js.text(value)?])).collect::<Result<Vec<_>>>()?;
    js.array(&pairs)
}

fn opened(js: Js, open: &Open) -> Result<Value> {
    js.object(&[
        (c"url", js.text(&open.url)?),
        (c"protocol", js.text(&open.protocol)?),
        (c"extensions", js.text(&open.extensions)?),
        // As JSON text, because few programs read the headers.
        (c"headers", js.text(&serde_json::to_string(&open.headers).unwrap_or_default())?),
    ])
}

fn closed(js: Js, close: &Close) -> Result<Value> {
    js.object(&[
        (c"code", js.integer(u32::from(close.code.0))?),
        (c"reason", js.text(&close.reason)?),
        (c"wasClean", js.boolean(close.was_clean)?),
        (c"error", optional_error(js, close.error.as_ref())?),
        (c"willReconnect", js.boolean(close.will_reconnect)?),
        (c"retryIn", optional_milliseconds(js, close.retry_in)?),
        (c"unsent", js.integer(u32::try_from(close.unsent).unwrap_or(u32::MAX))?),
    ])
}

fn reconnecting(js: Js, plan: &Reconnecting) -> Result<Value> {
    js.object(&[
        (c"attempt", js.integer(plan.attempt)?),
        (c"delay", milliseconds(js, plan.delay)?),
        (c"capped", optional_milliseconds(js, plan.capped)?),
        (c"cause", optional_error(js, plan.cause.as_ref())?),
    ])
}

fn heartbeat(js: Js, beat: &Heartbeat) -> Result<Value> {
    let (kind, latency, missed) = match beat {
        Heartbeat::Sent => ("sent", None, 0),
        Heartbeat::Answered { latency } => ("answered", Some(*latency), 0),
        Heartbeat::Missed { count } => ("missed", None, *count),
    };
    js.object(&[(c"kind", js.text(kind)?), (c"latency", optional_milliseconds(js, latency)?), (c"missed", js.integer(missed)?)])
}

fn lost(js: Js, dropped: &Dropped) -> Result<Value> {
    let messages = dropped.messages.iter().map(|content| message(js, content)).collect::<Result<Vec<_>>>()?;
    js.object(&[(c"messages", js.array(&messages)?), (c"reason", js.text(dropped.reason.as_str())?)])
}

fn ended(js: Js, settled: &Settled) -> Result<Value> {
    let (reply, cause) = match &settled.outcome {
        Ok(Some(reply)) => (js.text(reply)?, js.null()?),
        Ok(None) => (js.null()?, js.null()?),
        Err(cause) => (js.null()?, error(js, cause)?),
    };
    js.object(&[(c"ticket", js.number(settled.ticket as f64)?), (c"reply", reply), (c"error", cause)])
}

fn asked(js: Js, id: u64, question: &Question) -> Result<Value> {
    let (name, close) = match question {
        Question::Url => ("url", js.null()?),
        Question::Headers => ("headers", js.null()?),
        Question::Protocols => ("protocols", js.null()?),
        Question::HeartbeatMessage { dictated: false } => ("heartbeat.message", js.null()?),
        Question::HeartbeatMessage { dictated: true } => ("setHeartbeat.message", js.null()?),
        Question::Ready => ("ready", js.null()?),
        Question::ShouldReconnect(close) => ("reconnect.shouldReconnect", closed(js, close)?),
    };
    js.object(&[(c"id", js.number(id as f64)?), (c"question", js.text(name)?), (c"close", close)])
}
