//! The wait at a barrier: what the user answers to the messages before it leaves before the connection ends, or before the send queue follows `open`.
//! A plain handler has answered when it returns. The tasks of `async def` handlers need turns of the event loop, and `recv()` a receiver that comes
//! for its messages. Knows no event and delivers nothing.

use std::time::Duration;

/// For how many turns of an event loop the tasks go on that the events before the barrier woke.
const TURNS_OF_TASKS: u32 = 8;

/// A barrier that the host has come to, and not gone beyond.
pub(crate) struct Barrier {
    /// The turns that are left for tasks.
    turns: u32,
    /// Until when it waits for the receiver of messages; none: it does not.
    until: Option<u64>,
    /// The timer that ends this wait is set.
    parked: bool,
}

/// What a barrier waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing: what is behind it happens now.
    Nothing,
    /// The tasks of the loop: another turn.
    Tasks,
    /// The receiver of messages.
    Receiver,
}

impl Barrier {
    /// `tasks`: the loop that delivers has some. `is_end`: the connection ends here, and the receiver of its messages may take so long.
    pub(crate) fn new(tasks: bool, is_end: bool, now: u64, patience: Duration) -> Self {
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let until = is_end.then(|| now.saturating_add(patience));
        Self { turns: if tasks { TURNS_OF_TASKS } else { 0 }, until, parked: false }
    }

    /// A turn begins. `is_behind`: messages wait for their receiver.
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

    /// The wait for the receiver begins: when it ends at the latest has to be seen to. False: that was done.
    pub(crate) fn park(&mut self) -> bool {
        !std::mem::replace(&mut self.parked, true)
    }
}
