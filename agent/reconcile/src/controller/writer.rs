//! Says to the tasks beside the loop under which leadership they may write.

use windlass_cluster::Leadership;

use super::Controller;
use super::standing::Established;

impl Controller {
    /// Says it, if it is another one than before; and whether this node may say what it accepted.
    pub(super) fn show_writer(&self) {
        let may_tell = self.standing.may_tell();
        self.context
            .may_tell
            .send_if_modified(|before| std::mem::replace(before, may_tell) != may_tell);
        let established = self.standing.established == Established::Done;
        let leadership = self.standing.leadership.clone();
        let writer = leadership.filter(|_| established && self.may_write());
        let epoch = |writer: &Option<Leadership>| writer.as_ref().map(Leadership::epoch);
        self.context.writer.send_if_modified(|before| {
            let moved = epoch(before) != epoch(&writer);
            if moved {
                *before = writer;
            }
            moved
        });
    }
}
