//! What looking up a host name needs: a few files, and on some machines a socket.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// Files that the C library reads (resolv.conf(5), nsswitch.conf(5), hosts(5), gai.conf(5)).
pub(super) const FILES: [&str; 5] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
];

/// Where `/etc/resolv.conf` may lead, and is rewritten.
pub(super) const FOLDERS: [&str; 4] = [
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
];

/// Whether Unix sockets can be opened from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnixSockets {
    Forbidden,
    /// A source of host names answers on one.
    Allowed,
}

/// Looks at the machine's name service.
pub(super) fn sockets() -> UnixSockets {
    sockets_for(&fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default())
}

/// Sources that read files or send packets need no socket, and where systemd-resolved cannot be asked on its
/// own, the C library goes on to `dns`, which asks it too. Any other (mdns, sss, winbind) may be the only one
/// to know a host.
fn sockets_for(configuration: &str) -> UnixSockets {
    const WITHOUT: [&str; 6] = ["files", "dns", "myhostname", "mymachines", "resolve", "db"];
    let hosts = configuration
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("hosts:"));
    let needs_one = hosts
        .flat_map(|line| {
            line.split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace()
        })
        .filter(|word| word.starts_with(|first: char| first.is_ascii_alphabetic()))
        .any(|word| !WITHOUT.contains(&word) && !word.ends_with(']'));
    if needs_one {
        UnixSockets::Allowed
    } else {
        UnixSockets::Forbidden
    }
}

/// The files as they were when the process confined itself.
///
/// What replaces one of them is another file, which the walls do not let through: the process ends then, and
/// the next one starts with the new file.
#[derive(Debug)]
pub(crate) struct NameService {
    seen: Vec<Option<(u64, u64, i64, i64)>>,
}

impl NameService {
    pub(crate) fn now() -> Self {
        let stamp = |path: &&str| {
            let found = fs::metadata(path).ok()?;
            Some((found.dev(), found.ino(), found.mtime(), found.mtime_nsec()))
        };
        Self {
            seen: FILES.iter().map(stamp).collect(),
        }
    }

    pub(crate) fn has_changed(&self) -> bool {
        Self::now().seen != self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_that_answer_on_a_socket_need_one() {
        for (hosts, expected) in [
            ("", UnixSockets::Forbidden),
            ("passwd: sss\nhosts: files dns\n", UnixSockets::Forbidden),
            (
                "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns # sss",
                UnixSockets::Forbidden,
            ),
            (
                "hosts: files mdns4_minimal [NOTFOUND=return] dns",
                UnixSockets::Allowed,
            ),
            (
                "hosts:\tfiles [SUCCESS=merge UNAVAIL=continue] dns",
                UnixSockets::Forbidden,
            ),
            ("  hosts: sss", UnixSockets::Allowed),
        ] {
            assert_eq!(sockets_for(hosts), expected, "{hosts}");
        }
    }
}
