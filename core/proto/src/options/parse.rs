//! Reads the options that a binding sends, and checks those that a Rust program set. All faults are reported at once.

use serde_json::{Map, Value};

use super::kind::Kind as _;
use super::record::{Members, Record};
use super::report::{Dialect, Report};
use super::suggest::nearest;
use super::types::Providers;
use super::wrap::{Maybe, nested};
use super::{HeartbeatOptions, Options, conflicts};
use crate::error::Result;

impl Options {
    /// Reads options that a binding sends as JSON: an object, or null for no options. A function of the user is `{"$function": true}`, bytes are
    /// `{"$bytes": "<base64>"}`, and a value that JSON lacks is `{"$other": "<what it is>"}`. Omit a member that the language counts as not given
    /// (`undefined`), because null means "none" in many options.
    ///
    /// # Errors
    /// `invalid_option`, with all faults in `message` and `faults`; `invalid_header` or `invalid_protocol` if there are no others.
    #[doc(hidden)]
    pub fn parse(value: &Value, dialect: Dialect) -> Result<(Self, Providers)> {
        let mut report = Report::new(dialect, nearest);
        let empty = Map::new();
        let object = match value {
            Value::Object(object) => object,
            Value::Null => &empty,
            other => {
                report.within("options", |report| report.refuse(other, super::kind::either(dialect, "a dict", "an object").as_str()));
                &empty
            }
        };
        let options = Members::read_all::<Self>(&mut report, object);
        conflicts::check(&mut report, &options);
        let providers = report.providers;
        report.finish((options, providers))
    }

    /// Checks the limits, as [`Options::parse`] does, of options that a Rust program made.
    ///
    /// # Errors
    /// As [`Options::parse`].
    pub fn check(&self) -> Result<()> {
        let mut report = Report::new(Dialect::RUST, nearest);
        Record::check(self, &mut report);
        conflicts::check(&mut report, self);
        report.finish(())
    }

    /// Warnings about values that are allowed, but most likely not what was meant: each names the option.
    #[doc(hidden)]
    pub fn doubts(&self, dialect: Dialect) -> Vec<String> {
        let mut report = Report::new(dialect, nearest);
        Record::check(self, &mut report);
        report.into_doubts()
    }
}

/// Reads the argument of `set_heartbeat`: the options of a heartbeat, or null to turn it off.
///
/// # Errors
/// As [`Options::parse`].
pub fn read_heartbeat(value: &Value, dialect: Dialect) -> Result<Option<HeartbeatOptions>> {
    let mut report = Report::new(dialect, nearest);
    let heartbeat = report.within("heartbeat", |report| Maybe(nested::<HeartbeatOptions>()).read(report, value)).flatten();
    if let Some(heartbeat) = &heartbeat {
        conflicts::check_heartbeat(&mut report, heartbeat);
    }
    report.finish(heartbeat)
}

impl HeartbeatOptions {
    /// As [`Options::check`].
    ///
    /// # Errors
    /// As [`Options::parse`].
    pub fn check(&self) -> Result<()> {
        let mut report = Report::new(Dialect::RUST, nearest);
        report.within("heartbeat", |report| Record::check(self, report));
        conflicts::check_heartbeat(&mut report, self);
        report.finish(())
    }
}
