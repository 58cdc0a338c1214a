//! Limits how many sockets of this process connect to one place at a time (RFC 6455 section 4.1: one). Knows nothing of their work. It is not a
//! semaphore of tokio: each socket brings its own limit for the same place, and waiting sockets keep their order.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::process::PerProcess;

/// The permission to connect to a place. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Turn {
    /// `None`: there is no permission to give back.
    place: Option<String>,
}

#[derive(Default)]
struct Place {
    connecting: u32,
    waiting: VecDeque<(u32, oneshot::Sender<Turn>)>,
}

static PLACES: PerProcess<HashMap<String, Place>> = PerProcess::new();

/// Waits until fewer than `limit` others are connecting to `place`, first come, first served.
pub(super) async fn take_turn(place: &str, limit: u32) -> Turn {
    let limit = limit.max(1);
    let turn = {
        let mut places = PLACES.lock();
        let here = places.entry(place.to_owned()).or_default();
        if here.connecting < limit && here.waiting.is_empty() {
            here.connecting += 1;
            return Turn { place: Some(place.to_owned()) };
        }
        let (give, turn) = oneshot::channel();
        here.waiting.push_back((limit, give));
        turn
    };
    match turn.await {
        Ok(turn) => turn,
        // The queue never drops a sender that it has not used.
        Err(_) => unreachable!("a waiting turn was forgotten"),
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let mut places = PLACES.lock();
        let Some(here) = places.get_mut(&place) else { return };
        here.connecting = here.connecting.saturating_sub(1);
        while let Some((limit, _)) = here.waiting.front() {
            // A socket that gave up while waiting makes room for the next.
            if here.waiting.front().is_some_and(|(_, give)| give.is_closed()) {
                here.waiting.pop_front();
                continue;
            }
            if here.connecting >= *limit {
                break;
            }
            let Some((_, give)) = here.waiting.pop_front() else { break };
            here.connecting += 1;
            if let Err(mut unwanted) = give.send(Turn { place: Some(place.clone()) }) {
                // The waiting socket gave up just now: take the permission back here, where the lock is held.
                unwanted.place = None;
                here.connecting -= 1;
            }
        }
        if here.connecting == 0 && here.waiting.is_empty() {
            places.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    #[tokio::test]
    async fn no_more_than_the_limit_at_a_time_and_all_in_the_end() {
        for limit in [1, 3] {
            let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
            let tasks: Vec<_> = (0..20)
                .map(|_| {
                    let (now, most) = (now.clone(), most.clone());
                    tokio::spawn(async move {
                        let _turn = take_turn("limit.test:1", limit).await;
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        // Time is the subject: long enough for one more, if it may.
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        now.fetch_sub(1, Ordering::SeqCst);
                    })
                })
                .collect();
            for task in tasks {
                assert!(task.await.is_ok());
            }
            assert_eq!(most.load(Ordering::SeqCst), limit);
            assert!(!PLACES.lock().contains_key("limit.test:1"));
        }
    }

    #[tokio::test]
    async fn who_gives_up_does_not_hold_the_queue() {
        let first = take_turn("limit.test:2", 1).await;
        for _ in 0..3 {
            assert!(tokio::time::timeout(Duration::from_millis(5), take_turn("limit.test:2", 1)).await.is_err());
        }
        // This one gets the permission, and is dropped before it is polled again.
        let mut unseen = Box::pin(take_turn("limit.test:2", 1));
        assert!(tokio::time::timeout(Duration::from_millis(5), &mut unseen).await.is_err());
        drop(first);
        drop(unseen);
        let last = tokio::time::timeout(Duration::from_secs(5), take_turn("limit.test:2", 1)).await;
        assert!(last.is_ok());
        drop(last);
        assert!(!PLACES.lock().contains_key("limit.test:2"));
    }
}
