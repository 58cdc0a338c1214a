//! Instructions per message, ours beside the crates that others use: `cargo bench -p heartwire-protocol-bench` prints the table and fails if
//! heartwire is over its budget. Each figure is the difference of two runs under callgrind, one with three times as many messages, so one-time
//! costs are not in it. A machine's load does not change it; the compiler's version does, a little. Receiving includes the copy that a
//! socket's read is, which valgrind counts as one instruction a byte for what is large, and for 64 KiB one more copy at most.

mod clients;
mod wire;

use std::process::{Command, ExitCode};

use crate::clients::CLIENTS;
use crate::wire::{Pace, Wire};

/// One measured case.
struct Case {
    name: &'static str,
    /// Receiving, at this pace; else sending.
    pace: Option<Pace>,
    size: usize,
    /// The most instructions that heartwire may take for a message.
    budget: u64,
}

const CASES: [Case; 8] = [
    Case { name: "receive 32 B", pace: Some(Pace::Flood), size: 32, budget: 350 },
    Case { name: "receive 512 B", pace: Some(Pace::Flood), size: 512, budget: 1000 },
    Case { name: "receive 64 KiB", pace: Some(Pace::Flood), size: 64 << 10, budget: 140_000 },
    Case { name: "one by one 32 B", pace: Some(Pace::OneByOne), size: 32, budget: 525 },
    Case { name: "one by one 512 B", pace: Some(Pace::OneByOne), size: 512, budget: 1500 },
    Case { name: "send 32 B", pace: None, size: 32, budget: 350 },
    Case { name: "send 512 B", pace: None, size: 512, budget: 1000 },
    Case { name: "send 64 KiB", pace: None, size: 64 << 10, budget: 40_000 },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [client, case, count] = &arguments[..] {
        return measured(client, case, count).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    print!("{:<18}", "instructions");
    for client in &CLIENTS {
        print!("{:>18}", client.name);
    }
    println!("{:>18}", "our budget");
    let mut kept = true;
    let mut ours = Vec::new();
    for case in &CASES {
        print!("{:<18}", case.name);
        for (index, client) in CLIENTS.iter().enumerate() {
            let Some(figure) = instructions(client.name, case) else { return ExitCode::FAILURE };
            if index == 0 {
                kept &= figure <= case.budget;
                ours.push((case.pace, case.size, figure));
            }
            print!("{figure:>18}");
        }
        println!("{:>18}", case.budget);
    }
    for (_, size, alone) in ours.iter().filter(|(pace, ..)| *pace == Some(Pace::OneByOne)) {
        let (.., together) = ours.iter().find(|(pace, other, _)| *pace == Some(Pace::Flood) && other == size).copied().unwrap_or_default();
        println!("one by one, {size} B: {:.2} times a flood's (budget 1.5)", *alone as f64 / together as f64);
        kept &= 2 * alone <= 3 * together;
    }
    println!("{}", if kept { "all budgets are kept" } else { "OVER BUDGET" });
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The run that is measured.
fn measured(client: &str, case: &str, count: &str) -> Option<()> {
    let client = CLIENTS.iter().find(|known| known.name == client)?;
    let case = CASES.iter().find(|known| known.name == case)?;
    let count = count.parse().ok()?;
    let least = case.size * count;
    let bytes = match case.pace {
        Some(pace) => (client.receive)(Wire::new(case.size, pace), count),
        None => (client.send)(case.size, count),
    };
    assert!(if case.pace.is_some() { bytes == least } else { bytes > least }, "{bytes} bytes are not {count} messages");
    Some(())
}

/// For one message.
fn instructions(client: &str, case: &Case) -> Option<u64> {
    let count = if case.size > 4096 { 40 } else { 2000 };
    let (few, many) = (callgrind(client, case, count)?, callgrind(client, case, 3 * count)?);
    Some((many - few) / (2 * count as u64))
}

/// For a run with so many messages.
fn callgrind(client: &str, case: &Case, count: usize) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    let output = command.args([client, case.name, &count.to_string()]).output();
    let Ok(output) = output else {
        eprintln!("missing: valgrind (apt-get install valgrind)");
        return None;
    };
    let told = String::from_utf8_lossy(&output.stderr);
    let figure = told.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok());
    if !output.status.success() || figure.is_none() {
        eprintln!("{told}");
        return None;
    }
    figure
}
