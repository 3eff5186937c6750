//! What the `windlass trust` commands of a node need to know of the node's configuration.

use std::path::Path;

use windlass_cli::{Mode, NodeTrust, TrustArguments};
use windlass_host::config::{self, ConfigError, TrustMode};

/// Gives the command what the node's configuration says, if it asks for it and there is one.
pub(crate) fn on_node(arguments: TrustArguments) -> Result<TrustArguments, ConfigError> {
    match arguments.node_config().map(Path::to_owned) {
        Some(config) if config.exists() => match node(&config) {
            Err(_) if arguments.asks_agent() => Ok(arguments),
            node => Ok(arguments.on(node?)),
        },
        _ => Ok(arguments),
    }
}

fn node(config: &Path) -> Result<NodeTrust, ConfigError> {
    let settings = config::load(config)?;
    let root = settings.root;
    Ok(NodeTrust {
        source: format!("{}/{}", root.namespace, root.name),
        key_files: root.key_files(),
        sources: settings.trust.sources,
        url: root.url,
        branch: root.branch,
        introduction: root.introduction,
        mode: match root.mode {
            TrustMode::Path => Mode::Path,
            TrustMode::FirstParent => Mode::FirstParent,
            TrustMode::All => Mode::All,
        },
        state: settings.state.dir,
        socket: settings.control.socket,
    })
}
