//! What the node keeps beside what it told when it ran last: a state that is behind its own word was put in place by somebody.

use windlass_api::reasons;
use windlass_state::{Line, RatchetError, RatchetFile};

use super::Keep;

/// What this node told of one of its lines when it ran last.
#[derive(Clone, Debug)]
pub(crate) struct OwnWord {
    pub(crate) line: Line,
    pub(crate) counter: u64,
    pub(crate) introduction: String,
}

impl Keep {
    /// Begins the ratchets anew where one of them was behind what this node itself once said when it was opened, or where that of
    /// `root` is not there though it was told of: somebody put an older state in place, or took it away. Says whether it is so.
    pub(crate) fn distrust_if_behind(
        &self,
        said: &[OwnWord],
        root: &Line,
    ) -> Result<bool, RatchetError> {
        let mut ratchets = self.ratchets();
        let is_ahead = |said: &&OwnWord| match self.opened.get(&said.line) {
            Some(opened) => {
                opened.introduction.to_string() == said.introduction
                    && opened.counter < said.counter
            }
            None => said.line == *root && !ratchets.was_lost(),
        };
        let Some(word) = said.iter().find(is_ahead) else {
            return Ok(false);
        };
        let stood = self
            .opened
            .get(&word.line)
            .map_or(0, |opened| opened.counter);
        let message = format!(
            "the ratchet of {} stood at step {stood}, and this node once told the cluster that it was at step {}: somebody put an older \
             state in {}, or removed it; nothing of it is used before it is made out where it stood",
            word.line,
            word.counter,
            self.store.directory().display()
        );
        *ratchets = RatchetFile::begin_anew(self.store.directory(), &message)?;
        self.begin_epoch();
        drop(ratchets);
        self.remark(root, reasons::ROLLBACK_SUSPECTED, message);
        Ok(true)
    }
}
