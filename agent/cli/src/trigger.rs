//! `trigger receiver`: sends a webhook to a Receiver, as from a forge's CI. No cluster is asked.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use windlass_api::duration::GoDuration;
use windlass_notify::{SIGNATURE, signature, webhook_path};

use crate::elsewhere::programs::post;
use crate::error::CommandError;
use crate::screen::Screen;

/// Answers after which it is tried again (`flux trigger receiver`): 404, because a path is not known before its Receiver was looked at.
const PASSING: [u16; 7] = [404, 408, 429, 500, 502, 503, 504];

/// Arguments of `trigger`.
#[derive(Debug, Clone, Args)]
pub struct TriggerArguments {
    #[command(subcommand)]
    what: TriggerWhat,
}

#[derive(Debug, Clone, Subcommand)]
enum TriggerWhat {
    /// Send a webhook to a Receiver
    Receiver(TriggerReceiver),
}

#[derive(Debug, Clone, Args)]
struct TriggerReceiver {
    /// Its name
    name: String,
    /// Where webhooks come in, such as https://hooks.example.org
    #[arg(long)]
    url: String,
    /// The token of its Secret
    #[arg(long, env = "WINDLASS_RECEIVER_TOKEN", hide_env_values = true)]
    token: String,
    /// Its type
    #[arg(long = "type", value_enum, default_value = "generic")]
    type_: TriggerType,
    /// The JSON that is sent
    #[arg(long, default_value = "{}")]
    payload: String,
    /// How often it is tried again
    #[arg(long, default_value_t = 10)]
    retries: u32,
    /// How long it waits before
    #[arg(long, default_value = "10s")]
    retry_delay: GoDuration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TriggerType {
    Generic,
    GenericHmac,
}

/// Why a webhook was not taken.
struct Untaken {
    message: String,
    may_pass: bool,
}

/// Runs the command.
pub(crate) async fn run(
    screen: &mut Screen<'_>,
    namespace: &str,
    arguments: &TriggerArguments,
) -> Result<(), CommandError> {
    let TriggerWhat::Receiver(wanted) = &arguments.what;
    let named = format!("Receiver {namespace}/{}", wanted.name);
    screen.action(&format!("triggering {named}"))?;
    let mut tried = 0;
    while let Err(untaken) = send(namespace, wanted) {
        if !untaken.may_pass || tried >= wanted.retries {
            return Err(CommandError::Usage(untaken.message));
        }
        tried += 1;
        let (message, delay) = (&untaken.message, wanted.retry_delay);
        let count = format!("{tried}/{}", wanted.retries);
        screen.waiting(&format!("{message}; retrying in {delay} ({count})"))?;
        tokio::time::sleep(Duration::from(delay)).await;
    }
    Ok(screen.success(&format!("{named} triggered"))?)
}

fn send(namespace: &str, wanted: &TriggerReceiver) -> Result<(), Untaken> {
    let base = wanted.url.trim_end_matches('/');
    let path = webhook_path(&wanted.token, namespace, &wanted.name);
    let signature = signature(wanted.token.as_bytes(), wanted.payload.as_bytes());
    let mut headers = vec![("Content-Type", "application/json")];
    if wanted.type_ == TriggerType::GenericHmac {
        headers.push((SIGNATURE, &signature));
    }
    let posted = post(&format!("{base}{path}"), &headers, &wanted.payload);
    let (status, text) = posted.map_err(|error| Untaken {
        message: error.to_string(),
        may_pass: true,
    })?;
    if (200..300).contains(&status) {
        return Ok(());
    }
    // The path is left out: it is all that proves who asks.
    let said = match text.trim() {
        "" => String::new(),
        said => format!(": {said}"),
    };
    Err(Untaken {
        message: format!("the request to {base} failed with status {status}{said}"),
        may_pass: PASSING.contains(&status),
    })
}
