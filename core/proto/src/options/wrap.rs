//! Kinds made of other kinds: optional values, switches, functions instead of values, records within records. Knows no option.

use std::marker::PhantomData;

use serde_json::Value;

use super::kind::{Group, Kind, Marks, OptionSpec, Unit, either};
use super::record::{Members, Record};
use super::report::{Dialect, FUNCTION, Report, marked};
use super::types::Providers;

fn or_none(dialect: Dialect) -> String {
    format!(", or {}", dialect.none())
}

/// An optional value.
pub(super) struct Maybe<K>(pub(super) K);

impl<K: Kind> Kind for Maybe<K> {
    type Value = Option<K::Value>;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Self::Value> {
        let words = or_none(report.dialect);
        if value.is_null() { Some(None) } else { report.allowing(&words, |report| self.0.read(report, value)).map(Some) }
    }

    fn check(&self, report: &mut Report, value: &Self::Value) {
        if let Some(value) = value {
            let words = or_none(report.dialect);
            report.allowing(&words, |report| self.0.check(report, value));
        }
    }

    fn show(&self, value: &Self::Value, dialect: Dialect) -> Value {
        value.as_ref().map_or(Value::Null, |value| self.0.show(value, dialect))
    }

    fn type_name(&self, dialect: Dialect) -> String {
        format!("{} | {}", self.0.type_name(dialect), dialect.none())
    }

    fn allowed(&self, dialect: Dialect) -> String {
        self.0.allowed(dialect) + &or_none(dialect)
    }

    fn marks(&self) -> Marks {
        self.0.marks()
    }

    fn unit(&self) -> Option<Unit> {
        self.0.unit()
    }

    fn group(&self) -> Option<Group> {
        self.0.group()
    }
}

/// A value, or on and off: true for the value that `on` gives, false and none for off.
pub(super) struct Switch<K: Kind> {
    pub(super) on: fn() -> K::Value,
    pub(super) kind: K,
}

impl<K: Kind> Kind for Switch<K> {
    type Value = Option<K::Value>;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Self::Value> {
        match value {
            Value::Null | Value::Bool(false) => Some(None),
            Value::Bool(true) => Some(Some((self.on)())),
            Value::Object(_) | Value::Number(_) => self.kind.read(report, value).map(Some),
            // The fault names all that is allowed here, not only the values of the inner kind.
            other => {
                report.refuse(other, &self.allowed(report.dialect));
                None
            }
        }
    }

    fn check(&self, report: &mut Report, value: &Self::Value) {
        if let Some(value) = value {
            self.kind.check(report, value);
        }
    }

    fn show(&self, value: &Self::Value, dialect: Dialect) -> Value {
        match value {
            None => Value::Bool(false),
            Some(value) => {
                let shown = self.kind.show(value, dialect);
                if shown == self.kind.show(&(self.on)(), dialect) { Value::Bool(true) } else { shown }
            }
        }
    }

    fn type_name(&self, dialect: Dialect) -> String {
        format!("{} | {} | {}", either(dialect, "bool", "boolean"), self.kind.type_name(dialect), dialect.none())
    }

    fn allowed(&self, dialect: Dialect) -> String {
        format!("{}, {} or {}", dialect.bool(true), dialect.bool(false), self.kind.allowed(dialect))
    }

    fn marks(&self) -> Marks {
        self.kind.marks()
    }

    fn unit(&self) -> Option<Unit> {
        self.kind.unit()
    }

    fn group(&self) -> Option<Group> {
        self.kind.group()
    }
}

/// A mandatory value.
pub(super) struct Required<K>(pub(super) K);

impl<K: Kind> Kind for Required<K> {
    type Value = K::Value;

    fn read(&self, report: &mut Report, value: &Value) -> Option<K::Value> {
        self.0.read(report, value)
    }

    fn check(&self, report: &mut Report, value: &K::Value) {
        self.0.check(report, value);
    }

    fn show(&self, value: &K::Value, dialect: Dialect) -> Value {
        self.0.show(value, dialect)
    }

    fn type_name(&self, dialect: Dialect) -> String {
        self.0.type_name(dialect)
    }

    fn allowed(&self, dialect: Dialect) -> String {
        self.0.allowed(dialect)
    }

    fn marks(&self) -> Marks {
        Marks { required: true, ..self.0.marks() }
    }
}

/// An option of one language only.
pub(super) struct Only<K>(pub(super) Dialect, pub(super) K);

impl<K: Kind> Kind for Only<K> {
    type Value = K::Value;

    fn read(&self, report: &mut Report, value: &Value) -> Option<K::Value> {
        self.1.read(report, value)
    }

    fn check(&self, report: &mut Report, value: &K::Value) {
        self.1.check(report, value);
    }

    fn show(&self, value: &K::Value, dialect: Dialect) -> Value {
        self.1.show(value, dialect)
    }

    fn type_name(&self, dialect: Dialect) -> String {
        self.1.type_name(dialect)
    }

    fn allowed(&self, dialect: Dialect) -> String {
        self.1.allowed(dialect)
    }

    fn marks(&self) -> Marks {
        Marks { only: Some(self.0), ..self.1.marks() }
    }
}

const OR_FUNCTION: &str = ", or a function that returns that";

/// A value, or a function of the user that gives it each time.
pub(super) struct Provided<K> {
    pub(super) kind: K,
    pub(super) flag: fn(&mut Providers) -> &mut bool,
}

impl<K: Kind> Kind for Provided<K> {
    type Value = K::Value;

    fn read(&self, report: &mut Report, value: &Value) -> Option<K::Value> {
        if marked(value, FUNCTION).is_some() {
            *(self.flag)(&mut report.providers) = true;
            return None;
        }
        report.allowing(OR_FUNCTION, |report| self.kind.read(report, value))
    }

    fn check(&self, report: &mut Report, value: &K::Value) {
        self.kind.check(report, value);
    }

    fn show(&self, value: &K::Value, dialect: Dialect) -> Value {
        self.kind.show(value, dialect)
    }

    fn type_name(&self, dialect: Dialect) -> String {
        let inner = self.kind.type_name(dialect);
        either(dialect, &format!("Provided[{inner}]"), &format!("Provided<{inner}>"))
    }

    fn allowed(&self, dialect: Dialect) -> String {
        self.kind.allowed(dialect) + OR_FUNCTION
    }

    fn marks(&self) -> Marks {
        self.kind.marks()
    }
}

/// A function of the user and nothing else. It has no field in the struct.
pub(super) struct Function {
    pub(super) flag: fn(&mut Providers) -> &mut bool,
    /// The type as each dialect writes it, in the order of [`Dialect::ALL`].
    pub(super) types: [&'static str; 2],
}

impl Kind for Function {
    type Value = ();

    fn read(&self, report: &mut Report, value: &Value) -> Option<()> {
        if marked(value, FUNCTION).is_some() {
            *(self.flag)(&mut report.providers) = true;
        } else if !value.is_null() {
            report.refuse(value, &self.allowed(report.dialect));
        }
        None
    }

    fn check(&self, _: &mut Report, (): &()) {}

    fn show(&self, (): &(), _: Dialect) -> Value {
        Value::Null
    }

    fn type_name(&self, dialect: Dialect) -> String {
        format!("{} | {}", self.types[dialect as usize], dialect.none())
    }

    fn allowed(&self, dialect: Dialect) -> String {
        format!("a function, or {}", dialect.none())
    }
}

/// An option that a face handles itself: it is in the table, but its value may not reach the core.
pub(super) struct Kept {
    pub(super) what: &'static str,
    pub(super) type_name: &'static str,
}

impl Kind for Kept {
    type Value = ();

    fn read(&self, report: &mut Report, value: &Value) -> Option<()> {
        report.refuse(value, self.what);
        None
    }

    fn check(&self, _: &mut Report, (): &()) {}

    fn show(&self, (): &(), _: Dialect) -> Value {
        Value::Null
    }

    fn type_name(&self, _: Dialect) -> String {
        self.type_name.to_owned()
    }

    fn allowed(&self, _: Dialect) -> String {
        self.what.to_owned()
    }
}

/// A nested record of options.
pub(super) struct Nested<R>(PhantomData<R>);

/// A nested record of options.
pub(super) fn nested<R>() -> Nested<R> {
    Nested(PhantomData)
}

impl<R: Record> Kind for Nested<R> {
    type Value = R;

    fn read(&self, report: &mut Report, value: &Value) -> Option<R> {
        match value {
            Value::Object(object) if !object.keys().any(|key| key.starts_with('$')) => Some(Members::read_all(report, object)),
            other => {
                report.refuse(other, &self.allowed(report.dialect));
                None
            }
        }
    }

    fn check(&self, report: &mut Report, value: &R) {
        value.check(report);
    }

    fn show(&self, value: &R, dialect: Dialect) -> Value {
        value.show(dialect)
    }

    fn type_name(&self, _: Dialect) -> String {
        R::NAME.to_owned()
    }

    fn allowed(&self, dialect: Dialect) -> String {
        let required = R::specs().into_iter().find(OptionSpec::is_required);
        let with = required.map_or_else(String::new, |option| format!(" with {}", option.name(dialect)));
        either(dialect, &format!("a dict of options{with}"), &format!("an object of options{with}"))
    }

    fn group(&self) -> Option<Group> {
        Some(Group { name: R::NAME, about: R::ABOUT, specs: R::specs() })
    }
}

/// A list.
pub(super) struct List<K>(pub(super) K);

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Self::Value> {
        let Value::Array(items) = value else {
            report.refuse(value, &self.allowed(report.dialect));
            return None;
        };
        let read = items.iter().enumerate().filter_map(|(index, item)| report.at_index(index, |report| self.0.read(report, item)));
        Some(read.collect())
    }

    fn check(&self, report: &mut Report, value: &Self::Value) {
        for (index, item) in value.iter().enumerate() {
            report.at_index(index, |report| self.0.check(report, item));
        }
    }

    fn show(&self, value: &Self::Value, dialect: Dialect) -> Value {
        value.iter().map(|item| self.0.show(item, dialect)).collect()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        let item = self.0.type_name(dialect);
        either(dialect, &format!("Sequence[{item}]"), &format!("readonly {item}[]"))
    }

    fn allowed(&self, dialect: Dialect) -> String {
        format!("a list; each item {}", self.0.allowed(dialect))
    }
}

/// The login: its options, or the user's function alone.
pub(super) struct Login<R>(pub(super) PhantomData<R>);

impl<R: Record + Default> Kind for Login<R> {
    type Value = Option<R>;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Self::Value> {
        if marked(value, FUNCTION).is_some() {
            report.providers.ready = true;
            return Some(Some(R::default()));
        }
        report.allowing(", or a function that is called with the socket", |report| Maybe(nested()).read(report, value))
    }

    fn check(&self, report: &mut Report, value: &Self::Value) {
        Maybe(nested()).check(report, value);
    }

    fn show(&self, value: &Self::Value, dialect: Dialect) -> Value {
        Maybe(nested()).show(value, dialect)
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "ReadyOptions | Callable[[Any], Any] | None", "ReadyOptions | ((socket: WebSocket) => unknown) | null")
    }

    fn allowed(&self, dialect: Dialect) -> String {
        format!("{}, or a function that is called with the socket", Maybe(nested::<R>()).allowed(dialect))
    }

    fn group(&self) -> Option<Group> {
        nested::<R>().group()
    }
}
