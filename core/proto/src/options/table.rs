//! The table of all options, made from the definition: what the reference, the type stubs and the suggestions are derived from.

use std::sync::LazyLock;

use super::Options;
use super::kind::{Kind, Unit};
use super::record::Record;
use super::report::Dialect;

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
    path: String,
    record: &'static str,
    nested: Option<(&'static str, &'static str)>,
    doc: String,
    unit: Option<Unit>,
    required: bool,
    only: Option<Dialect>,
    faces: [Face; 2],
    below: Vec<OptionSpec>,
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

    /// The record that holds it, such as `HeartbeatOptions`; the whole is `Options`.
    pub fn record(&self) -> &'static str {
        self.record
    }

    /// The record that is its value, if it has options of its own.
    pub fn nested(&self) -> Option<&'static str> {
        self.nested.map(|(name, _)| name)
    }

    /// What it does.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// The type, as the language writes it.
    pub fn type_name(&self, dialect: Dialect) -> &str {
        &self.face(dialect).type_name
    }

    /// What is allowed, in words.
    pub fn allowed(&self, dialect: Dialect) -> &str {
        &self.face(dialect).allowed
    }

    /// The default, as a literal of the language; none for what has none.
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
        match self.only {
            None => &Dialect::ALL,
            Some(Dialect::Python) => &[Dialect::Python],
            Some(Dialect::JavaScript) => &[Dialect::JavaScript],
        }
    }

    fn face(&self, dialect: Dialect) -> &Face {
        &self.faces[dialect as usize]
    }
}

/// All options, in the order of the definition, each followed by those below it.
pub fn table() -> &'static [OptionSpec] {
    static TABLE: LazyLock<Vec<OptionSpec>> = LazyLock::new(|| {
        let mut table = Vec::new();
        flatten(&mut table, Options::NAME, "", Options::specs());
        table
    });
    &TABLE
}

/// The records, in the order of the table: name and documentation. The first is the whole.
pub fn records() -> Vec<(&'static str, &'static str)> {
    std::iter::once((Options::NAME, Options::ABOUT)).chain(table().iter().filter_map(|option| option.nested)).collect()
}

fn flatten(table: &mut Vec<OptionSpec>, record: &'static str, parent: &str, specs: Vec<OptionSpec>) {
    for mut spec in specs {
        spec.record = record;
        if !parent.is_empty() {
            spec.path = format!("{parent}.{}", spec.path);
        }
        let below = std::mem::take(&mut spec.below);
        let (nested, path) = (spec.nested, spec.path.clone());
        table.push(spec);
        if let Some((nested, _)) = nested {
            flatten(table, nested, &path, below);
        }
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
