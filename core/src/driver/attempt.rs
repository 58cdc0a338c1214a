//! An attempt to open a connection that is driven in the socket's own turns: no other thread takes part. Knows nothing of what
//! is done to open it, and has of a runtime only the clock.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::{Shared, runtime};
use crate::client::{LinkId, Order, Turn};
use crate::dial::{self, Opened, Spent, Waits};
use crate::error::Result;
use crate::process;

/// How often a poll that wakes itself is repeated before others have their turn.
const MOST_POLLS: usize = 16;

const WAITS: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

/// An attempt under way.
pub(super) struct Attempt {
    pub(super) id: LinkId,
    /// None once it is given up.
    future: Option<Pin<Box<dyn Future<Output = Result<Opened>> + Send>>>,
    waits: Arc<Waits>,
    bell: Arc<Bell>,
    generation: u32,
}

/// Has the socket's driver take a turn when something else than the descriptor is ready.
struct Bell {
    state: AtomicU8,
    shared: Weak<Shared>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == WAITS
            && let Some(shared) = self.shared.upgrade()
        {
            shared.poke();
        }
    }
}

impl Attempt {
    /// What [`dial::is_direct`] is true of.
    pub(super) fn new((id, request): Order, shared: &Arc<Shared>) -> Self {
        let waits = Arc::new(Waits::default());
        let future = Box::pin(dial::dial_directly(*request, Arc::clone(&waits)));
        let bell = Arc::new(Bell { state: AtomicU8::new(WAITS), shared: Arc::downgrade(shared) });
        Self { id, future: Some(future), waits, bell, generation: process::generation() }
    }

    /// Goes on. `Ready`: it is over.
    pub(super) fn poll(&mut self) -> Poll<Result<Opened>> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let runtime = match runtime::handle() {
            Ok(runtime) => runtime,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let _clock = runtime.enter();
        let waker = Waker::from(Arc::clone(&self.bell));
        for _ in 0..MOST_POLLS {
            self.bell.state.store(POLLED, Ordering::Release);
            self.waits.begin_poll();
            if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(result);
            }
            if self.bell.state.compare_exchange(POLLED, WAITS, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Poll::Pending;
            }
        }
        self.bell.state.store(WAITS, Ordering::Release);
        waker.wake();
        Poll::Pending
    }

    /// Adds what it waits for to what a turn does.
    pub(super) fn plan(&self, turn: &mut Turn) {
        if let Some((descriptor, read, write)) = self.waits.descriptor() {
            turn.descriptor = Some((self.id, descriptor));
            (turn.want_read, turn.want_write) = (read, write);
            // It has read until there was nothing.
            turn.drained = read;
        }
    }

    /// Gives it up, or up what is left of it. Its descriptor is closed with what is returned.
    pub(super) fn end(mut self) -> Option<Spent> {
        let socket = self.waits.take();
        drop(self.future.take());
        socket
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // In a forked child the runtime's clock may be locked for ever, and the descriptor is closed already and may be another's.
        if self.generation != process::generation() {
            std::mem::forget(self.future.take());
            std::mem::forget(self.waits.take());
        }
    }
}
