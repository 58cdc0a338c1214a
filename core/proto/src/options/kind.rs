//! The kinds of values: a kind reads, checks and describes the values of an option. Also the table's entry of an option. Knows no particular kind and
//! no option.

use serde_json::Value;

pub(super) use super::dialect::either;
use super::report::{Dialect, Report};

/// A kind of value. `Value` is the type in the struct.
pub(super) trait Kind {
    type Value;

    /// Reads and checks a value. Reports a fault and returns `None` if it is wrong.
    fn read(&self, report: &mut Report, value: &Value) -> Option<Self::Value>;
    /// Checks the limits of a value that a program set.
    fn check(&self, report: &mut Report, value: &Self::Value);
    /// The JSON that is read as this value.
    fn show(&self, value: &Self::Value, dialect: Dialect) -> Value;
    /// The type, as the language writes it.
    fn type_name(&self, dialect: Dialect) -> String;
    /// The allowed values, in words that follow "must be".
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

/// Further properties of a kind.
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

/// The unit of a number.
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

/// An option as a language shows it.
#[derive(Clone, Debug)]
struct Face {
    type_name: String,
    allowed: String,
    default: Option<String>,
}

/// One option: its names, type, unit, default, limits and documentation.
#[derive(Clone, Debug)]
pub struct OptionSpec {
    pub(super) path: String,
    pub(super) record: &'static str,
    pub(super) nested: Option<(&'static str, &'static str)>,
    doc: String,
    unit: Option<Unit>,
    required: bool,
    only: Option<Dialect>,
    faces: [Face; 2],
    pub(super) below: Vec<OptionSpec>,
}

impl OptionSpec {
    pub(super) fn new<K: Kind>(name: &'static str, doc: &str, kind: &K, default: Option<&K::Value>) -> Self {
        let marks = kind.marks();
        let group = kind.group();
        Self {
            path: name.to_owned(),
            record: "",
            nested: group.as_ref().map(|group| (group.name, group.about)),
            doc: doc.trim().to_owned(),
            unit: kind.unit(),
            required: marks.required,
            only: marks.only,
            faces: Dialect::ALL.map(|dialect| Face {
                type_name: kind.type_name(dialect),
                allowed: kind.allowed(dialect),
                default: default
                    .filter(|_| !marks.required)
                    .map(|default| kind.show(default, dialect))
                    .filter(|default| !default.is_object())
                    .map(|default| literal(dialect, &default)),
            }),
            below: group.map(|group| group.specs).unwrap_or_default(),
        }
    }

    /// The name within its record.
    pub fn name(&self, dialect: Dialect) -> String {
        let name = self.path.rsplit_once('.').map_or(self.path.as_str(), |(_, name)| name);
        dialect.name(name)
    }

    /// The whole path, such as `heartbeat.max_missed`.
    pub fn path(&self, dialect: Dialect) -> String {
        dialect.name(&self.path)
    }

    /// The record that holds it, such as `HeartbeatOptions`. The outermost one is `Options`.
    pub fn record(&self) -> &'static str {
        self.record
    }

    /// The record of its own options, if it has them.
    pub fn nested(&self) -> Option<&'static str> {
        self.nested.map(|(name, _)| name)
    }

    /// Its documentation.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// The type, as the language writes it.
    pub fn type_name(&self, dialect: Dialect) -> &str {
        &self.face(dialect).type_name
    }

    /// The allowed values, in words.
    pub fn allowed(&self, dialect: Dialect) -> &str {
        &self.face(dialect).allowed
    }

    /// The default, as a literal of the language. `None` without a default.
    pub fn default_value(&self, dialect: Dialect) -> Option<&str> {
        self.face(dialect).default.as_deref()
    }

    /// The unit, in words.
    pub fn unit(&self, dialect: Dialect) -> Option<&'static str> {
        self.unit.map(|unit| match unit {
            Unit::Time => dialect.time_unit(),
            Unit::Bytes => "bytes",
        })
    }

    /// Whether its record cannot do without it.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// The languages that have it.
    pub fn dialects(&self) -> &[Dialect] {
        Dialect::all_or(self.only)
    }

    fn face(&self, dialect: Dialect) -> &Face {
        &self.faces[dialect as usize]
    }
}

/// A value as the language writes it.
fn literal(dialect: Dialect, value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => dialect.none().to_owned(),
        Value::Bool(value) => dialect.bool(*value).to_owned(),
        other => other.to_string(),
    }
}
