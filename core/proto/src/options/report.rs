//! The present place of a reader of options, and the faults found so far.
//! Knows no option and no kind.

use serde_json::Value;

pub(super) use super::dialect::{BYTES, FUNCTION, OTHER};
pub(super) use super::dialect::{Dialect, marked};
use super::types::Providers;
use crate::error::{Error, ErrorCode, Fault};

/// Words that name the nearest option: for a dialect, the path of the record, and an unknown key.
pub(super) type Suggest = fn(Dialect, &str, &str) -> String;

/// The faults found so far, and the present place in the options.
pub(super) struct Report {
    pub(super) dialect: Dialect,
    pub(super) providers: Providers,
    suggest: Suggest,
    path: String,
    /// Further allowed values here, beside those of the kind.
    also: String,
    faults: Vec<(ErrorCode, Fault)>,
    doubts: Vec<String>,
}

impl Report {
    pub(super) fn new(dialect: Dialect, suggest: Suggest) -> Self {
        Self {
            dialect,
            providers: Providers::default(),
            suggest,
            path: String::new(),
            also: String::new(),
            faults: Vec::new(),
            doubts: Vec::new(),
        }
    }

    /// Looks at a member, named in `snake_case`.
    pub(super) fn within<T>(&mut self, name: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        let name = self.dialect.spell(name);
        let dot = if self.path.is_empty() { "" } else { "." };
        self.step(&[dot, &name], look)
    }

    /// Looks at an element of a list.
    pub(super) fn at_index<T>(&mut self, index: usize, look: impl FnOnce(&mut Self) -> T) -> T {
        self.step(&["[", &index.to_string(), "]"], look)
    }

    /// Reads an entry of a map with the user's own names, which a message may show.
    pub(super) fn at_shown_key<T>(&mut self, key: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        self.step(&["[", key, "]"], look)
    }

    fn step<T>(&mut self, words: &[&str], look: impl FnOnce(&mut Self) -> T) -> T {
        let parent = self.path.len();
        let also = std::mem::take(&mut self.also);
        self.path.extend(words.iter().copied());
        let result = look(self);
        self.path.truncate(parent);
        self.also = also;
        result
    }

    /// Looks at the same place, which allows more values than the present kind knows. The words follow the kind's own.
    pub(super) fn allowing<T>(&mut self, words: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        let kept = self.also.len();
        self.also.insert_str(0, words);
        let result = look(self);
        self.also.drain(..self.also.len() - kept);
        result
    }

    /// The value here has the wrong type or is out of its limits.
    pub(super) fn refuse(&mut self, value: &Value, allowed: &str) {
        let value = self.dialect.value(value);
        self.add(ErrorCode::InvalidOption, Some(value), format!("must be {allowed}{}", self.also));
    }

    /// As [`Report::refuse`], for a value that no message may show.
    pub(super) fn refuse_secret(&mut self, allowed: &str) {
        self.add(ErrorCode::InvalidOption, None, format!("must be {allowed}{}", self.also));
    }

    /// The value here is not given and has no default.
    pub(super) fn missing(&mut self, allowed: &str) {
        self.add(ErrorCode::InvalidOption, None, format!("is required: {allowed}"));
    }

    /// Adds a fault with its own words.
    pub(super) fn add(&mut self, code: ErrorCode, value: Option<String>, rule: String) {
        self.faults.push((code, Fault { path: self.path.clone(), value, rule }));
    }

    /// The value here is allowed, but most likely not what was meant.
    pub(super) fn doubt(&mut self, words: &str) {
        self.doubts.push(format!("{} {words}", self.path));
    }

    /// The doubts so far.
    pub(super) fn into_doubts(self) -> Vec<String> {
        self.doubts
    }

    /// Reports an unknown option.
    pub(super) fn unknown(&mut self, key: &str) {
        let mut path = self.path.clone();
        if !path.is_empty() {
            path.push('.');
        }
        let suggestion = (self.suggest)(self.dialect, &self.path, key);
        path.extend(key.chars().take(60));
        self.faults.push((ErrorCode::InvalidOption, Fault { path, value: None, rule: format!("is not an option; {suggestion}") }));
    }

    /// Reports options that do not fit together, unless one of them has a fault of its own. The paths are in `snake_case`; the first one is to blame.
    pub(super) fn conflict(&mut self, paths: &[&str], rule: impl FnOnce(&[String]) -> String) {
        let paths: Vec<String> = paths.iter().map(|path| self.dialect.name(path)).collect();
        if !self.faults.iter().any(|(_, fault)| paths.contains(&fault.path)) {
            let rule = rule(&paths[1..]);
            self.faults.push((ErrorCode::InvalidOption, Fault { path: paths[0].clone(), value: None, rule }));
        }
    }

    /// The value, if there was no fault; else the error with all of them. Its code is that of the faults, if they have one in common.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Error> {
        let Some((first, _)) = self.faults.first() else {
            return Ok(value);
        };
        let code = if self.faults.iter().all(|(code, _)| code == first) { *first } else { ErrorCode::InvalidOption };
        let faults: Vec<Fault> = self.faults.into_iter().map(|(_, fault)| fault).collect();
        let message = match faults.as_slice() {
            [fault] => fault.to_string(),
            many => many.iter().fold(format!("{} faults in the options:", many.len()), |text, fault| format!("{text}\n  {fault}")),
        };
        Err(Error::new(code, message).with(|detail| detail.faults = faults))
    }
}
