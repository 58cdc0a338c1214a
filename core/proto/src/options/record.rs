//! The trait of a record of options, for the macro, and the object from which a record is read. Knows no option and no kind.

use serde_json::{Map, Value};

use super::kind::{Kind, OptionSpec};
use super::report::{Dialect, Report};

/// A struct of options; the macro implements it.
pub(super) trait Record: Default {
    const NAME: &'static str;
    const ABOUT: &'static str;

    /// Takes each option from an object; a faulty or missing one keeps its default.
    fn read(members: &mut Members<'_>) -> Self;
    /// Checks the limits of values that were not read but set by a program.
    fn check(&self, report: &mut Report);
    /// The object that would be read as this record.
    fn show(&self, dialect: Dialect) -> Value;
    /// The table's entries of the record.
    fn specs() -> Vec<OptionSpec>;
}

/// An object of the user while a record takes its options from it.
pub(super) struct Members<'a> {
    report: &'a mut Report,
    object: &'a Map<String, Value>,
    /// The keys that were found.
    known: Vec<&'a str>,
}

impl<'a> Members<'a> {
    /// Reads a record, and refuses the members that it did not read.
    pub(super) fn read_all<R: Record>(report: &'a mut Report, object: &'a Map<String, Value>) -> R {
        let mut members = Self { report, object, known: Vec::new() };
        let record = R::read(&mut members);
        for key in object.keys().filter(|key| !members.known.contains(&key.as_str())) {
            members.report.unknown(key);
        }
        record
    }

    /// Reads one option. `None`: it is not given, or has a fault.
    pub(super) fn read<K: Kind>(&mut self, name: &str, kind: &K) -> Option<K::Value> {
        let dialect = self.report.dialect;
        let marks = kind.marks();
        if marks.only.is_some_and(|only| only != dialect) {
            return None;
        }
        // Most sockets are given none.
        if self.object.is_empty() && !marks.required {
            return None;
        }
        let (key, value) = self.object.get_key_value(&*dialect.spell(name)).unzip();
        self.known.extend(key.map(String::as_str));
        if value.is_none() && !marks.required {
            return None;
        }
        self.report.within(name, |report| {
            if value.is_none() {
                report.missing(&kind.allowed(dialect));
            }
            value.and_then(|value| kind.read(report, value))
        })
    }
}
