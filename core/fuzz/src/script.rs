//! Decisions taken from any bytes, one byte or two for each: a changed byte changes the story at that place. After the last byte, the first choice is
//! taken.

use std::time::Duration;

use arbitrary::Unstructured;

/// One of several choices: its weight beside the others, and the function that makes it.
pub type Choice<T> = (u32, fn(&mut Script<'_>) -> T);

/// The bytes of an input, read from the front.
pub struct Script<'a>(Unstructured<'a>);

impl<'a> Script<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self(Unstructured::new(input))
    }

    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// From 0 to `most`.
    pub fn up_to(&mut self, most: u32) -> u32 {
        self.0.int_in_range(0..=most).unwrap_or_default()
    }

    pub fn flag(&mut self) -> bool {
        self.up_to(1) == 1
    }

    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.up_to(choices.len() as u32 - 1) as usize].clone()
    }

    /// One of the choices, by their weights.
    pub fn weigh<T>(&mut self, choices: &[Choice<T>]) -> T {
        let mut at = self.up_to(choices.iter().map(|(weight, _)| weight).sum::<u32>() - 1);
        let chosen = choices.iter().find(|(weight, _)| at.checked_sub(*weight).inspect(|rest| at = *rest).is_none());
        (chosen.unwrap_or(&choices[0]).1)(self)
    }

    pub fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| value(self))
    }

    /// A time up to so many seconds.
    pub fn seconds(&mut self, most: u32) -> Duration {
        Duration::from_secs(self.up_to(most).into())
    }

    /// A seed for random values.
    pub fn seed(&mut self) -> u64 {
        self.up_to(u32::from(u16::MAX)).into()
    }
}
