//! A history behind an introduction, a key that is listed, and one that is not: what most tests of verdicts begin with.

use windlass_trust::{Introduction, Mode, ObjectKind, Oid, Policy};

use crate::kit::{History, Key, policy};

pub(crate) struct House {
    /// Listed.
    pub(crate) ada: Key,
    /// Not listed.
    pub(crate) eve: Key,
    pub(crate) history: History,
    /// The introduction, which nobody signed.
    pub(crate) base: Oid,
}

impl House {
    pub(crate) fn new() -> Self {
        let mut history = History::new();
        let base = history.unsigned(&[], "introduction");
        Self {
            ada: Key::new(1),
            eve: Key::new(2),
            history,
            base,
        }
    }

    pub(crate) fn policy(&self, mode: Mode) -> Policy {
        let introduction = Introduction::Commit(self.base);
        Policy {
            mode,
            ..policy(&self.ada.line("ada"), introduction)
        }
    }

    pub(crate) fn good(&mut self, parents: &[Oid], message: &str) -> Oid {
        self.history.signed(&self.ada, parents, message)
    }

    pub(crate) fn bad(&mut self, parents: &[Oid], message: &str) -> Oid {
        self.history.unsigned(parents, message)
    }

    pub(crate) fn foreign(&mut self, parents: &[Oid], message: &str) -> Oid {
        self.history.signed(&self.eve, parents, message)
    }

    pub(crate) fn tag(&mut self, key: Option<&Key>, name: &str, target: Oid) -> Oid {
        let payload = format!(
            "object {target}\ntype commit\ntag {name}\ntagger Ada <ada@example.com> 1700000000 +0000\n\n{name}\n"
        );
        let armour = key.map(|key| key.armour("git", payload.as_bytes()));
        let text = payload + &armour.unwrap_or_default();
        self.history.objects.put(ObjectKind::Tag, text.as_bytes())
    }

    /// A tag that the listed key signed.
    pub(crate) fn signed_tag(&mut self, name: &str, target: Oid) -> Oid {
        let key = Key::new(1);
        self.tag(Some(&key), name, target)
    }
}
