//! Any life of a socket, as its session sees it: attempts, failures, frames, time, sends, closes and answers in any order, under any options and
//! under a simulated clock. A model of the world outside watches every action.

mod model;
mod story;

use super::script::Script;
use model::Model;

/// How many steps an input has at most.
const LONGEST: usize = 400;

/// One input: options, functions of the user, and the story.
///
/// # Panics
/// Where a rule is broken.
pub fn run(input: &[u8]) {
    play(input, |_| {});
}

/// As `run`, and returns the visible state of the session after each step: a second run must give the same.
///
/// # Panics
/// Where a rule is broken.
pub fn trace(input: &[u8]) -> Vec<String> {
    let mut trace = Vec::new();
    play(input, |model| trace.push(model.to_string()));
    trace
}

fn play(input: &[u8], mut see: impl FnMut(&Model)) {
    let mut script = Script::new(input);
    let (options, providers) = (story::options(&mut script), story::providers(&mut script));
    let mut model = Model::new(options, providers, script.seed());
    let start_at = script.up_to(7).saturating_sub(4) as usize;
    for number in 0..LONGEST {
        if number == start_at {
            model.start();
        }
        if script.is_over() {
            break;
        }
        model.take(story::step(&mut script));
        see(&model);
    }
    model.finish();
}
