//! A host for tests: a socket driven by the core's own loop on the test's thread.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use heartwire::internals::driver::{Connection, OwnLoop};
use heartwire::{Event, Options, Providers};
use heartwire_proto::event::{Batch, Item};

pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// A hosted socket on a loop of this thread; `handle` is called with each text, as a handler of a user. Ends with the socket.
pub(crate) fn run(url: &str, options: Options, mut handle: impl FnMut(&Connection, &str)) -> Connection {
    let mut own = OwnLoop::new().unwrap();
    let waking = own.handle();
    let connection = Connection::hosted(url, options, Providers::default(), Arc::new(move || waking.wake(0))).unwrap();
    connection.start();
    own.handle().add(0, connection.clone());
    let (mut due, mut batch) = (Vec::new(), Batch::default());
    while !connection.is_finished() {
        match own.wait(Some(BOUND), &mut due) {
            // A signal, such as SIGCONT: a host would run its handlers.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            outcome => outcome.unwrap(),
        }
        assert!(!due.is_empty(), "nothing came for {BOUND:?}");
        for &token in &due {
            own.drive(token, &mut batch).unwrap();
            for item in &batch.items {
                match item {
                    Item::Text(range) | Item::Ascii(range) if connection.may_deliver() => handle(&connection, batch.text(range)),
                    Item::Event(event) => {
                        if connection.enter(event)
                            && let Event::Message(heartwire::Message::Text(text)) = &**event
                        {
                            handle(&connection, text);
                        }
                    }
                    Item::Barrier => connection.settle(),
                    _ => {}
                }
            }
            connection.delivered(&batch);
        }
    }
    connection
}
