//! The background driver: one task for each socket on the shared runtime. It waits for the descriptor, the deadline, the dial or a poke,
//! takes a turn, and hands the batch over.

use std::future::Future;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use super::Shared;
use crate::client::{LinkId, Turn};
use crate::dial::{self, Opened};
use crate::error::{Error, ErrorCode, Result};
use crate::event::Batch;

type Dial = Pin<Box<dyn Future<Output = Result<Opened>> + Send>>;

/// The descriptor under watch.
struct Watch {
    id: LinkId,
    descriptor: AsyncFd<RawFd>,
}

enum Woken<'a> {
    Ready(AsyncFdReadyGuard<'a, RawFd>),
    Dialled(Result<Opened>),
    Other,
}

/// Drives the socket until nothing more will happen.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut batch = Batch::default();
    let mut watch: Option<Watch> = None;
    let mut dialling: Option<Dial> = None;
    let mut turn = shared.client.drive(Instant::now(), &mut batch);
    loop {
        shared.queue.push(&mut batch);
        if let Some(request) = turn.dial.take() {
            dialling = Some(Box::pin(dial::dial(*request)));
        } else if turn.cancel_dial {
            dialling = None;
        }
        if watch.as_ref().map(|watch| watch.id) != turn.descriptor.map(|(id, _)| id) {
            watch = None;
            watch = match turn.descriptor.map(|(id, descriptor)| (id, register(descriptor))) {
                Some((id, Ok(descriptor))) => Some(Watch { id, descriptor }),
                Some((_, Err(error))) => {
                    shared.client.fail(Instant::now(), error);
                    turn = shared.client.drive(Instant::now(), &mut batch);
                    continue;
                }
                None => None,
            };
        }
        if turn.release {
            shared.client.released(watch.as_ref().map(|watch| watch.id));
        }
        if turn.finished {
            return;
        }
        if turn.again {
            tokio::task::yield_now().await;
        }
        let woken = wait(&shared, watch.as_ref(), &turn, dialling.as_mut()).await;
        let now = Instant::now();
        match woken {
            Woken::Ready(mut guard) => {
                let ready = guard.ready();
                turn = shared.client.drive(now, &mut batch);
                // Only what the turn has found out: a byte that comes now is a new readiness.
                if turn.drained && ready.is_readable() {
                    guard.clear_ready_matching(tokio::io::Ready::READABLE);
                }
                if turn.want_write && ready.is_writable() {
                    guard.clear_ready_matching(tokio::io::Ready::WRITABLE);
                }
            }
            Woken::Dialled(result) => {
                dialling = None;
                shared.client.dialled(now, result);
                turn = shared.client.drive(now, &mut batch);
            }
            Woken::Other => turn = shared.client.drive(now, &mut batch),
        }
    }
}

fn register(descriptor: RawFd) -> Result<AsyncFd<RawFd>> {
    // SAFETY: the client keeps the descriptor open until `released` tells it that the watch is gone, which is dropped before that call.
    unsafe { AsyncFd::register(descriptor) }
        .map_err(|error| Error::new(ErrorCode::RuntimeFailed, "the socket could not be watched").caused_by(&error.into_parts().1))
}

async fn wait<'a>(shared: &Shared, watch: Option<&'a Watch>, turn: &Turn, dialling: Option<&mut Dial>) -> Woken<'a> {
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
