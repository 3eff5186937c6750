//! The section that says what becomes of content that a repository names elsewhere.

use crate::config::inputs::SectionReader;

/// `[remote]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteSettings {
    /// What becomes of a remote resource that `windlass.lock` does not pin.
    pub unpinned: Unpinned,
}

/// What becomes of what nothing pins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unpinned {
    /// It is not used.
    #[default]
    Refuse,
    /// What is met first is used, and from then on nothing else.
    FirstSeen,
}

pub(super) fn judge(section: &mut SectionReader<'_>) -> RemoteSettings {
    RemoteSettings {
        unpinned: section.parsed("unpinned", Unpinned::default(), |text| match text {
            "refuse" => Ok(Unpinned::Refuse),
            "first-seen" => Ok(Unpinned::FirstSeen),
            _ => Err(format!(
                "must be \"refuse\" or \"first-seen\", not {text:?}"
            )),
        }),
    }
}
