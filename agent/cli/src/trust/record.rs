//! What a node accepted and refused and where it stands: from its files, or by the word of its agent.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;
use windlass_api::names;
use windlass_control::{Answer, Question};
use windlass_state::{HistoryEntry, Inspection, Line, RatchetFile, StoreError};
use windlass_trust::Ratchet;

use super::error::TrustError;
use super::node::{NodeTrust, known};
use crate::arguments::Globals;

/// How many of the newest verdicts are looked through.
const LOOKED_THROUGH: usize = 2000;

/// Where it is read from.
pub(super) enum Record<'a> {
    /// The agent, which answers whoever may ask it.
    Told(Box<windlass_control::Record>),
    /// The node's files, which only root and the agent's user may read.
    Files(&'a NodeTrust),
}

// === impl Record ===

impl<'a> Record<'a> {
    /// Takes the files, which are those of the configuration that was named, from whoever may read them; everybody else asks
    /// the agent, as does who names its socket.
    pub(super) async fn read(
        globals: &Globals,
        node: Option<&'a NodeTrust>,
    ) -> Result<Self, TrustError> {
        let named = globals.agent_socket.as_deref();
        let readable = node.filter(|node| Inspection::open(&node.state).is_ok());
        if let (None, Some(node)) = (named, readable) {
            return Ok(Record::Files(node));
        }
        let socket = named.or(node.map(|node| node.socket.as_path()));
        let socket = socket.unwrap_or(Path::new(names::CONTROL_SOCKET));
        match windlass_control::ask(socket, Question::Trust).await {
            Ok(Answer::Trust(told)) => Ok(Record::Told(told)),
            _ => known(node).map(Record::Files),
        }
    }

    /// The newest verdicts, newest first.
    pub(super) fn history(&self) -> Result<Vec<HistoryEntry>, TrustError> {
        match self {
            Record::Told(told) => told.history.iter().map(understood).collect(),
            Record::Files(node) => {
                let inspection = Inspection::open(&node.state).map_err(unreadable)?;
                inspection.history(LOOKED_THROUGH).map_err(unreadable)
            }
        }
    }

    /// Where each line stands.
    pub(super) fn ratchets(&self) -> Result<Vec<(Line, Ratchet)>, TrustError> {
        match self {
            Record::Told(told) => {
                let pairs = told.ratchets.iter();
                let pairs =
                    pairs.map(|(line, ratchet)| Ok((understood(line)?, understood(ratchet)?)));
                pairs.collect()
            }
            Record::Files(node) => {
                let ratchets = RatchetFile::open(&node.state);
                let ratchets = ratchets.map_err(|error| TrustError::Usage(error.to_string()))?;
                let copied = |(line, ratchet): (&Line, &Ratchet)| (line.clone(), ratchet.clone());
                Ok(ratchets.lines().map(copied).collect())
            }
        }
    }
}

fn understood<Kept: DeserializeOwned>(told: &Value) -> Result<Kept, TrustError> {
    Kept::deserialize(told).map_err(|error| TrustError::Wanted {
        what: format!("the agent's answer is not understood: {error}"),
        next: "use the windlass of the agent's version".to_owned(),
    })
}

pub(super) fn unreadable(error: StoreError) -> TrustError {
    TrustError::Wanted {
        what: error.to_string(),
        next:
            "only root and the agent's user may look, and no agent answers here: run it with sudo"
                .to_owned(),
    }
}
