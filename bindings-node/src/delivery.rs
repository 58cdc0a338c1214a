//! From batches to JavaScript: `pull` walks a socket's batch and gives what it finds to the sink, many messages in one call.

use heartwire::event::{Batch, Event, Item};

use crate::environment::Environment;
use crate::js::{Arguments, Js, Result, Value};
use crate::socket::Socket;
use crate::values;

/// How many messages cross in one call.
const PER_CALL: usize = 32;
/// How many bytes of messages cross in one call, so that what a handler's `close()` makes void is not converted for nothing.
const BYTES_PER_CALL: usize = 256 << 10;

/// What `pull` found.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Found {
    /// Nothing waits.
    Nothing = 0,
    /// Messages: strings and `ArrayBuffer`s went to the sink.
    Messages = 1,
    /// An event: its name and fields went to the sink. The socket's state may have changed.
    Event = 2,
    /// The peer's Close or a failure was reached. The socket's state may have changed.
    Settled = 3,
    /// The batch is at its end; there may be another.
    End = 4,
    /// The loop was so late that the keeper stood in: for how many milliseconds went to the sink.
    Stalled = 5,
}

/// `pull(handle)`: the next thing of a socket. To be called again once the handlers of the last one have run.
pub(crate) fn pull(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let handle = js.to_integer(arguments.at(0))?;
    let found = next(js, environment, handle)?;
    js.integer(found as u32)
}

/// `stalled()`: for how many milliseconds something has waited for this environment's loop, if the keeper stood in since the last call; else 0.
pub(crate) fn stalled(js: Js, environment: &mut Environment, _: &Arguments) -> Result<Value> {
    js.number(environment.stall().unwrap_or_default().as_millis() as f64)
}

fn next(js: Js, environment: &mut Environment, handle: u32) -> Result<Found> {
    if let (Some(stall), Some(link)) = (environment.stall(), &environment.link) {
        js.call(js.kept(link.sink)?, &[js.number(stall.as_millis() as f64)?])?;
        return Ok(Found::Stalled);
    }
    let mut wide = std::mem::take(&mut environment.wide);
    let sink = environment.link.as_ref().map(|link| link.sink);
    let (Some(socket), Some(sink)) = (environment.socket(handle), sink) else { return Ok(Found::Nothing) };
    if !socket.in_batch && !socket.next_batch() {
        return Ok(Found::Nothing);
    }
    let found = loop {
        let Some(item) = socket.batch.items.get(socket.next) else {
            socket.in_batch = false;
            socket.connection.delivered(&socket.batch);
            break Found::End;
        };
        if is_message(item) {
            let mut values = [std::ptr::null_mut(); PER_CALL];
            let count = messages(js, socket, &mut values, &mut wide)?;
            js.call(js.kept(sink)?, &values[..count])?;
            break Found::Messages;
        }
        socket.next += 1;
        match item {
            Item::Barrier => {
                socket.connection.settle();
                break Found::Settled;
            }
            Item::Event(event) => {
                if socket.connection.enter(event) {
                    js.call(js.kept(sink)?, &values::event(js, event)?)?;
                    break Found::Event;
                }
            }
            Item::Text(_) | Item::Binary(_) => {}
        }
    };
    environment.wide = wide;
    Ok(found)
}

fn is_message(item: &Item) -> bool {
    match item {
        Item::Text(_) | Item::Binary(_) => true,
        Item::Event(event) => matches!(**event, Event::Message(_)),
        Item::Barrier => false,
    }
}

/// Converts the messages that come next, and moves past them.
fn messages(js: Js, socket: &mut Socket, values: &mut [Value; PER_CALL], wide: &mut Vec<u16>) -> Result<usize> {
    let Batch { bytes, items, .. } = &socket.batch;
    let (mut count, mut size) = (0, 0);
    while let Some(item) = items.get(socket.next).filter(|item| is_message(item)) {
        values[count] = match item {
            Item::Text(range) => {
                size += range.len();
                js.string(&bytes[range.clone()], wide)?
            }
            Item::Binary(range) => {
                size += range.len();
                js.bytes(&bytes[range.clone()])?
            }
            Item::Event(event) => match &**event {
                Event::Message(message) => {
                    size += message.len();
                    values::message(js, message)?
                }
                _ => break,
            },
            Item::Barrier => break,
        };
        socket.next += 1;
        count += 1;
        if count == PER_CALL || size >= BYTES_PER_CALL {
            break;
        }
    }
    Ok(count)
}
