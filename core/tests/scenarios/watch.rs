//! Compares the seen events with those that a scenario expects. Knows nothing of sockets.

use heartwire::testing::matches;
use serde_json::Value;

/// How the seen events compare with the expected ones.
pub(crate) enum Standing {
    /// All came.
    Complete,
    /// So far as expected.
    Open,
    /// The event at this index is not what was expected.
    Different(usize),
}

/// Compares one to one, in order. `many` and `optional` make the expected list a small automaton, whose states are positions in it.
pub(crate) fn compare(expected: &[Value], seen: &[&Value]) -> Standing {
    let mut states = reach(expected, vec![0]);
    for (index, event) in seen.iter().enumerate() {
        let fits = |position: usize| expected.get(position).is_some_and(|pattern| matches(&stripped(pattern), event));
        let mut after = Vec::new();
        for &state in &states {
            if fits(state) {
                after.push(state + 1);
            }
            if state > 0 && is_set(&expected[state - 1], "many") && fits(state - 1) {
                after.push(state);
            }
        }
        if after.is_empty() {
            return Standing::Different(index);
        }
        states = reach(expected, after);
    }
    if states.contains(&expected.len()) { Standing::Complete } else { Standing::Open }
}

/// The states that can be reached without the optional events.
fn reach(expected: &[Value], mut states: Vec<usize>) -> Vec<usize> {
    let mut next = 0;
    while let Some(&state) = states.get(next) {
        if expected.get(state).is_some_and(|pattern| is_set(pattern, "optional")) && !states.contains(&(state + 1)) {
            states.push(state + 1);
        }
        next += 1;
    }
    states.sort_unstable();
    states.dedup();
    states
}

fn is_set(pattern: &Value, name: &str) -> bool {
    pattern[name] == true
}

fn stripped(pattern: &Value) -> Value {
    let mut pattern = pattern.clone();
    if let Some(members) = pattern.as_object_mut() {
        members.shift_remove("many");
        members.shift_remove("optional");
    }
    pattern
}

/// The first pattern without a match in the records, as a subsequence.
pub(crate) fn missing<'a>(wanted: &'a [Value], records: &[Value]) -> Option<&'a Value> {
    let mut records = records.iter();
    wanted.iter().find(|pattern| !records.any(|record| matches(pattern, record)))
}
