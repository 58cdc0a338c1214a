//! The table of all options, made from the definition. The reference, the type stubs and the suggestions come from it.

use std::sync::LazyLock;

use super::Options;
use super::kind::OptionSpec;
use super::record::Record;

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
