//! The background driver: one task for each socket on the shared runtime; for a hosted socket only while the task has work. It waits for the
//! descriptor, the deadline, the dial or a poke, takes a turn, and hands the batch over.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::Interest;

use super::host::Hosted;
use super::watch::{Dial, Watched, register};
use super::{Shared, queue, runtime};
use crate::client::Turn;
use crate::dial::{self, Opened};
use crate::error::Result;
use crate::event::Batch;
use crate::os;

enum Woken<'a> {
    Ready(os::Readiness<'a>),
    Dialled(Result<Opened>),
    Other,
}

/// Begins to drive the socket.
pub(super) fn begin(shared: &Arc<Shared>) {
    // Under the model checker, one of its threads does it.
    #[cfg(test)]
    if shared.hosted.is_some() {
        return super::tests::begin(shared);
    }
    if let Ok(runtime) = runtime::handle() {
        runtime.spawn(run(Arc::clone(shared)));
    }
}

/// Drives the socket until nothing more happens. For a hosted socket it dials, and drives only while it stands in for the host; it ends when none of
/// that is left to do.
async fn run(shared: Arc<Shared>) {
    let mut watch: Option<Watched> = None;
    let mut dialling: Option<Dial> = None;
    let mut turn = take_turn(&shared);
    loop {
        if let Some((_, request)) = turn.dial.take() {
            dialling = Some(Box::pin(dial::dial(*request)));
        } else if turn.cancel_dial {
            dialling = None;
        }
        if watch.as_ref().map(|watch| watch.id) != turn.descriptor.map(|(id, _)| id) {
            watch = None;
            if let Some((id, descriptor)) = turn.descriptor {
                match register(descriptor) {
                    Ok(descriptor) => watch = Some(Watched { id, descriptor }),
                    Err(error) => {
                        shared.client.fail(Instant::now(), error);
                        turn = take_turn(&shared);
                        continue;
                    }
                }
            }
            watches(&shared, watch.as_ref());
        } else if turn.release {
            watches(&shared, watch.as_ref());
        }
        if turn.finished {
            if let Some(hosted) = &shared.hosted {
                hosted.turn().tasked = false;
            }
            return;
        }
        if watch.is_none() && dialling.is_none() && shared.hosted.as_ref().is_some_and(Hosted::lets_go) {
            return;
        }
        if turn.again {
            tokio::task::yield_now().await;
        }
        match wait(&shared, watch.as_ref(), &turn, dialling.as_mut()).await {
            Woken::Ready(mut guard) => {
                let ready = guard.ready();
                turn = take_turn(&shared);
                // Clears only the readiness that the turn has used up: a byte that arrives now makes a new one.
                if turn.drained && ready.is_readable() {
                    guard.clear_ready_matching(tokio::io::Ready::READABLE);
                }
                if turn.want_write && ready.is_writable() {
                    guard.clear_ready_matching(tokio::io::Ready::WRITABLE);
                }
            }
            Woken::Dialled(result) => {
                dialling = None;
                shared.dialled(result);
                turn = take_turn(&shared);
                if shared.hosted.as_ref().is_some_and(|hosted| !hosted.is_kept()) {
                    shared.poke();
                }
            }
            Woken::Other => turn = take_turn(&shared),
        }
    }
}

/// Takes a turn and hands its batch over. While the host drives, it does only the work that the host's turns leave to the background.
pub(super) fn take_turn(shared: &Arc<Shared>) -> Turn {
    let mut batch = queue::spare();
    let turn = take_turn_into(shared, &mut batch);
    queue::give_back(batch);
    turn
}

fn take_turn_into(shared: &Arc<Shared>, batch: &mut Batch) -> Turn {
    let Some(hosted) = &shared.hosted else {
        let turn = shared.client.drive(Instant::now(), batch);
        shared.settle(batch);
        shared.queue.push(batch);
        if turn.beside {
            shared.summon_beside();
        }
        return turn;
    };
    let mut held = hosted.turn();
    if !hosted.is_kept() {
        return hosted.background_turn();
    }
    let mut turn = shared.advance(&mut held, Instant::now(), batch);
    hosted.add_orders(&mut turn);
    shared.settle(batch);
    let pushed = shared.queue.push_quietly(batch);
    let done = if turn.finished { held.myself.take() } else { None };
    drop(held);
    drop(done);
    if pushed {
        shared.poke();
    }
    turn
}

/// Stores the watched connection, and releases the descriptors that are no longer watched.
fn watches(shared: &Arc<Shared>, watch: Option<&Watched>) {
    let id = watch.map(|watch| watch.id);
    shared.client.watches(id);
    if shared.client.has_beside() {
        shared.summon_beside();
    }
    if let Some(hosted) = &shared.hosted {
        hosted.turn().background = id;
        shared.release();
    } else {
        shared.client.released(&[id]);
    }
}

async fn wait<'a>(shared: &Shared, watch: Option<&'a Watched>, turn: &Turn, dialling: Option<&mut Dial>) -> Woken<'a> {
    let interest = match (turn.want_read, turn.want_write) {
        (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
        (true, false) => Some(Interest::READABLE),
        (false, true) => Some(Interest::WRITABLE),
        (false, false) => None,
    };
    let ready = async {
        match (watch, interest) {
            (Some(watch), Some(interest)) => watch.descriptor.ready(interest).await,
            _ => std::future::pending().await,
        }
    };
    let dialled = async {
        match dialling {
            Some(dial) => dial.await,
            None => std::future::pending().await,
        }
    };
    let late = async {
        match turn.deadline {
            _ if turn.again => {}
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        result = dialled => Woken::Dialled(result),
        guard = ready => guard.map_or(Woken::Other, Woken::Ready),
        () = shared.poke.notified() => Woken::Other,
        () = late => Woken::Other,
    }
}
