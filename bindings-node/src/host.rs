//! A socket on the host's own loop: its descriptor and its deadline are libuv's to watch, and its turns are taken on the JavaScript thread, with
//! nothing between the kernel and the handler. Knows what a turn asks for, not what it brings.

use std::ffi::c_int;
use std::time::Instant;

use heartwire::driver::{Connection, LinkId, Plan};
use heartwire::event::Batch;

use crate::place::Place;
use crate::uv::{Handle, Loop, READABLE, WRITABLE, Watch};

/// What watches a socket.
pub(crate) struct Host {
    uv: Loop,
    place: Place,
    descriptor: Option<(LinkId, Watch<Place>)>,
    events: c_int,
    timer: Option<Watch<Place>>,
    /// When the timer fires; it may fire early, which costs a turn and no more.
    alarm: Option<Instant>,
}

impl Host {
    pub(crate) fn new(uv: Loop, place: Place) -> Self {
        Self { uv, place, descriptor: None, events: 0, timer: None, alarm: None }
    }

    /// Takes a turn. True: it brought something.
    pub(crate) fn drive(&mut self, connection: &Connection, batch: &mut Batch) -> bool {
        let plan = connection.drive(batch);
        self.follow(connection, &plan);
        if plan.again && batch.is_empty() {
            // After the loop's other work.
            self.place.knock();
        }
        !batch.is_empty()
    }

    fn follow(&mut self, connection: &Connection, plan: &Plan) {
        if self.descriptor.as_ref().map(|(id, _)| *id) != plan.descriptor.map(|(id, _)| id) {
            self.descriptor = None;
            self.events = 0;
            if let Some((id, descriptor)) = plan.descriptor {
                self.descriptor = self.uv.poll(descriptor, self.place.clone(), self.place.closing()).map(|watch| (id, watch));
            }
            connection.watching(self.descriptor.as_ref().map(|(id, _)| *id));
        }
        let events = if plan.want_read { READABLE } else { 0 } | if plan.want_write { WRITABLE } else { 0 };
        if let Some((_, watch)) = &self.descriptor
            && events != self.events
        {
            watch.watch(events, on_ready);
            self.events = events;
        }
        if let Some(deadline) = plan.deadline
            && self.alarm.is_none_or(|alarm| deadline < alarm)
        {
            self.wake_at(deadline);
        }
    }

    fn wake_at(&mut self, deadline: Instant) {
        if self.timer.is_none() {
            self.timer = self.uv.timer(self.place.clone(), self.place.closing());
        }
        if let Some(timer) = &self.timer {
            let wait = deadline.saturating_duration_since(Instant::now());
            timer.start(wait.as_millis() as u64 + 1, on_alarm);
            self.alarm = Some(deadline);
        }
    }

    /// The timer has fired.
    pub(crate) fn alarm_passed(&mut self) {
        self.alarm = None;
    }
}

unsafe extern "C" fn on_ready(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: the callback of a handle that was made with a `Place`.
    if let Some(place) = unsafe { Watch::<Place>::data(handle) } {
        place.take_turn(false);
    }
}

unsafe extern "C" fn on_alarm(handle: Handle) {
    // SAFETY: as above.
    if let Some(place) = unsafe { Watch::<Place>::data(handle) } {
        place.take_turn(true);
    }
}
