//! The rule of dependence (ARCHITECTURE.md) holds in the code of both crates of the core: which layer names which, who knows tokio and the
//! time. `tests/test_architecture.py` has the circles and the lengths of files.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

/// The crates of the core. What the first has, the second names as its own (`pub use`).
const CRATES: &[&str] = &["core/proto/src", "core/src"];

/// Each layer with those that it may name. A layer is a module of a crate's root, with all below it.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("close", &["error"]),
    ("os", &[]),
    ("process", &["os"]),
    ("message", &[]),
    ("warning", &[]),
    ("redact", &[]),
    ("frames", &["process"]),
    ("trace", &["error", "event", "frames"]),
    ("transport", &["os"]),
    ("utf16", &[]),
    ("pointer", &[]),
    ("stats", &["options"]),
    ("address", &["error"]),
    ("options", &["address", "error", "pointer"]),
    ("event", &["close", "error", "message"]),
    ("protocol", &["close", "error", "event", "message", "options", "stats"]),
    ("session", &["address", "close", "error", "event", "message", "options", "pointer"]),
    ("dial", &["address", "error", "options", "os", "process", "transport", "warning"]),
    (
        "client",
        &[
            "close",
            "dial",
            "error",
            "event",
            "frames",
            "message",
            "options",
            "os",
            "process",
            "protocol",
            "redact",
            "session",
            "stats",
            "transport",
        ],
    ),
    ("driver", &["address", "client", "close", "dial", "error", "event", "message", "options", "os", "process", "stats", "warning"]),
    ("reply", &["driver", "error", "event"]),
    ("delivery", &["close", "driver", "error", "event", "message", "reply", "trace"]),
    ("websocket", &["close", "delivery", "driver", "error", "event", "message", "options", "reply", "stats", "trace"]),
    ("connect", &["close", "delivery", "error", "event", "message", "options", "websocket"]),
    ("binding", &["close", "driver", "event", "frames", "options", "os", "utf16"]),
    // The fault server is a peer, not a part: it shares no code with the code under test.
    ("testing", &[]),
];

/// The modules of `heartwire` that a binding may name. The names in its root are public.
const FOR_BINDINGS: &[&str] = &["binding", "testing"];

/// The crate that decides and never acts: no runtime, no clock, no thread, no I/O. Callers pass the time.
const PURE: &str = "core/proto/src";
const IMPURE: &[&str] =
    &["tokio", "Instant::now", "SystemTime::now", "std::thread", "std::fs", "std::net::Tcp", "std::env::var", "rand::rng()"];

#[test]
fn layers_name_only_what_is_below_them() {
    let mut faults = Vec::new();
    for file in sources() {
        let allowed = MAY_NAME.iter().find(|(layer, _)| *layer == file.layer).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            assert!(file.layer == "lib", "{} is in no layer: add its layer to the table here and to ARCHITECTURE.md", file.path.display());
            continue;
        };
        let code = file.code();
        let mut named = named_after("crate::", &code);
        named.extend(named_after("heartwire_proto::", &code));
        named.extend(named_after(&"super::".repeat(file.depth), &code));
        let layers = named.into_iter().filter(|(_, name)| *name != file.layer && MAY_NAME.iter().any(|(layer, _)| layer == name));
        faults.extend(layers.filter(|(_, name)| !allowed.contains(name)).map(|(line, name)| file.fault(line, &format!("names `{name}`"))));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn bindings_name_only_the_face_of_the_core() {
    let mut faults = Vec::new();
    for binding in ["bindings-python", "bindings-node"] {
        for path in files_below(&root().join(binding).join("src")) {
            let file = Source::new(&path, &root());
            let code = file.code();
            let named = named_after("heartwire::", &code).into_iter();
            let deeper = named.filter(|(_, name)| name.starts_with(char::is_lowercase) && !FOR_BINDINGS.contains(name));
            faults.extend(deeper.map(|(line, name)| file.fault(line, &format!("names `heartwire::{name}`"))));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_crate_that_decides_does_not_act() {
    let mut faults = Vec::new();
    for file in sources_of(PURE) {
        for (number, line) in file.code().lines().enumerate() {
            let impure = IMPURE.iter().filter(|word| line.contains(**word));
            faults.extend(impure.map(|word| file.fault(number + 1, &format!("has `{word}`"))));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_say_what_they_own() {
    let mut faults = Vec::new();
    for path in CRATES.iter().flat_map(|folder| files_below(&root().join(folder))) {
        let file = Source::new(&path, &root());
        if !file.text.starts_with("//! ") {
            faults.push(file.fault(1, "does not start with a comment that says what it owns"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn names_are_found_in_every_form_of_use() {
    let found = |prefix, code| named_after(prefix, code).into_iter().map(|(line, name)| format!("{line} {name}")).collect::<Vec<_>>();
    assert_eq!(found("crate::", "use crate::{close::CloseCode, error::{Error, Result}, event};"), ["1 close", "1 error", "1 event"]);
    assert_eq!(found("crate::", "use crate::{\n    close,\n};\nlet x = crate::dial::dial($crate::a, my_crate::b);"), ["1 close", "4 dial"]);
    assert_eq!(found("super::super::", "use super::super::client;\nuse super::wire;"), ["1 client"]);
}

struct Source {
    path: PathBuf,
    text: String,
    /// The module of the crate's root that it belongs to.
    layer: String,
    /// How many `super::` lead from it to the crate's root.
    depth: usize,
}

impl Source {
    fn new(path: &Path, below: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(below).unwrap().to_owned();
        let mut modules: Vec<String> = path.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        modules.pop_if(|last| last == "mod");
        Self { text, layer: modules[0].clone(), depth: modules.len(), path }
    }

    /// The code, without comments. The part behind `#[cfg(test)]` may name anything.
    fn code(&self) -> String {
        let lines = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        lines.map(|line| if line.trim_start().starts_with("//") { "\n".to_owned() } else { format!("{line}\n") }).collect()
    }

    fn fault(&self, line: usize, words: &str) -> String {
        format!("{}:{line} {words}", self.path.display())
    }
}

/// The files of the core that are no tests.
fn sources() -> Vec<Source> {
    CRATES.iter().flat_map(|folder| sources_of(folder)).collect()
}

/// The files of a crate that are no tests.
fn sources_of(folder: &str) -> Vec<Source> {
    let folder = root().join(folder);
    let is_test = |path: &PathBuf| path.iter().any(|part| part == "tests" || part == "tests.rs");
    files_below(&folder).into_iter().filter(|path| !is_test(path)).map(|path| Source::new(&path, &folder)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The first names after each `prefix`, with the line of the prefix: one, or those of a group in braces.
fn named_after<'a>(prefix: &str, code: &'a str) -> Vec<(usize, &'a str)> {
    let mut named = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        // `super::super::` also ends in `super::`, and `$crate::` is some other crate's business.
        if code[..at].ends_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':' | '$')) {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            named.extend(first_name(rest).map(|name| (line, name)));
            continue;
        };
        let mut depth = 0_i32;
        for part in group.split_inclusive([',', '{', '}']) {
            if depth == 0 {
                named.extend(first_name(part.trim_start()).map(|name| (line, name)));
            }
            depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
            if depth < 0 {
                break;
            }
        }
    }
    named
}

fn first_name(text: &str) -> Option<&str> {
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    Some(&text[..end]).filter(|name| !name.is_empty())
}
