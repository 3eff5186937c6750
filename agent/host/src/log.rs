//! Where log lines go and how they look; this is the only place that decides it.
//!
//! Under systemd each event becomes one journal entry whose span and event fields are fields of their own:
//! `journalctl WINDLASS_KIND=Kustomization WINDLASS_NAME=flux-system/apps`. Elsewhere it is one line on stderr.

mod fields;
mod journal;
mod line;

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use self::fields::Fields;
use self::journal::Journal;
use self::line::Style;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only what failed.
    Error,
    /// And what may become a failure.
    Warn,
    /// And one line per outcome: the default.
    Info,
    /// And how each outcome came about.
    Debug,
    /// And everything that libraries say.
    Trace,
}

/// The running log; its level can be changed at any time.
#[derive(Clone, Debug)]
pub struct Logging {
    level: Arc<AtomicU8>,
    destination: Destination,
}

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The journal, with fields.
    Journal,
    /// A person's terminal, with colours unless `NO_COLOR` is set.
    Terminal,
    /// A pipe or a file.
    Stream,
}

/// The log was started before in this process.
#[derive(Debug, thiserror::Error)]
#[error("the log was already started; call log::init once, in main")]
pub struct AlreadyStarted;

/// One event, ready to be written.
#[derive(Debug)]
struct Entry {
    level: tracing::Level,
    target: &'static str,
    fields: Fields,
}

struct Output {
    level: Arc<AtomicU8>,
    sink: Sink,
}

enum Sink {
    Journal(Journal),
    Stderr(Style),
}

/// Starts the log at level info; the configuration that may say otherwise is not read yet at that time.
///
/// # Errors
/// It was started before.
pub fn init() -> Result<Logging, AlreadyStarted> {
    let (sink, destination) = choose();
    let level = Arc::new(AtomicU8::new(Level::Info as u8));
    let output = Output {
        level: Arc::clone(&level),
        sink,
    };
    tracing_subscriber::registry()
        .with(output)
        .try_init()
        .map_err(|_| AlreadyStarted)?;
    Ok(Logging { level, destination })
}

fn choose() -> (Sink, Destination) {
    if stderr_is_the_journal()
        && let Ok(journal) = Journal::connect()
    {
        return (Sink::Journal(journal), Destination::Journal);
    }
    if !io::stderr().is_terminal() {
        return (Sink::Stderr(Style::Plain), Destination::Stream);
    }
    // no-color.org: any value but the empty one turns colours off.
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let style = if plain { Style::Plain } else { Style::Coloured };
    (Sink::Stderr(style), Destination::Terminal)
}

/// systemd.exec(5): `$JOURNAL_STREAM` holds device and inode of the stream to the journal; a program must
/// compare them with its stderr, which may have been redirected since.
fn stderr_is_the_journal() -> bool {
    let Some(expected) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    let stderr = io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map(std::fs::File::from);
    let metadata = stderr.and_then(|file| file.metadata());
    metadata.is_ok_and(|data| expected == format!("{}:{}", data.dev(), data.ino()).as_str())
}

// === impl Level ===

impl Level {
    /// Every level by name, quietest first.
    pub const NAMES: [&'static str; 5] = ["error", "warn", "info", "debug", "trace"];

    fn shows(self_level: u8, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with("windlass");
        // What libraries say below a warning is for whoever debugs the libraries.
        let quiet = !ours && self_level < Level::Trace as u8;
        let limit = if quiet {
            self_level.min(Level::Warn as u8)
        } else {
            self_level
        };
        severity(*metadata.level()) <= limit
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Level, String> {
        match text {
            "error" => Ok(Level::Error),
            "warn" => Ok(Level::Warn),
            "info" => Ok(Level::Info),
            "debug" => Ok(Level::Debug),
            "trace" => Ok(Level::Trace),
            _ => Err(format!(
                "{text:?} is no log level; allowed: {}",
                Level::NAMES.join(", ")
            )),
        }
    }
}

// === impl Logging ===

impl Logging {
    /// Sets the level from here on.
    pub fn set_level(&self, level: Level) {
        self.level.store(level as u8, Ordering::Relaxed);
    }

    /// Says where the lines go.
    #[must_use]
    pub fn destination(&self) -> Destination {
        self.destination
    }
}

// === impl Output ===

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Output {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        // The level may change later, so tracing must ask each time.
        tracing::subscriber::Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // Spans carry the fields of the events inside them, so they are always kept.
        metadata.is_span() || Level::shows(self.level.load(Ordering::Relaxed), metadata)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.extend(outer);
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        self.write(&Entry {
            level: *metadata.level(),
            target: metadata.target(),
            fields,
        });
    }
}

impl Output {
    fn write(&self, entry: &Entry) {
        match &self.sink {
            Sink::Journal(journal) => journal.send(entry),
            Sink::Stderr(style) => {
                let line = line::render(entry, jiff::Timestamp::now(), *style);
                // A log that cannot be written has nowhere to say so, and is no reason to stop working.
                drop(io::stderr().lock().write_all(line.as_bytes()));
            }
        }
    }
}

fn severity(level: tracing::Level) -> u8 {
    match level {
        tracing::Level::ERROR => Level::Error as u8,
        tracing::Level::WARN => Level::Warn as u8,
        tracing::Level::INFO => Level::Info as u8,
        tracing::Level::DEBUG => Level::Debug as u8,
        tracing::Level::TRACE => Level::Trace as u8,
    }
}

#[cfg(test)]
mod tests;
