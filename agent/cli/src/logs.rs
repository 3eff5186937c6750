//! `logs`: the logs stay in the journal of each node; the command says how to read them there.

use windlass_api::duration::GoDuration;

use crate::arguments::LogsArguments;

/// The text: which node leads, and the command to run on a node.
pub(crate) fn render(leader: Option<&str>, arguments: &LogsArguments) -> String {
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
    let place = match leader {
        Some(node) => format!("The leading node is {node}; only it writes to the cluster."),
        None => "No node leads at the moment; see `windlass status`.".to_owned(),
    };
    format!(
        "windlass is a service of the node and logs to the journal there. {place}\nOn a node, run:\n\n  \
         {command}\n\nWhat happened to objects is also in the cluster: windlass events -A\n"
    )
}

/// What journalctl takes as a length of time.
fn seconds(length: GoDuration) -> String {
    format!("{}s", length.0.as_secs().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_the_node_carries_the_options() {
        let arguments = LogsArguments {
            follow: true,
            tail: Some(20),
            since: Some("1h".parse().unwrap()),
        };
        insta::assert_snapshot!(render(Some("node-1"), &arguments), @r"
        windlass is a service of the node and logs to the journal there. The leading node is node-1; only it writes to the cluster.
        On a node, run:

          journalctl --unit windlass --unit windlass-net --since=-3600s --lines=20 --follow

        What happened to objects is also in the cluster: windlass events -A
        ");
    }
}
