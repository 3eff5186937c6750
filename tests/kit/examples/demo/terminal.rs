//! What the demo prints: headings, commands with their output, checks.
#![expect(clippy::print_stdout, reason = "a command for a person")]

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use windlass_kit::agent;

/// Prints to a person, with colour where there is a terminal.
pub(crate) struct Terminal {
    colour: bool,
    start: Instant,
    steps: usize,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self {
            colour: std::io::stdout().is_terminal(),
            start: Instant::now(),
            steps: 0,
        }
    }

    /// How long the demo has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Begins a step.
    pub(crate) fn step(&mut self, title: &str) {
        self.steps += 1;
        let line = "─".repeat(74_usize.saturating_sub(title.chars().count()));
        println!(
            "\n{}",
            self.paint("1;36", &format!("── {}. {title} {line}", self.steps))
        );
    }

    /// Says something.
    pub(crate) fn say(&self, words: &str) {
        println!("{words}");
    }

    /// Shows a command that the demo does in another way (git by the kit, kubectl by its client).
    pub(crate) fn does(&self, command: &str) {
        println!("{}", self.paint("1", &format!("$ {command}")));
    }

    /// Runs a `windlass` command before everybody's eyes; gives its output, and whether it succeeded.
    pub(crate) fn windlass(&self, kubeconfig: &Path, arguments: &[&str]) -> (bool, String) {
        self.does(&format!("windlass {}", arguments.join(" ")));
        let output = agent::windlass(kubeconfig, arguments);
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        for line in text.lines() {
            println!("  {line}");
        }
        (output.status.success(), text)
    }

    /// Replaces the line of progress.
    pub(crate) fn progress(&self, words: &str) {
        if self.colour {
            print!("\r\x1b[K  {words}");
            let _ = std::io::stdout().flush();
        }
    }

    /// Ends the line of progress.
    pub(crate) fn end_progress(&self) {
        if self.colour {
            print!("\r\x1b[K");
        }
    }

    /// A check that held, and how long it took.
    pub(crate) fn holds(&self, words: &str, took: Duration) {
        let took = match took.as_millis() {
            short @ 0..1000 => format!("{short} ms"),
            long => format!("{}.{} s", long / 1000, long % 1000 / 100),
        };
        println!(
            "{} {words} {}",
            self.paint("1;32", "✔"),
            self.paint("2", &format!("({took})"))
        );
    }

    fn paint(&self, code: &str, words: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{words}\x1b[0m")
        } else {
            words.to_owned()
        }
    }
}
