//! The wait at a barrier. Answers to the messages before the barrier leave first; then the connection ends, or the send queue follows `open`.
//! A plain handler has answered when it returns. The tasks of `async def` handlers need turns of the event loop. Messages for `recv()` wait until
//! the program receives them. This file knows no event and delivers nothing.

use std::time::Duration;

/// How many turns of the event loop the tasks get that were woken by events before the barrier.
const TURNS_OF_TASKS: u32 = 8;

/// A barrier that the event loop has reached and not passed yet.
pub(crate) struct Barrier {
    /// How many turns the tasks still get.
    turns: u32,
    /// The time at which the wait for the receiver of messages ends, in nanoseconds of the coarse clock. `None`: there is no such wait.
    until: Option<u64>,
    /// The timer that ends the wait for the receiver is set.
    parked: bool,
}

/// What a barrier waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing: the events behind the barrier happen now.
    Nothing,
    /// The tasks of the event loop: another turn.
    Tasks,
    /// The receiver of messages.
    Receiver,
}

impl Barrier {
    /// `tasks`: the event loop runs tasks. `is_end`: the connection ends here, and the receiver of its messages may take `patience`.
    pub(crate) fn new(tasks: bool, is_end: bool, now: u64, patience: Duration) -> Self {
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let until = is_end.then(|| now.saturating_add(patience));
        Self { turns: if tasks { TURNS_OF_TASKS } else { 0 }, until, parked: false }
    }

    /// Begins a turn. `is_behind`: messages wait for their receiver.
    pub(crate) fn turn(&mut self, now: u64, is_behind: bool) -> Wait {
        if is_behind && self.until.is_some_and(|until| now < until) {
            return Wait::Receiver;
        }
        if self.turns == 0 {
            return Wait::Nothing;
        }
        self.turns -= 1;
        Wait::Tasks
    }

    /// Begins the wait for the receiver. True: the caller has to set the timer that ends it.
    pub(crate) fn park(&mut self) -> bool {
        !std::mem::replace(&mut self.parked, true)
    }
}
