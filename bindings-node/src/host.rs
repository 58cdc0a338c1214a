//! A socket on the host's own loop: libuv watches its descriptor and its deadline, and its turns run on the JavaScript thread, with nothing between
//! the kernel and the handler. Knows the plan of a turn, not its events.

use std::ffi::c_int;
use std::time::Instant;

use heartwire::binding::{Batch, Connection, LinkId, Plan};

use crate::alarms::Alarms;
use crate::delivery;
use crate::place::Place;
use crate::uv::{Handle, Loop, READABLE, WRITABLE, Watch};

/// The watchers of a socket.
pub(crate) struct Host {
    place: Place,
    descriptor: Option<(LinkId, Watch<Place>)>,
    events: c_int,
    /// The time of the next drive at the latest. An earlier drive costs only a turn.
    pub(crate) alarm: Option<Instant>,
}

impl Host {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, descriptor: None, events: 0, alarm: None }
    }

    /// Takes a turn. True: take another one at once.
    pub(crate) fn drive(&mut self, connection: &Connection, batch: &mut Batch, uv: &Loop, alarms: &mut Alarms) -> bool {
        let plan = connection.drive(batch);
        self.follow(connection, &plan, uv);
        if let Some(deadline) = plan.deadline
            && self.alarm.is_none_or(|alarm| deadline < alarm)
        {
            alarms.set(self.place.handle, self.alarm.replace(deadline), deadline);
        }
        plan.again
    }

    fn follow(&mut self, connection: &Connection, plan: &Plan, uv: &Loop) {
        if self.descriptor.as_ref().map(|(id, _)| *id) != plan.descriptor.map(|(id, _)| id) {
            self.descriptor = None;
            self.events = 0;
            if let Some((id, descriptor)) = plan.descriptor {
                self.descriptor = uv.poll(descriptor, self.place).map(|watch| (id, watch));
            }
            connection.watching(self.descriptor.as_ref().map(|(id, _)| *id));
        }
        self.watch(if plan.want_read { READABLE } else { 0 } | if plan.want_write { WRITABLE } else { 0 });
    }

    /// Watches nothing until the next turn: undelivered items wait, and the loop would report the same readiness again and again.
    pub(crate) fn rest(&mut self) {
        self.watch(0);
    }

    fn watch(&mut self, events: c_int) {
        if let Some((_, watch)) = &self.descriptor
            && events != self.events
        {
            watch.watch(events, on_ready);
            self.events = events;
        }
    }
}

unsafe extern "C" fn on_ready(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: the callback of a handle that was made with a `Place`.
    if let Some(place) = unsafe { Watch::<Place>::data(handle) } {
        place.home.with(|environment| environment.line_up(place.handle));
        delivery::serve(place.home);
    }
}
