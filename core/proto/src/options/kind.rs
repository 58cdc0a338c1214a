//! What a kind of value is: it reads, checks and describes the values of an option. Knows no kind and no option.

use serde_json::Value;

use super::report::{Dialect, Report};
use super::table::OptionSpec;

/// A kind of value. `Value` is what the struct holds.
pub(super) trait Kind {
    type Value;

    /// Reads and checks; says what is wrong and returns none if it is.
    fn read(&self, report: &mut Report, value: &Value) -> Option<Self::Value>;
    /// Checks the limits of a value that a program set.
    fn check(&self, report: &mut Report, value: &Self::Value);
    /// What would be read as this value.
    fn show(&self, value: &Self::Value, dialect: Dialect) -> Value;
    /// The type, as the language writes it.
    fn type_name(&self, dialect: Dialect) -> String;
    /// What is allowed, in words that follow "must be".
    fn allowed(&self, dialect: Dialect) -> String;

    fn marks(&self) -> Marks {
        Marks::default()
    }

    fn unit(&self) -> Option<Unit> {
        None
    }

    /// The record that it is, if it is one.
    fn group(&self) -> Option<Group> {
        None
    }
}

/// What else there is to say of a kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// Its record cannot do without it.
    pub(super) required: bool,
    /// No message and no `Debug` shows it.
    pub(super) secret: bool,
    /// The one language that has it.
    pub(super) only: Option<Dialect>,
}

/// Whether a value is one that no message shows.
pub(super) fn is_secret<K: Kind>(kind: &K, _: &K::Value) -> bool {
    kind.marks().secret
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Time,
    Bytes,
}

/// A record as the table shows it.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) specs: Vec<OptionSpec>,
}

/// The text for the language.
pub(super) fn either(dialect: Dialect, python: &str, javascript: &str) -> String {
    match dialect {
        Dialect::Python => python.to_owned(),
        Dialect::JavaScript => javascript.to_owned(),
    }
}
