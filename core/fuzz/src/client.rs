//! Any life of a whole socket under a simulated clock: its transport is one end of a pair whose other end the story's servers hold. Attempts,
//! losses, messages (compressed or not), pings, heartbeats, functions of the user, pauses, sends and closes come in any order.

mod accounts;
mod peer;
mod story;
mod world;

use super::script::Script;
use world::World;

/// How many steps an input has at most.
const LONGEST: usize = 300;

/// One input: options, functions of the user, and the story.
///
/// # Panics
/// Where a rule is broken.
pub fn run(input: &[u8]) {
    play(input, World::look);
}

/// The visible state after each step.
///
/// # Panics
/// As `run`.
#[must_use]
pub fn trace(input: &[u8]) -> Vec<String> {
    let mut trace = Vec::new();
    play(input, |world| trace.push(world.trace()));
    trace
}

fn play(input: &[u8], mut see: impl FnMut(&World)) {
    let mut script = Script::new(input);
    let (options, providers) = (story::options(&mut script), story::providers(&mut script));
    let seed = script.seed();
    let mut world = World::new(options, providers, seed, script.flag());
    for _ in 0..LONGEST {
        if script.is_over() {
            break;
        }
        world.take(story::step(&mut script));
        see(&world);
    }
    world.finish();
}
