//! `logs`: the logs stay in the journal of each node; the command says how to read them there.

use windlass_api::duration::GoDuration;

use crate::arguments::{LogLevel, LogsArguments};
use crate::error::CommandError;
use crate::lease;
use crate::screen::Screen;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &LogsArguments,
) -> Result<(), CommandError> {
    let lead = lease::lead(session).await?;
    let node = lead.as_ref().map(|lead| lead.node.as_str());
    let node = node.filter(|node| !node.is_empty());
    Ok(screen.print(&render(node, &session.namespace, arguments))?)
}

/// The text: which node leads, and the command to run on a node.
fn render(leader: Option<&str>, namespace: &str, arguments: &LogsArguments) -> String {
    let command = command(namespace, arguments);
    let place = match leader {
        Some(node) => format!("The leading node is {node}; only it writes to the cluster."),
        None => "No node leads at the moment; see `windlass status`.".to_owned(),
    };
    format!(
        "windlass is a service of the node and logs to the journal there. {place}\nOn a node, run:\n\n  \
         {command}\n\nWhat happened to objects is also in the cluster: windlass events -A\n"
    )
}

/// The command with what the options mean to journalctl.
fn command(namespace: &str, arguments: &LogsArguments) -> String {
    let mut command = "journalctl --unit windlass --unit windlass-net".to_owned();
    if let Some(since) = arguments.since {
        command.push_str(&format!(" --since=-{}", seconds(since)));
    }
    if let Some(tail) = arguments.tail {
        command.push_str(&format!(" --lines={tail}"));
    }
    if arguments.follow {
        command.push_str(" --follow");
    }
    match arguments.level {
        // A failed pass is a warning here and an error in Flux's logs.
        Some(LogLevel::Error) => command.push_str(" --priority=warning"),
        Some(LogLevel::Info) => command.push_str(" --priority=info"),
        Some(LogLevel::Debug) | None => {}
    }
    // Fields of each entry about an object.
    if let Some(kind) = &arguments.kind {
        command.push_str(&format!(" WINDLASS_KIND={}", quoted(kind)));
    }
    if let Some(name) = &arguments.name {
        let name = format!("{namespace}/{name}");
        command.push_str(&format!(" WINDLASS_NAME={}", quoted(&name)));
    }
    command
}

/// A word for the shell.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-./_".contains(character);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What journalctl takes as a length of time.
fn seconds(length: GoDuration) -> String {
    format!("{}s", length.0.as_secs().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> LogsArguments {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            arguments: LogsArguments,
        }
        let words = ["logs"].into_iter().chain(line.split_whitespace());
        <Line as clap::Parser>::try_parse_from(words)
            .unwrap()
            .arguments
    }

    #[test]
    fn the_command_for_the_node_carries_the_options() {
        insta::assert_snapshot!(render(Some("node-1"), "apps", &arguments("-f --tail 20 --since 1h")), @r"
        windlass is a service of the node and logs to the journal there. The leading node is node-1; only it writes to the cluster.
        On a node, run:

          journalctl --unit windlass --unit windlass-net --since=-3600s --lines=20 --follow

        What happened to objects is also in the cluster: windlass events -A
        ");
    }

    #[test]
    fn what_flux_scripts_ask_for_becomes_journal_matches() {
        let asked = |line: &str| command("apps", &arguments(line));
        let journal = "journalctl --unit windlass --unit windlass-net";
        assert_eq!(
            asked("--level=error -A --flux-namespace=flux-system"),
            format!("{journal} --priority=warning")
        );
        assert_eq!(
            asked("--kind=Kustomization --name=web"),
            format!("{journal} WINDLASS_KIND=Kustomization WINDLASS_NAME=apps/web")
        );
        assert_eq!(
            asked("--level=info --name=it's"),
            format!(r"{journal} --priority=info WINDLASS_NAME='apps/it'\''s'")
        );
    }
}
