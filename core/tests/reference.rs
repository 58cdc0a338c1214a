//! Checks that the reference in `docs/` and the types of the bindings match the definitions in the core.
//! `BLESS=1 cargo test -p heartwire --test reference` writes them.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "reference/markdown.rs"]
mod markdown;
#[path = "reference/python.rs"]
mod python;
#[path = "reference/typescript.rs"]
mod typescript;

use std::path::Path;

const HOW: &str = "BLESS=1 cargo test -p heartwire --test reference";

fn compare(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{path} is not what the core says; write it anew with `{HOW}`");
}

#[test]
fn options_in_the_docs() {
    compare("docs/options.md", &markdown::options());
}

#[test]
fn errors_in_the_docs() {
    compare("docs/errors.md", &markdown::errors());
}

#[test]
fn options_in_python() {
    compare("bindings-python/python/heartwire/_options.py", &python::options());
}

#[test]
fn options_and_codes_in_typescript() {
    compare("bindings-node/options.d.ts", &typescript::options());
    compare("bindings-node/codes.d.ts", &typescript::codes());
}
