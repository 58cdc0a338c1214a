//! The counts of a socket, or of all sockets of a process together. Plain numbers: this file knows no socket and asks no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::options::Dialect;

/// The counts of a socket over all its connections, or of all sockets of the process.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Attempts to open a connection.
    pub attempts: u64,
    /// Connections that opened.
    pub opens: u64,
    /// Ends of connections and of attempts, by the code of their `close` event.
    pub ends: BTreeMap<u16, u64>,
    /// The traffic to the server.
    pub sent: Traffic,
    /// The traffic from the server.
    pub received: Traffic,
    /// The round trips of pings.
    pub latency: Latency,
    /// Text heartbeats.
    pub heartbeats: Heartbeats,
    /// Messages that wait at the moment.
    pub waiting: Waiting,
    /// Messages that had to wait for the rate limit.
    pub throttled: u64,
    /// Messages of the send queue that were dropped.
    pub dropped: u64,
    /// How often the program was so long in its handlers, or in other work on the same loop, that the background had to stand in (`keeper`).
    pub slow_handlers: u64,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Data messages.
    pub messages: u64,
    /// Their bytes, before compression.
    pub bytes: u64,
    /// The bytes of all frames, control frames too: after compression, with headers, without TLS.
    pub wire_bytes: u64,
    /// Pings.
    pub pings: u64,
}

/// Round trips of pings. The median and the 99th percentile are right within 7 %; the others are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// How many were measured.
    pub measured: u64,
    /// The last one.
    pub last: Option<Duration>,
    /// The shortest.
    pub min: Option<Duration>,
    /// Half of them were no longer.
    pub median: Option<Duration>,
    /// 99 of 100 were no longer.
    pub p99: Option<Duration>,
}

/// Text heartbeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeats {
    /// Those that were sent.
    pub sent: u64,
    /// Those whose response came.
    pub answered: u64,
    /// Those whose response did not come in time.
    pub missed: u64,
}

/// Messages that wait at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// Messages that have not left: in the send queue, in the rate limit's lines, or in a connection whose peer does not read.
    pub to_send: u64,
    /// Their bytes.
    pub bytes_to_send: u64,
    /// Bytes of messages that were read and that the program has not handled yet, with a little for each event.
    pub bytes_to_handle: u64,
}

impl Stats {
    /// The same as plain data, with the names and the unit of times of a language: for the bindings.
    #[doc(hidden)]
    pub fn to_value(&self, dialect: Dialect) -> Value {
        let time = |time: Option<Duration>| time.map_or(Value::Null, |time| json!(time.as_secs_f64() * dialect.units_per_second()));
        let object = |fields: Vec<(&str, Value)>| {
            Value::Object(fields.into_iter().map(|(name, value)| (dialect.name(name), value)).collect::<Map<_, _>>())
        };
        let traffic = |traffic: &Traffic| {
            object(vec![
                ("messages", traffic.messages.into()),
                ("bytes", traffic.bytes.into()),
                ("wire_bytes", traffic.wire_bytes.into()),
                ("pings", traffic.pings.into()),
            ])
        };
        let ends: Map<_, _> = self.ends.iter().map(|(code, count)| (code.to_string(), (*count).into())).collect();
        object(vec![
            ("attempts", self.attempts.into()),
            ("opens", self.opens.into()),
            ("ends", Value::Object(ends)),
            ("sent", traffic(&self.sent)),
            ("received", traffic(&self.received)),
            (
                "latency",
                object(vec![
                    ("measured", self.latency.measured.into()),
                    ("last", time(self.latency.last)),
                    ("min", time(self.latency.min)),
                    ("median", time(self.latency.median)),
                    ("p99", time(self.latency.p99)),
                ]),
            ),
            (
                "heartbeats",
                object(vec![
                    ("sent", self.heartbeats.sent.into()),
                    ("answered", self.heartbeats.answered.into()),
                    ("missed", self.heartbeats.missed.into()),
                ]),
            ),
            (
                "waiting",
                object(vec![
                    ("to_send", self.waiting.to_send.into()),
                    ("bytes_to_send", self.waiting.bytes_to_send.into()),
                    ("bytes_to_handle", self.waiting.bytes_to_handle.into()),
                ]),
            ),
            ("throttled", self.throttled.into()),
            ("dropped", self.dropped.into()),
            ("slow_handlers", self.slow_handlers.into()),
        ])
    }
}

impl Traffic {
    /// Adds what another has counted.
    pub fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.wire_bytes += other.wire_bytes;
        self.pings += other.pings;
    }
}

/// [`Stats`] under way: as it is counted and as those of several sockets are summed up.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Everything but the round trips.
    pub stats: Stats,
    /// The round trips.
    pub latencies: Latencies,
}

impl Counts {
    /// Adds what another socket has counted.
    pub fn add(&mut self, other: &Self) {
        let (to, from) = (&mut self.stats, &other.stats);
        to.attempts += from.attempts;
        to.opens += from.opens;
        for (code, count) in &from.ends {
            *to.ends.entry(*code).or_default() += count;
        }
        to.sent.add(from.sent);
        to.received.add(from.received);
        to.heartbeats.sent += from.heartbeats.sent;
        to.heartbeats.answered += from.heartbeats.answered;
        to.heartbeats.missed += from.heartbeats.missed;
        to.waiting.to_send += from.waiting.to_send;
        to.waiting.bytes_to_send += from.waiting.bytes_to_send;
        to.waiting.bytes_to_handle += from.waiting.bytes_to_handle;
        to.throttled += from.throttled;
        to.dropped += from.dropped;
        to.slow_handlers += from.slow_handlers;
        self.latencies.add(&other.latencies);
    }

    /// The counts as users see them.
    pub fn into_stats(self) -> Stats {
        Stats { latency: self.latencies.summary(), ..self.stats }
    }
}

/// The round trips that were measured, as counts of how many lasted how long. Allocates once, with the first.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    last: Option<(Instant, Duration)>,
    min: Option<Duration>,
    count: u64,
    buckets: Option<Box<[u32; BUCKETS]>>,
}

/// Up to 15 µs each has a bucket of its own; from there on every doubling has eight, up to an hour and more.
const EXACT: u32 = 16;
const PER_DOUBLING: u32 = 8;
const BUCKETS: usize = 16 + 28 * 8;

impl Latencies {
    /// A round trip that has just ended.
    pub fn record(&mut self, now: Instant, time: Duration) {
        self.last = Some((now, time));
        self.min = Some(self.min.map_or(time, |min| min.min(time)));
        self.count += 1;
        let bucket = &mut self.buckets.get_or_insert_with(|| Box::new([0; BUCKETS]))[bucket_of(time)];
        *bucket = bucket.saturating_add(1);
    }

    fn add(&mut self, other: &Self) {
        self.last = self.last.max(other.last);
        self.min = self.min.into_iter().chain(other.min).min();
        self.count += other.count;
        if let Some(others) = &other.buckets {
            let buckets = self.buckets.get_or_insert_with(|| Box::new([0; BUCKETS]));
            for (bucket, more) in buckets.iter_mut().zip(others.iter()) {
                *bucket = bucket.saturating_add(*more);
            }
        }
    }

    fn summary(&self) -> Latency {
        let last = self.last.map(|(_, time)| time);
        Latency { measured: self.count, last, min: self.min, median: self.quantile(50), p99: self.quantile(99) }
    }

    fn quantile(&self, percent: u64) -> Option<Duration> {
        let buckets = self.buckets.as_deref()?;
        let total: u64 = buckets.iter().map(|count| u64::from(*count)).sum();
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let bucket = buckets.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        })?;
        Some(middle_of(bucket).max(self.min.unwrap_or_default()))
    }
}

fn bucket_of(time: Duration) -> usize {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    if micros < EXACT {
        return micros as usize;
    }
    let doubling = micros.ilog2();
    let part = (micros >> (doubling - 3)) & (PER_DOUBLING - 1);
    (EXACT + (doubling - 4) * PER_DOUBLING + part) as usize
}

fn middle_of(bucket: usize) -> Duration {
    let bucket = bucket as u64;
    let exact = u64::from(EXACT);
    if bucket < exact {
        return Duration::from_micros(bucket);
    }
    let (doubling, part) = ((bucket - exact) / 8 + 4, (bucket - exact) % 8);
    let width = 1 << (doubling - 3);
    Duration::from_micros((8 + part) * width + width / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_right_within_seven_percent() {
        for micros in (0..100_000).chain((100_000..u32::MAX).step_by(9_999_991)) {
            let told = middle_of(bucket_of(Duration::from_micros(micros.into()))).as_micros() as f64;
            assert!((told - f64::from(micros)).abs() <= 0.07 * f64::from(micros), "{micros} µs is told as {told}");
        }
        assert!(bucket_of(Duration::MAX) < BUCKETS);
    }

    #[test]
    fn quantiles_of_known_times() {
        let now = Instant::now();
        let mut counts = Counts::default();
        for millis in 1..=1000 {
            counts.latencies.record(now, Duration::from_millis(millis));
        }
        let mut sum = Counts::default();
        sum.add(&counts);
        let Latency { measured, last, min, median, p99 } = sum.into_stats().latency;
        assert_eq!((measured, last, min), (1000, Some(Duration::from_secs(1)), Some(Duration::from_millis(1))));
        let near = |time: Option<Duration>, millis: f64| (time.unwrap_or_default().as_secs_f64() * 1000.0 / millis - 1.0).abs() < 0.07;
        assert!(near(median, 500.0), "{median:?}");
        assert!(near(p99, 990.0), "{p99:?}");
    }

    #[test]
    fn names_and_units_are_the_language_s() {
        let mut counts = Counts::default();
        counts.stats.ends.insert(1006, 2);
        counts.latencies.record(Instant::now(), Duration::from_micros(1500));
        let stats = counts.into_stats();
        let (python, javascript) = (stats.to_value(Dialect::Python), stats.to_value(Dialect::JavaScript));
        assert_eq!((&python["latency"]["last"], &python["ends"]["1006"], &python["slow_handlers"]), (&json!(0.0015), &json!(2), &json!(0)));
        assert_eq!((&javascript["latency"]["last"], &javascript["sent"]["wireBytes"]), (&json!(1.5), &json!(0)));
    }
}
