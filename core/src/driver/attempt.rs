//! An attempt to open a connection that is driven in the socket's own turns, without another thread. Knows nothing of the steps of opening, and uses
//! only the clock of the runtime.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::{Shared, runtime};
use crate::client::{LinkId, Order, Turn};
use crate::dial::{self, Opened, Spent, Waits};
use crate::error::Result;
use crate::process;

/// How often a poll that wakes itself is repeated before other sockets have their turn.
const MOST_POLLS: usize = 16;

const WAITS: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

/// The present attempt.
pub(super) struct Attempt {
    pub(super) id: LinkId,
    /// `None` once the attempt is given up.
    future: Option<Pin<Box<dyn Future<Output = Result<Opened>> + Send>>>,
    waits: Arc<Waits>,
    bell: Arc<Bell>,
    generation: u32,
}

/// Makes the socket's driver take a turn when something other than the descriptor is ready.
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
    /// Makes an attempt for an order that [`dial::is_direct`] accepts.
    pub(super) fn new((id, request): Order, shared: &Arc<Shared>) -> Self {
        let waits = Arc::new(Waits::default());
        let future = Box::pin(dial::dial_directly(*request, Arc::clone(&waits)));
        let bell = Arc::new(Bell { state: AtomicU8::new(WAITS), shared: Arc::downgrade(shared) });
        Self { id, future: Some(future), waits, bell, generation: process::generation() }
    }

    /// Continues the attempt. `Ready`: it has ended.
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

    /// Adds the attempt's descriptor and interest to the plan of a turn.
    pub(super) fn plan(&self, turn: &mut Turn) {
        if let Some((descriptor, read, write)) = self.waits.descriptor() {
            turn.descriptor = Some((self.id, descriptor));
            (turn.want_read, turn.want_write) = (read, write);
            // The attempt has read until nothing was left.
            turn.drained = read;
        }
    }

    /// Ends the attempt. The returned value owns its descriptor, and closes it when dropped.
    pub(super) fn end(mut self) -> Option<Spent> {
        let socket = self.waits.take();
        drop(self.future.take());
        socket
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // In a forked child the runtime's clock may be locked for ever, and the descriptor is closed already: its number may belong to another file.
        if self.generation != process::generation() {
            std::mem::forget(self.future.take());
            std::mem::forget(self.waits.take());
        }
    }
}
