//! The kinds of single values: numbers, times, texts, choices, addresses. Knows no option.

use std::fmt::Write as _;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::kind::{Kind, Unit, either};
use super::report::{Dialect, Report};
use super::types::Named;

/// True or false.
pub(super) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read(&self, report: &mut Report, value: &Value) -> Option<bool> {
        if !value.is_boolean() {
            report.refuse(value, &self.allowed(report.dialect));
        }
        value.as_bool()
    }

    fn check(&self, _: &mut Report, _: &bool) {}

    fn show(&self, value: &bool, _: Dialect) -> Value {
        (*value).into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "bool", "boolean")
    }

    fn allowed(&self, dialect: Dialect) -> String {
        format!("{} or {}", dialect.bool(true), dialect.bool(false))
    }
}

/// A whole number between limits.
pub(super) struct Whole<T> {
    least: u64,
    most: u64,
    unit: Option<Unit>,
    marker: PhantomData<T>,
}

/// The largest whole number that every language can hold exactly.
const MOST: u64 = (1 << 53) - 1;

/// A whole number from `least` on.
pub(super) fn at_least<T>(least: u64) -> Whole<T> {
    Whole { least, most: MOST, unit: None, marker: PhantomData }
}

/// How many messages a window may hold: each sent message is remembered while it counts.
pub(super) fn limit() -> Whole<usize> {
    between(1, 1_000_000)
}

/// A whole number from `least` to `most`.
pub(super) fn between<T>(least: u64, most: u64) -> Whole<T> {
    Whole { least, most, unit: None, marker: PhantomData }
}

/// A number of bytes from `least` on.
pub(super) fn bytes(least: u64) -> Whole<usize> {
    Whole { unit: Some(Unit::Bytes), ..at_least(least) }
}

impl<T: TryFrom<u64> + TryInto<u64> + Copy> Kind for Whole<T> {
    type Value = T;

    fn read(&self, report: &mut Report, value: &Value) -> Option<T> {
        // A language with one type of number may send any of them as a float.
        let whole = value.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=MOST as f64).contains(float)).map(|float| float as u64);
        let number = whole.filter(|number| (self.least..=self.most).contains(number)).and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            let mut allowed = self.allowed(report.dialect);
            if self.most == MOST && value.as_f64().is_some_and(|float| float > MOST as f64) {
                let _ = write!(allowed, ", at most {MOST}");
            }
            report.refuse(value, &allowed);
        }
        number
    }

    fn check(&self, report: &mut Report, value: &T) {
        let number: u64 = (*value).try_into().unwrap_or(u64::MAX);
        if !(self.least..=self.most).contains(&number) {
            report.refuse(&number.into(), &self.allowed(report.dialect));
        }
    }

    fn show(&self, value: &T, _: Dialect) -> Value {
        (*value).try_into().unwrap_or(u64::MAX).into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "int", "number")
    }

    fn allowed(&self, _: Dialect) -> String {
        let what = if self.unit.is_some() { "a whole number of bytes" } else { "a whole number" };
        // The text leaves out the limit of the type, because few values reach it.
        if self.most == MOST { format!("{what}, at least {}", self.least) } else { format!("{what} from {} to {}", self.least, self.most) }
    }

    fn unit(&self) -> Option<Unit> {
        self.unit
    }
}

/// A number between limits, fractions included.
pub(super) struct Real {
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Kind for Real {
    type Value = f64;

    fn read(&self, report: &mut Report, value: &Value) -> Option<f64> {
        let number = value.as_f64().filter(|number| (self.least..=self.most).contains(number));
        if number.is_none() {
            report.refuse(value, &self.allowed(report.dialect));
        }
        number
    }

    fn check(&self, report: &mut Report, value: &f64) {
        if !(self.least..=self.most).contains(value) {
            report.refuse(&self.show(value, report.dialect), &self.allowed(report.dialect));
        }
    }

    fn show(&self, value: &f64, _: Dialect) -> Value {
        number(*value)
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "float", "number")
    }

    fn allowed(&self, _: Dialect) -> String {
        format!("a number from {} to {}", self.least, self.most)
    }
}

/// A length of time, in the unit of the dialect.
pub(super) struct Time {
    least: Duration,
}

/// The longest time that an option may name: longer ones overflow some clocks.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A time of at least a millisecond.
pub(super) fn time() -> Time {
    Time { least: Duration::from_millis(1) }
}

/// A time that may be zero.
pub(super) fn time_or_zero() -> Time {
    Time { least: Duration::ZERO }
}

/// A time of at least a second, for kernel clocks with that resolution.
pub(super) fn whole_seconds() -> Time {
    Time { least: Duration::from_secs(1) }
}

impl Time {
    fn contains(&self, time: Duration) -> bool {
        (self.least..=YEAR).contains(&time)
    }
}

/// Whether so many seconds were most likely meant as milliseconds: 20,000 is a usual number of those. Whole hours are a usual number of seconds.
fn looks_like_milliseconds(time: Duration) -> bool {
    let seconds = time.as_secs();
    time.subsec_nanos() == 0 && seconds >= 1000 && seconds.is_multiple_of(500) && !seconds.is_multiple_of(3600)
}

impl Kind for Time {
    type Value = Duration;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Duration> {
        let units = report.dialect.units_per_second();
        let time = value.as_f64().and_then(|number| Duration::try_from_secs_f64(number / units).ok());
        let time = time.filter(|time| self.contains(*time));
        if time.is_none() {
            report.refuse(value, &self.allowed(report.dialect));
        }
        time
    }

    fn check(&self, report: &mut Report, value: &Duration) {
        if !self.contains(*value) {
            report.refuse(&self.show(value, report.dialect), &self.allowed(report.dialect));
        } else if report.dialect.counts_seconds() && looks_like_milliseconds(*value) {
            let seconds = value.as_secs();
            report.doubt(&format!("is {seconds} {}: were {seconds} milliseconds meant?", report.dialect.time_unit()));
        }
    }

    fn show(&self, value: &Duration, dialect: Dialect) -> Value {
        number(value.as_secs_f64() * dialect.units_per_second())
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "float", "number")
    }

    fn allowed(&self, dialect: Dialect) -> String {
        let (unit, year) = (dialect.time_unit(), self.show(&YEAR, dialect));
        if self.least.is_zero() {
            format!("a number of {unit} from 0 to {year}")
        } else {
            format!("a number of {unit} from {} to {year}", self.show(&self.least, dialect))
        }
    }

    fn unit(&self) -> Option<Unit> {
        Some(Unit::Time)
    }
}

/// A number, written without a fraction if it is whole.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < MOST as f64 { Value::from(value as i64) } else { Value::from(value) }
}

/// A text that a rule accepts.
pub(super) struct Text {
    /// Its description, in words that follow "must be".
    pub(super) what: &'static str,
    pub(super) accepts: fn(&str) -> bool,
}

impl Kind for Text {
    type Value = String;

    fn read(&self, report: &mut Report, value: &Value) -> Option<String> {
        let text = value.as_str().filter(|text| (self.accepts)(text));
        if text.is_none() {
            report.refuse(value, self.what);
        }
        text.map(str::to_owned)
    }

    fn check(&self, report: &mut Report, value: &String) {
        if !(self.accepts)(value) {
            report.refuse(&value.as_str().into(), self.what);
        }
    }

    fn show(&self, value: &String, _: Dialect) -> Value {
        value.as_str().into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str", "string")
    }

    fn allowed(&self, _: Dialect) -> String {
        self.what.to_owned()
    }
}

/// One of an enum's names.
pub(super) struct Choice<T>(PhantomData<T>);

/// One of an enum's names.
pub(super) fn choice<T>() -> Choice<T> {
    Choice(PhantomData)
}

impl<T: Named> Kind for Choice<T> {
    type Value = T;

    fn read(&self, report: &mut Report, value: &Value) -> Option<T> {
        let named = value.as_str().and_then(|text| T::ALL.iter().find(|(name, _)| *name == text));
        if named.is_none() {
            report.refuse(value, &self.allowed(report.dialect));
        }
        named.map(|(_, value)| *value)
    }

    fn check(&self, _: &mut Report, _: &T) {}

    fn show(&self, value: &T, _: Dialect) -> Value {
        T::ALL.iter().find(|(_, other)| other == value).map(|(name, _)| *name).into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        let names: Vec<String> = T::ALL.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        dialect.one_of(&names)
    }

    fn allowed(&self, _: Dialect) -> String {
        let names: Vec<String> = T::ALL.iter().map(|(name, _)| format!("{name:?}")).collect();
        match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => names.concat(),
        }
    }
}

/// The path of a file.
pub(super) struct Path;

impl Kind for Path {
    type Value = PathBuf;

    fn read(&self, report: &mut Report, value: &Value) -> Option<PathBuf> {
        let path = value.as_str().filter(|path| !path.is_empty() && !path.contains('\0'));
        if path.is_none() {
            report.refuse(value, &self.allowed(report.dialect));
        }
        path.map(PathBuf::from)
    }

    fn check(&self, report: &mut Report, value: &PathBuf) {
        if value.as_os_str().is_empty() || value.as_os_str().as_encoded_bytes().contains(&0) {
            report.refuse(&self.show(value, report.dialect), &self.allowed(report.dialect));
        }
    }

    fn show(&self, value: &PathBuf, _: Dialect) -> Value {
        value.to_string_lossy().into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str | os.PathLike[str]", "string")
    }

    fn allowed(&self, _: Dialect) -> String {
        "the path of a file".to_owned()
    }
}

/// An IP address.
pub(super) struct Ip;

impl Kind for Ip {
    type Value = IpAddr;

    fn read(&self, report: &mut Report, value: &Value) -> Option<IpAddr> {
        let address = value.as_str().and_then(|text| text.parse().ok());
        if address.is_none() {
            report.refuse(value, &self.allowed(report.dialect));
        }
        address
    }

    fn check(&self, _: &mut Report, _: &IpAddr) {}

    fn show(&self, value: &IpAddr, _: Dialect) -> Value {
        value.to_string().into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str", "string")
    }

    fn allowed(&self, _: Dialect) -> String {
        "an IP address".to_owned()
    }
}
