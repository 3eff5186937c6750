//! Job: measures the program against its figures (`make bench`), each limit or rival in the same run.
//! Takes → gives: the release build of windlass → a table on the terminal, `target/bench.json`, the exit code.
//! May touch: what windlass-kit starts; /proc; strace; `target/bench.json`.
//! Never: a figure from an earlier run; linked into the product.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a command for a person; what cannot be measured ends its scene with a sentence"
)]

mod house;
mod policed;
mod range;
mod report;
mod rival;
mod rows;
mod sample;

use std::process::ExitCode;
use std::time::Instant;

use self::report::Row;
use self::rows::{SCENES, Scene, chart_index};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, arguments @ ..] = arguments.as_slice()
        && command == range::COMMAND
    {
        range::child(arguments);
        return ExitCode::SUCCESS;
    }
    if let [command, path] = arguments.as_slice()
        && command == chart_index::COMMAND
    {
        chart_index::read_one(path);
        return ExitCode::SUCCESS;
    }
    let only = std::env::var("ONLY").unwrap_or_default();
    let wanted: Vec<&Scene> = SCENES.iter().filter(|scene| scene.gives(&only)).collect();
    if wanted.is_empty() {
        println!("there is no row {only:?}; the rows are:");
        SCENES
            .iter()
            .for_each(|scene| println!("  {}", scene.rows.join(" ")));
        return ExitCode::FAILURE;
    }
    println!("{}", load());
    let mut rows = Vec::new();
    let mut broken = Vec::new();
    for scene in wanted {
        match measure(scene) {
            Some(measured) => rows.extend(measured),
            None => broken.push(scene.rows.join(", ")),
        }
    }
    println!("\n{}", report::table(&rows));
    broken
        .iter()
        .for_each(|names| println!("not measured, see above: {names}"));
    report::write_json(&rows);
    if broken.is_empty() && rows.iter().all(Row::ok) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// How busy the machine is: figures in seconds mean little when others compute on it.
fn load() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let last_minute = averages.split(' ').next().unwrap_or_default();
    format!("load of the last minute: {last_minute} on {cores} cores")
}

/// Runs a scene on a thread of its own, so that one that panics does not take the others with it.
fn measure(scene: &Scene) -> Option<Vec<Row>> {
    println!("== {}", scene.what);
    let start = Instant::now();
    let measured = std::thread::spawn(scene.run).join().ok()?;
    for row in &measured {
        println!("   {}", row.line());
    }
    println!("   ({:.0} s; {})", start.elapsed().as_secs_f64(), load());
    Some(measured)
}
