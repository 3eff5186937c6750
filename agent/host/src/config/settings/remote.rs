//! The section that says what becomes of content that a repository names elsewhere.

use crate::config::inputs::SectionReader;

/// `[remote]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteSettings {
    /// What becomes of a remote resource that `windlass.lock` does not pin.
    pub unpinned: Unpinned,
    /// What becomes of a tag of an OCIRepository, the objects of a Bucket, or a version of a chart, that neither it nor
    /// `windlass.lock` pins.
    pub unpinned_artifacts: Unpinned,
}

/// What becomes of what nothing pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpinned {
    /// It is not used.
    Refuse,
    /// What is met first is used, and from then on nothing else.
    FirstSeen,
}

impl Default for RemoteSettings {
    fn default() -> Self {
        RemoteSettings {
            unpinned: Unpinned::Refuse,
            unpinned_artifacts: Unpinned::FirstSeen,
        }
    }
}

pub(super) fn judge(section: &mut SectionReader<'_>) -> RemoteSettings {
    let default = RemoteSettings::default();
    RemoteSettings {
        unpinned: section.parsed("unpinned", default.unpinned, read),
        unpinned_artifacts: section.parsed("unpinned_artifacts", default.unpinned_artifacts, read),
    }
}

fn read(text: &str) -> Result<Unpinned, String> {
    match text {
        "refuse" => Ok(Unpinned::Refuse),
        "first-seen" => Ok(Unpinned::FirstSeen),
        _ => Err(format!(
            "must be \"refuse\" or \"first-seen\", not {text:?}"
        )),
    }
}
