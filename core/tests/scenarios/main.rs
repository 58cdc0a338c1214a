//! The scenarios of `tests/scenarios`, played through the Rust API under each of its drivers. That folder's README describes the format; this runner has no
//! expectations of its own. `SCENARIO=part cargo test -p heartwire --test scenarios` plays those whose name has the part.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod face;
mod play;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// How many scenarios are played at a time: most of their time is waiting.
const SIDE_BY_SIDE: usize = 8;

fn all() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let wanted = std::env::var("SCENARIO").unwrap_or_default();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let named = files.iter().map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path));
    named
        .filter(|(name, _)| name.contains(&wanted))
        .map(|(name, path)| (name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()))
        .collect()
}

fn play_all(driver: face::Driver) {
    let scenarios = all();
    assert!(!scenarios.is_empty(), "no scenario has that name");
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((name, scenario)) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(words) = play::play(scenario, driver) {
                        failures.lock().unwrap().push(format!("--- {name}: {}\n{words}\n", scenario["name"]));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(failures.is_empty(), "{} of {} scenarios failed:\n{}", failures.len(), scenarios.len(), failures.join("\n"));
    println!("{} scenarios passed", scenarios.len());
}

#[test]
fn under_the_background_driver() {
    play_all(face::Driver::Background);
}

#[test]
fn under_the_host_driver() {
    play_all(face::Driver::Host);
}

#[test]
fn on_the_task_that_takes_the_events() {
    play_all(face::Driver::Task);
}

#[test]
fn on_the_thread_that_takes_the_events() {
    play_all(face::Driver::Thread);
}
