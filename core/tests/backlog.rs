//! The backlog of a client under loom, which tries every order of two threads and every value that the memory model lets them see.

#[path = "../src/client/backlog.rs"]
mod backlog;

use backlog::Backlog;
use loom::sync::{Arc, atomic};
use loom::thread;

/// Hands `weights` over, and then checks whether reading has to stop, while the host delivers them one by one. Whenever it stops, it is made to go
/// on; a needless call is allowed, too.
fn reading_goes_on(limit: usize, weights: &'static [usize]) {
    loom::model(move || {
        let backlog = Arc::new(Backlog::new(limit));
        for weight in weights {
            backlog.add(*weight);
        }
        let host = {
            let backlog = Arc::clone(&backlog);
            thread::spawn(move || weights.iter().filter(|weight| backlog.remove(**weight)).count())
        };
        let stopped = backlog.is_full(0);
        let told = host.join().expect("the host ends");
        assert!(told <= 1 && (told == 1 || !stopped), "told {told} times of {weights:?} with a limit of {limit}");
        assert!(!backlog.is_stalled() && !backlog.is_full(0));
        assert_eq!(backlog.waiting(), 0);
    });
}

#[test]
fn a_host_that_delivers_all_while_reading_stops() {
    reading_goes_on(1, &[1]);
}

#[test]
fn a_host_that_makes_room_little_by_little() {
    reading_goes_on(2, &[1, 1, 1]);
    reading_goes_on(3, &[2, 2]);
}

/// A message that was just read counts before it is handed over.
#[test]
fn what_is_not_handed_over_yet() {
    loom::model(|| {
        let backlog = Arc::new(Backlog::new(3));
        backlog.add(2);
        let host = {
            let backlog = Arc::clone(&backlog);
            thread::spawn(move || backlog.remove(2))
        };
        let stopped = backlog.is_full(1);
        backlog.add(1);
        assert!(host.join().expect("the host ends") || !stopped);
    });
}
