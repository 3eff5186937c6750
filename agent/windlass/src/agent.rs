//! `windlass agent` and `windlass check --config`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio_util::sync::CancellationToken;
use windlass_host::config::{self, Settings};
use windlass_host::log::{self, Logging};
use windlass_host::systemd::{self, SystemdError};
use windlass_reconcile::StartCommand;

/// Where the node's configuration is unless told otherwise.
pub(crate) const CONFIG: &str = "/etc/windlass/config.toml";
/// What a wrong configuration exits with, as sysexits.h has it (EX_CONFIG).
const WRONG_CONFIG: u8 = 78;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The node's configuration
    #[arg(long, default_value = CONFIG, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn main(arguments: &Arguments) -> ExitCode {
    let logging = match log::init() {
        Ok(logging) => logging,
        Err(error) => return fail(&error),
    };
    let settings = match config::load(&arguments.config) {
        Ok(settings) => settings,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::from(WRONG_CONFIG);
        }
    };
    logging.set_level(settings.log.level);
    match run(settings, &arguments.config, &logging) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

/// Says what is wrong with a configuration before anything is started.
///
/// With a socket, the network process that listens there fetches the repository for trial.
pub(crate) fn check(file: &Path, fetch_by: Option<&Path>) -> ExitCode {
    match config::load(file) {
        Err(error) => refused_config(&error),
        Ok(settings) => match look(file, &settings, fetch_by) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refused_config(&chain(error.as_ref())),
        },
    }
}

/// What the settings name is there, the node fits to the others, and there is something to apply.
#[expect(clippy::print_stdout, reason = "a command for a person")]
fn look(file: &Path, settings: &Settings, fetch_by: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { windlass_reconcile::check(settings) })?;
    println!("✔ {} is fine", file.display());
    let root = &settings.root;
    println!(
        "  follows {} of {}, path {}",
        root.branch, root.url, root.path
    );
    runtime.block_on(windlass_reconcile::check_newcomer(settings))?;
    let Some(socket) = fetch_by else {
        return Ok(());
    };
    match runtime.block_on(windlass_reconcile::ask_cluster(settings))? {
        Ok(version) => println!("✔ the cluster answers: Kubernetes {version}"),
        Err(why) => {
            println!("! the cluster does not answer, and nothing is applied until it does: {why}")
        }
    }
    let found = windlass_reconcile::rehearse(settings, socket)?;
    println!(
        "✔ the repository has {}, signed by {}",
        found.revision, found.signer
    );
    Ok(())
}

/// Says to a person what is wrong with the configuration.
#[expect(clippy::print_stderr, reason = "a command for a person")]
pub(crate) fn refused_config(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(WRONG_CONFIG)
}

fn run(settings: Settings, config: &Path, logging: &Logging) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()?;
    let start_net = own_net(&settings)?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signal(stop.clone())?);
        let (sender, reloads) = mpsc::unbounded_channel();
        tokio::spawn(reload_on_signal(
            config.to_owned(),
            logging.clone(),
            sender,
        )?);
        windlass_reconcile::run(settings, start_net, reloads, stop).await?;
        Ok::<(), Box<dyn Error>>(())
    });
    // A blocking fetch must not hold up the stop.
    runtime.shutdown_background();
    result
}

/// Without systemd the agent starts the network process itself, from its own binary.
fn own_net(settings: &Settings) -> Result<Option<StartCommand>, Box<dyn Error>> {
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        return Ok(None);
    }
    let text = |path: &std::path::Path| path.display().to_string();
    let mut arguments = vec![
        "net".to_owned(),
        "--socket".to_owned(),
        text(&settings.net.socket),
        "--cache".to_owned(),
        text(&settings.net.cache_dir),
        "--with-parent".to_owned(),
    ];
    if settings.root.url.starts_with('/') {
        arguments.extend(["--read".to_owned(), settings.root.url.clone()]);
    }
    Ok(Some(StartCommand {
        program: std::env::current_exe()?,
        arguments,
    }))
}

fn stop_on_signal(stop: CancellationToken) -> Result<impl Future<Output = ()>, std::io::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    })
}

/// Reads the configuration again when told to. One that is refused changes nothing.
fn reload_on_signal(
    config: PathBuf,
    logging: Logging,
    reloads: UnboundedSender<Settings>,
) -> Result<impl Future<Output = ()>, std::io::Error> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            tell_systemd(systemd::reloading());
            match config::load(&config) {
                Ok(settings) => {
                    logging.set_level(settings.log.level);
                    if reloads.send(settings).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(
                        "{error}; what the configuration said before counts until this is corrected"
                    );
                    tell_systemd(systemd::ready());
                }
            }
        }
    })
}

fn tell_systemd(told: Result<(), SystemdError>) {
    if let Err(error) = told {
        tracing::debug!(%error, "systemd could not be told");
    }
}

fn fail(error: &dyn Error) -> ExitCode {
    tracing::error!("{}", chain(error));
    ExitCode::FAILURE
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
