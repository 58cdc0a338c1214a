//! The turns of one hosted socket on a task of the caller: it waits for the descriptor in the runtime of the task, so that no other thread takes
//! part, and for the next deadline. Knows nothing of what a turn brings.

use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use tokio::io::{Interest, Ready};
use tokio::runtime::Handle;
use tokio::task::coop;
use tokio::time::Sleep;

use super::listener::Listener;
use super::watch::{self, Watched};
use super::{Connection, Plan, runtime};
use crate::client::LinkId;
use crate::error::Result;
use crate::event::Batch;
use crate::os::{self, RawDescriptor};
use crate::process;

/// Drives a socket from the task that polls it.
pub struct TaskDriver {
    listener: Arc<Listener>,
    /// Both are parts of a runtime whose locks a fork may leave locked: a forked child must not drop them.
    watched: ManuallyDrop<Option<Watched>>,
    alarm: ManuallyDrop<Alarm>,
    /// What the last turn asked for. `None` before the first one.
    plan: Option<Plan>,
    generation: u32,
}

impl TaskDriver {
    /// A driver that has taken no turn. `listener` gets the wakes of the socket.
    pub fn new(listener: Arc<Listener>) -> Self {
        let alarm = Alarm { sleep: None, at: None, waker: Waker::from(Arc::clone(&listener)) };
        Self { listener, watched: ManuallyDrop::new(None), alarm: ManuallyDrop::new(alarm), plan: None, generation: process::generation() }
    }

    /// Waits until a turn is due, and takes it: what happened is put into `batch`. Uses up the budget of the task, so that a flood on one socket
    /// leaves time for the other tasks of its thread.
    pub fn poll_turn(&mut self, cx: &mut Context<'_>, connection: &Connection, batch: &mut Batch) -> Poll<()> {
        let budget = ready!(coop::poll_proceed(cx));
        let rung = self.listener.listen(cx.waker());
        if rung {
            self.alarm.look();
        }
        let plan = self.plan.as_ref();
        let due = rung || plan.is_none_or(|plan| plan.again);
        let wanted = |wants: fn(&Plan) -> bool| plan.filter(|plan| wants(plan)).and(self.watched.as_ref());
        let reads = poll_ready(cx, wanted(|plan| plan.want_read), Interest::READABLE);
        let writes = poll_ready(cx, wanted(|plan| plan.want_write), Interest::WRITABLE);
        let (Ok(reads), Ok(writes)) = (reads, writes) else {
            // The runtime that watched the descriptor has ended. The next turn has it watched where the task runs now.
            budget.made_progress();
            drop(self.watched.take());
            connection.watching(None);
            self.plan = None;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        if !due && reads.is_none() && writes.is_none() {
            return Poll::Pending;
        }
        budget.made_progress();
        let plan = connection.drive(batch);
        if plan.drained
            && let Some(mut guard) = reads
        {
            guard.clear_ready_matching(Ready::READABLE);
        }
        if plan.want_write
            && let Some(mut guard) = writes
        {
            guard.clear_ready_matching(Ready::WRITABLE);
        }
        self.follow(connection, plan);
        Poll::Ready(())
    }

    /// Watches what the turn has asked for.
    fn follow(&mut self, connection: &Connection, plan: Plan) {
        self.plan = Some(plan);
        if self.watched.as_ref().map(|watched| watched.id) != plan.descriptor.map(|(id, _)| id) {
            drop(self.watched.take());
            if let Some((id, descriptor)) = plan.descriptor {
                match register(id, descriptor) {
                    Ok(watched) => *self.watched = Some(watched),
                    Err(error) => {
                        connection.fail(error);
                        self.plan = None;
                    }
                }
            }
            connection.watching(self.watched.as_ref().map(|watched| watched.id));
        }
        if let Err(error) = self.alarm.set(plan.deadline) {
            connection.fail(error);
            self.plan = None;
        }
    }
}

impl Drop for TaskDriver {
    fn drop(&mut self) {
        if self.generation == process::generation() {
            // SAFETY: neither is used after this, for the value that holds them is being dropped.
            unsafe {
                ManuallyDrop::drop(&mut self.watched);
                ManuallyDrop::drop(&mut self.alarm);
            }
        }
    }
}

type Readiness<'a> = Option<os::Readiness<'a>>;

fn poll_ready<'a>(cx: &mut Context<'_>, watched: Option<&'a Watched>, interest: Interest) -> std::io::Result<Readiness<'a>> {
    match watched.map(|watched| os::poll_ready(&watched.descriptor, cx, interest)) {
        Some(Poll::Ready(ready)) => ready.map(Some),
        Some(Poll::Pending) | None => Ok(None),
    }
}

/// Watches a descriptor in the runtime of this task, or in ours if the task runs in none of tokio's.
fn register(id: LinkId, descriptor: RawDescriptor) -> Result<Watched> {
    let _ours = match Handle::try_current() {
        Ok(_) => None,
        Err(_) => Some(runtime::handle()?.enter()),
    };
    Ok(Watched { id, descriptor: watch::register(descriptor)? })
}

/// Rings when a deadline has come. The clock is that of our runtime: that of the task may have no timers, or paused ones.
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When it rings. A deadline that moved back is left as it is: the turn that it causes looks again.
    at: Option<Instant>,
    waker: Waker,
}

impl Alarm {
    /// Forgets a time that has come.
    fn look(&mut self) {
        if self.sleep.as_ref().is_some_and(|sleep| sleep.is_elapsed()) {
            self.at = None;
        }
    }

    /// Has it ring at this time, or earlier.
    fn set(&mut self, deadline: Option<Instant>) -> Result<()> {
        let Some(deadline) = deadline.filter(|deadline| self.at.is_none_or(|at| *deadline < at)) else { return Ok(()) };
        let _clock = runtime::handle()?.enter();
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                sleep.as_mut().reset(deadline.into());
                sleep
            }
            none => none.insert(Box::pin(tokio::time::sleep_until(deadline.into()))),
        };
        // A task whose budget is used up would not register the waker.
        let polled = pin!(coop::unconstrained(sleep.as_mut())).poll(&mut Context::from_waker(&self.waker));
        self.at = Some(deadline).filter(|_| polled.is_pending());
        if polled.is_ready() {
            self.waker.wake_by_ref();
        }
        Ok(())
    }
}
