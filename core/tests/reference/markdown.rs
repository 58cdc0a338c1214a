//! Makes `docs/options.md` and `docs/errors.md`.

use std::fmt::Write as _;

use heartwire::{ErrorCode, Phase};
use heartwire_proto::error::Again;
use heartwire_proto::options::Dialect::{JavaScript, Python};
use heartwire_proto::options::{Dialect, OptionSpec, records, table};

use super::HOW;

pub(crate) fn options() -> String {
    let mut page = format!("<!-- Made from core/proto/src/options/mod.rs by `{HOW}`; do not edit. -->\n# Options\n\n");
    page.push_str(
        "Every option, as Python and as JavaScript spell it. Times are seconds in Python and milliseconds in JavaScript. In Rust the names are Python's, \
         the times are `Duration`s, and what may be nothing is an `Option`.\n\n\
         Options are checked when the socket is made, all at once: the error (`invalid_option`) has a line for each fault, with the option's path, the value \
         given and what is allowed. An option that does not exist is a fault, too. `Provided` is a value, or a function that returns it each time it is \
         needed, at once or later (`async`).\n",
    );
    for (record, about) in records() {
        match record {
            "Options" => page.push_str("\n## The socket\n"),
            record => {
                let parent = table().iter().find(|option| option.nested() == Some(record)).unwrap();
                let _ = write!(page, "\n## In {}\n\n{}\n", both(parent, OptionSpec::path), about.trim());
            }
        }
        for option in table().iter().filter(|option| option.record() == record) {
            page.push_str(&section(option));
        }
    }
    page
}

fn section(option: &OptionSpec) -> String {
    let mut text = format!("\n### {}\n\n{}\n\n", both(option, OptionSpec::path), option.doc());
    if let [only] = option.dialects() {
        let _ = writeln!(text, "Only in {only:?}.\n");
    }
    let same_default = option.default_value(Python) == option.default_value(JavaScript);
    if let [dialect, ..] = option.dialects()
        && (same_default || option.dialects().len() == 1)
    {
        text.push_str(&default(option, *dialect, "Default"));
    } else {
        text.push_str(&default(option, Python, "Default in Python"));
        text.push_str(&default(option, JavaScript, "Default in JavaScript"));
    }
    for dialect in option.dialects() {
        let unit = option.unit(*dialect).map_or_else(String::new, |unit| format!(", in {unit}"));
        let _ = writeln!(text, "- {dialect:?}: `{}`{unit}: {}", option.type_name(*dialect), option.allowed(*dialect));
    }
    if let Some(nested) = option.nested() {
        let _ = writeln!(text, "- What `{nested}` holds: [below](#in-{}).", anchor(&both(option, OptionSpec::path)));
    }
    text
}

fn default(option: &OptionSpec, dialect: Dialect, label: &str) -> String {
    match option.default_value(dialect) {
        Some(default) => format!("- {label}: `{default}`\n"),
        None if option.is_required() => "- Required\n".to_owned(),
        None => String::new(),
    }
}

/// A name in both spellings, or in the one there is.
fn both(option: &OptionSpec, name: fn(&OptionSpec, Dialect) -> String) -> String {
    let mut names: Vec<String> = option.dialects().iter().map(|dialect| format!("`{}`", name(option, *dialect))).collect();
    names.dedup();
    names.join(" · ")
}

/// The anchor that a renderer makes of a heading.
fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || "_- ".contains(*letter))
        .collect::<String>()
        .to_lowercase()
        .replace(' ', "-")
}

pub(crate) fn errors() -> String {
    let mut page = format!("<!-- Made from core/proto/src/error.rs by `{HOW}`; do not edit. -->\n# Errors\n\n");
    page.push_str(
        "Every error has a stable `code`, the same in all languages, and the `phase` of the connection's life in which it happened. \"Again\" \
         says whether another attempt may help (`retryable`): if it may, a socket with `reconnect` makes one. For `http_refused` the status \
         decides: 5xx, 408, 425 and 429 are tried again. 401, 403 and 407 are tried again within the budget `reconnect.max_auth_failures`. This \
         budget also holds for `proxy_auth_required`, and for the close codes in `reconnect.fatal_close_codes`. Every other close code of \
         `closed_by_peer` is tried again. A proxy that answers 400, 402, 403 or 405, or whose rules forbid the host, is not tried again. \
         `reconnect.should_reconnect` overrules all of this.\n",
    );
    let mut phases: Vec<Phase> = ErrorCode::ALL.iter().map(|code| code.phase()).collect();
    let mut seen = Vec::new();
    phases.retain(|phase| {
        !seen.contains(phase) && {
            seen.push(*phase);
            true
        }
    });
    for phase in phases {
        let _ = write!(page, "\n## {}\n\n| code | again | meaning |\n|---|---|---|\n", phase.as_str());
        for code in ErrorCode::ALL.iter().filter(|code| code.phase() == phase) {
            let again = match code.again() {
                Again::Yes => "yes",
                Again::ByStatus => "by status",
                Again::ByCloseCode => "by close code",
                _ => "no",
            };
            let _ = writeln!(page, "| `{}` | {again} | {} |", code.as_str(), code.meaning());
        }
    }
    page
}
