//! What the random lives of a client (`fuzz/src/client`) have found.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Client;
use crate::event::{Batch, Event, Item};
use crate::options::{HeartbeatOptions, Options, Payload, Providers};
use crate::wire::opened;

#[test]
fn no_heartbeat_is_told_of_a_connection_whose_open_was_never_shown() {
    let heartbeat =
        HeartbeatOptions { message: Payload::Text("beat".into()), interval: Duration::from_secs(1), ..HeartbeatOptions::default() };
    let options = Options { heartbeat: Some(heartbeat), ..Options::default() };
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(options), Providers::default(), 1);
    let (mut now, mut batch) = (Instant::now(), Batch::default());
    client.start(now);
    assert!(client.drive(now, &mut batch).dial.is_some());
    let (ours, _theirs) = UnixStream::pair().expect("a pair of sockets");
    client.dialled(now, Ok(opened(ours, "")));
    client.drive(now, &mut batch);
    now += Duration::from_secs(1);
    client.drive(now, &mut batch);
    client.close(now, None, "").expect("allowed at any time");
    client.drive(now, &mut batch);
    let events = batch.items.iter().filter_map(|item| if let Item::Event(event) = item { Some(&**event) } else { None });
    let (shown, hidden): (Vec<_>, Vec<_>) = events.partition(|event| client.enter(event));
    assert!(matches!(hidden[..], [Event::Open(_), Event::Heartbeat(_)]), "{hidden:?}");
    assert!(matches!(shown[..], [Event::Error(_), Event::Close(_)]), "{shown:?}");
}
