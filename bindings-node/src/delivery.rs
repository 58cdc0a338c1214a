//! From batches to JavaScript: takes the next items of a socket, converts them, and lets the shim hand them to the listeners. One event is one task
//! of the host, followed by its microtasks and ticks. With `allowSynchronousEvents` the messages of one read are one task.

use std::ptr;
use std::time::{Duration, Instant};

use heartwire::Event;
use heartwire::binding::{Batch, Item};

use crate::environment::Environment;
use crate::js::{Arguments, Js, Result, Value};
use crate::place::Home;
use crate::socket::Socket;
use crate::uv::{Handle, Watch};
use crate::values;

/// How many messages cross in one call, and how many tasks share a handle scope.
pub(crate) const PER_CALL: usize = 64;
/// How many bytes of messages cross in one call. Otherwise messages would be converted that a handler's `close()` discards.
const BYTES_PER_CALL: usize = 256 << 10;
/// How long one call may take.
const SHORT: Duration = Duration::from_millis(1);
/// How many empty batches are kept: one for the socket that reads, some for unfinished ones. And their largest size, that of a turn of a flood
/// under the default `read_limit`: freeing the memory after each turn would cost a page fault for every 4 KiB of the next turn.
const SPARE: usize = 4;
const SPARE_BYTES: usize = 4 << 20;

/// A call of the shim.
struct Task {
    function: Value,
    arguments: [Value; PER_CALL + 1],
    count: usize,
    /// The next event of this socket may come in the same task.
    synchronous: bool,
    /// More items of its batch follow.
    more: bool,
    /// It carries messages, not another event.
    messages: bool,
}

impl Task {
    fn new() -> Self {
        Self {
            function: ptr::null_mut(),
            arguments: [ptr::null_mut(); PER_CALL + 1],
            count: 0,
            synchronous: false,
            more: false,
            messages: false,
        }
    }

    fn arguments(&self) -> &[Value] {
        &self.arguments[..self.count]
    }
}

/// The end of a socket's service.
enum Served {
    /// Nothing waits.
    Through,
    /// The loop has to continue.
    Late,
    /// JavaScript cannot be called any more.
    Gone,
}

/// Serves the sockets with items, one after the other, while no JavaScript runs, for as long as one pass of the loop may last.
pub(crate) fn serve(home: Home) {
    // The last socket may go meanwhile, and with it the owner of the state.
    let _kept = home.keep();
    let js = home.with(|environment| {
        let js = environment.js().filter(|_| !environment.serving);
        if js.is_some() {
            environment.turn.begin();
            environment.serving = true;
        }
        js
    });
    let Some(js) = js else { return };
    while let Some(handle) = home.with(Environment::next_in_line) {
        match serve_one(js, home, handle) {
            Served::Through => {}
            Served::Late => {
                home.with(|environment| {
                    // It continues behind the others, in the next pass.
                    if let Some(link) = &environment.link {
                        link.door.knock(handle);
                    }
                });
                break;
            }
            Served::Gone => break,
        }
    }
    home.with(|environment| environment.serving = false);
}

fn serve_one(js: Js, home: Home, handle: u32) -> Served {
    let mut task = Task::new();
    loop {
        let served = js.scoped(|| {
            for _ in 0..PER_CALL {
                match home.with(|environment| next(js, environment, handle, &mut task)) {
                    Ok(false) => return Some(Served::Through),
                    Ok(true) => {
                        let began = task.more.then(Instant::now);
                        let mut outcome = js.task(task.function, task.arguments());
                        while outcome.is_err() {
                            if !js.report_pending() {
                                return Some(Served::Gone);
                            }
                            // The ticks behind the handler that threw run before the next event.
                            outcome = js.task(task.function, &[]);
                        }
                        if let Some(began) = began {
                            home.with(|environment| keep_pace(environment, handle, began.elapsed()));
                        }
                    }
                    Err(_) => _ = js.report_pending(),
                }
                if home.with(|environment| environment.turn.end_task()) {
                    // Reports the handler, if the keeper had to stand in while it ran.
                    if home.with(|environment| blame(js, environment, handle, &mut task)).unwrap_or(false) {
                        let _ = js.task(task.function, task.arguments());
                    }
                    return Some(Served::Late);
                }
            }
            None
        });
        match served {
            Ok(None) => {}
            Ok(Some(served)) => return served,
            Err(_) => return Served::Gone,
        }
    }
}

/// Slow handlers are called one by one, fast ones many in one call, so that a call stays short and other sockets have their turn.
fn keep_pace(environment: &mut Environment, handle: u32, took: Duration) {
    if let Some(socket) = environment.socket(handle) {
        socket.pace = if took < SHORT { (2 * socket.pace).min(PER_CALL) } else { (socket.pace / 2).max(1) };
    }
}

/// Makes a task that reports how long something has waited for the loop because of the last task. False: the wait was not long.
fn blame(js: Js, environment: &mut Environment, handle: u32, task: &mut Task) -> Result<bool> {
    let (Some(stall), Some(link)) = (environment.stall(), &environment.link) else { return Ok(false) };
    let name = if task.messages { js.text("message")? } else { task.arguments[1] };
    task.function = js.kept(link.stalled)?;
    task.arguments[..3].copy_from_slice(&[js.number(stall.as_millis() as f64)?, js.integer(handle)?, name]);
    task.count = 3;
    Ok(true)
}

/// Another thread rang, or the last pass left some work.
pub(crate) unsafe extern "C" fn on_bell(handle: Handle) {
    // SAFETY: the callback of a handle that was made with a `Home`.
    let Some(home) = (unsafe { Watch::<Home>::data(handle) }) else { return };
    home.with(|environment| {
        let ready = environment.link.as_ref().map(|link| link.door.take_ready());
        for handle in ready.unwrap_or_default() {
            environment.line_up(handle);
        }
    });
    serve(home);
}

/// The outcome of `pull`.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Pulled {
    /// Nothing waits.
    Nothing = 0,
    /// It ran a task. End it before the next one.
    Task = 1,
    /// It ran a part of a task.
    Part = 2,
}

/// `pull(handle)`: delivers the next item of a socket from within JavaScript, if the loop does not do it.
pub(crate) fn pull(js: Js, home: Home, arguments: &Arguments) -> Result<Value> {
    let handle = js.to_integer(arguments.at(0))?;
    let mut task = Task::new();
    let pulled = if home.with(|environment| next(js, environment, handle, &mut task))? {
        js.call(task.function, task.arguments())?;
        home.with(|environment| environment.turn.end_task());
        if task.synchronous { Pulled::Part } else { Pulled::Task }
    } else {
        Pulled::Nothing
    };
    js.integer(pulled as u32)
}

/// `unread(handle, count)`: so many of the last call's messages are delivered again.
pub(crate) fn unread(js: Js, environment: &mut Environment, arguments: &Arguments) -> Result<Value> {
    let count = js.to_integer(arguments.at(1))? as usize;
    if let Some(socket) = environment.socket(js.to_integer(arguments.at(0))?) {
        socket.next = socket.next.saturating_sub(count);
    }
    js.undefined()
}

/// `report(error)`: gives an uncaught exception to the host.
pub(crate) fn report(js: Js, _: Home, arguments: &Arguments) -> Result<Value> {
    js.report(arguments.at(0))?;
    js.undefined()
}

/// Makes a task of the next items. False: nothing waits.
fn next(js: Js, environment: &mut Environment, handle: u32, task: &mut Task) -> Result<bool> {
    if let (Some(stall), Some(link)) = (environment.stall(), &environment.link) {
        *task = Task::new();
        task.function = js.kept(link.stalled)?;
        task.arguments[0] = js.number(stall.as_millis() as f64)?;
        task.count = 1;
        return Ok(true);
    }
    loop {
        if environment.socket(handle).is_none_or(|socket| socket.batch.is_none()) && !begin_batch(environment, handle) {
            return Ok(false);
        }
        let Environment { sockets, link: Some(link), spare, wide, .. } = &mut *environment else { return Ok(false) };
        let Some(socket) = sockets.get_mut(handle as usize).and_then(Option::as_mut) else { return Ok(false) };
        if socket.is_held() {
            if let Some(host) = &mut socket.host {
                host.rest();
                socket.again = true;
            }
            return Ok(false);
        }
        let Some(batch) = &socket.batch else { return Ok(false) };
        let Some(item) = batch.items.get(socket.next) else {
            if end_batch(socket, spare) {
                continue;
            }
            return Ok(false);
        };
        task.arguments[0] = js.integer(handle)?;
        (task.synchronous, task.more, task.messages) = (false, false, false);
        match item {
            Item::Barrier => {
                socket.next += 1;
                socket.connection.settle();
                task.function = js.kept(link.event)?;
                task.arguments[1] = js.null()?;
                task.count = 2;
                return Ok(true);
            }
            Item::Event(event) if !is_message(item) => {
                socket.next += 1;
                if !socket.connection.enter(event) {
                    continue;
                }
                let [name, fields] = values::event(js, event)?;
                task.function = js.kept(link.event)?;
                task.arguments[1..3].copy_from_slice(&[name, fields]);
                task.count = 3;
                return Ok(true);
            }
            _ if !socket.connection.may_deliver() => socket.next += 1,
            _ => {
                // Messages that cross in one call are delivered in one task, if nothing comes between two of them.
                let most = if socket.synchronous || link.ticks { socket.pace } else { 1 };
                messages(js, socket, most, task, wide)?;
                task.function = js.kept(link.messages)?;
                task.synchronous = socket.synchronous;
                task.messages = true;
                return Ok(true);
            }
        }
    }
}

/// Takes the socket's next batch. Returns false without one.
pub(crate) fn begin_batch(environment: &mut Environment, handle: u32) -> bool {
    let Environment { sockets, uv, alarms, spare, link, .. } = environment;
    let Some(socket) = sockets.get_mut(handle as usize).and_then(Option::as_mut) else { return false };
    let mut batch = spare.pop().unwrap_or_default();
    let filled = if let (Some(host), Some(uv), Some(alarms)) = (&mut socket.host, uv, alarms) {
        socket.again = host.drive(&socket.connection, &mut batch, uv, alarms);
        if socket.again
            && batch.is_empty()
            && let Some(link) = link
        {
            // After the loop's other work.
            link.door.knock(handle);
        }
        !batch.is_empty()
    } else {
        socket.again = true;
        socket.connection.take(&mut batch)
    };
    if filled {
        socket.batch = Some(batch);
        socket.next = 0;
    } else {
        keep(batch, spare);
    }
    filled
}

/// Ends a delivered batch. True: there may be another one already.
fn end_batch(socket: &mut Socket, spare: &mut Vec<Batch>) -> bool {
    if let Some(mut batch) = socket.batch.take() {
        socket.connection.delivered(&batch);
        batch.clear();
        keep(batch, spare);
    }
    socket.again
}

fn keep(batch: Batch, spare: &mut Vec<Batch>) {
    if spare.len() < SPARE && batch.bytes.capacity() <= SPARE_BYTES {
        spare.push(batch);
    }
}

fn is_message(item: &Item) -> bool {
    match item {
        Item::Text(_) | Item::Ascii(_) | Item::Binary(_) => true,
        Item::Event(event) => matches!(**event, Event::Message(_)),
        Item::Barrier => false,
    }
}

/// Converts the next messages, and moves past them.
fn messages(js: Js, socket: &mut Socket, most: usize, task: &mut Task, wide: &mut Vec<u16>) -> Result<()> {
    let Some(Batch { bytes, items, .. }) = &socket.batch else { return Ok(()) };
    let mut size = 0;
    task.count = 1;
    while let Some(item) = items.get(socket.next).filter(|item| is_message(item)) {
        socket.next += 1;
        task.arguments[task.count] = convert(js, bytes, item, wide)?;
        task.count += 1;
        size += match item {
            Item::Text(range) | Item::Ascii(range) | Item::Binary(range) => range.len(),
            Item::Event(event) => match &**event {
                Event::Message(message) => message.len(),
                _ => 0,
            },
            Item::Barrier => 0,
        };
        if task.count > most || size >= BYTES_PER_CALL {
            break;
        }
    }
    task.more = socket.next < items.len();
    Ok(())
}

/// A string or an `ArrayBuffer`.
fn convert(js: Js, bytes: &[u8], item: &Item, wide: &mut Vec<u16>) -> Result<Value> {
    match item {
        Item::Ascii(range) => js.ascii(&bytes[range.clone()]),
        Item::Text(range) => js.wide(&bytes[range.clone()], wide),
        Item::Binary(range) => js.bytes(&bytes[range.clone()]),
        Item::Event(event) => match &**event {
            Event::Message(message) => values::message(js, message),
            _ => js.undefined(),
        },
        Item::Barrier => js.undefined(),
    }
}
