//! The fate of each message of the user. It knows numbers and sizes, no client and no server.

use std::collections::HashMap;

/// The fate of a message of the user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// Accepted; how many connections had opened then.
    Accepted(usize),
    Refused,
    /// Given after the end: never to be sent.
    Late,
    Arrived,
    Dropped,
}

#[derive(Default)]
pub struct Accounts {
    fates: HashMap<u32, (Fate, usize)>,
    next: u32,
}

/// The number that a text begins with.
pub fn number(text: &str) -> u32 {
    text.split('.').next().and_then(|number| number.parse().ok()).expect("a number")
}

impl Accounts {
    /// The next text to send, with so many bytes behind its number.
    pub fn text(&mut self, fill: usize) -> String {
        let number = self.next;
        self.next += 1;
        format!("{number}.{}", "x".repeat(fill))
    }

    pub fn begin(&mut self, text: &str, fate: Fate) {
        self.fates.insert(number(text), (fate, text.len()));
    }

    /// A message has arrived or was dropped: once, and only if it was accepted.
    pub fn end(&mut self, text: &str, fate: Fate) {
        let before = self.fates.insert(number(text), (fate, text.len())).map(|(fate, _)| fate);
        assert!(matches!(before, Some(Fate::Accepted(_))), "message {}: {before:?}, then {fate:?}", number(text));
    }

    /// Bytes of messages that were accepted or came too late, and have neither arrived nor been dropped.
    pub fn waiting(&self) -> usize {
        self.sum(|fate| matches!(fate, Fate::Accepted(_) | Fate::Late))
    }

    /// Bytes that were given after the end.
    pub fn late(&self) -> usize {
        self.sum(|fate| fate == Fate::Late)
    }

    fn sum(&self, counts: impl Fn(Fate) -> bool) -> usize {
        self.fates.values().filter(|(fate, _)| counts(*fate)).map(|(_, size)| size).sum()
    }

    /// The messages without a known fate, with the number of connections that had opened when each was accepted.
    pub fn missing(&self) -> impl Iterator<Item = (u32, usize)> {
        self.fates.iter().filter_map(|(number, (fate, _))| match fate {
            Fate::Accepted(connections) => Some((*number, *connections)),
            _ => None,
        })
    }
}
