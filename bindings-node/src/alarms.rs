//! The deadlines of an environment's hosted sockets, behind one timer of its loop. Knows handles, no sockets.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::delivery;
use crate::place::Home;
use crate::uv::{Handle, Watch};

pub(crate) struct Alarms {
    timer: Watch<Home>,
    waiting: BTreeSet<(Instant, u32)>,
    /// The deadline for which the timer was started.
    armed: Option<Instant>,
}

impl Alarms {
    pub(crate) fn new(timer: Watch<Home>) -> Self {
        Self { timer, waiting: BTreeSet::new(), armed: None }
    }

    /// Sets the alarm of a socket, in place of an earlier one.
    pub(crate) fn set(&mut self, handle: u32, old: Option<Instant>, new: Instant) {
        self.cancel(handle, old);
        self.waiting.insert((new, handle));
        self.arm();
    }

    pub(crate) fn cancel(&mut self, handle: u32, alarm: Option<Instant>) {
        if let Some(alarm) = alarm {
            self.waiting.remove(&(alarm, handle));
        }
    }

    /// Removes a deadline that has passed, and returns its socket.
    fn take_due(&mut self, now: Instant) -> Option<u32> {
        let &(first, handle) = self.waiting.first()?;
        (first <= now).then(|| {
            self.waiting.pop_first();
            handle
        })
    }

    fn arm(&mut self) {
        if let Some(&(first, _)) = self.waiting.first()
            && self.armed.is_none_or(|armed| first < armed)
        {
            let wait = first.saturating_duration_since(Instant::now());
            self.timer.start_timer(wait.as_millis() as u64 + 1, on_alarm);
            self.armed = Some(first);
        }
    }
}

unsafe extern "C" fn on_alarm(handle: Handle) {
    // SAFETY: the callback of a handle that was made with a `Home`.
    let Some(home) = (unsafe { Watch::<Home>::data(handle) }) else { return };
    home.with(|environment| {
        let now = Instant::now();
        while let Some(handle) = environment.alarms.as_mut().and_then(|alarms| alarms.take_due(now)) {
            if let Some(host) = environment.socket(handle).and_then(|socket| socket.host.as_mut()) {
                host.alarm = None;
            }
            environment.line_up(handle);
        }
        if let Some(alarms) = &mut environment.alarms {
            alarms.armed = None;
            alarms.arm();
        }
    });
    delivery::serve(home);
}
