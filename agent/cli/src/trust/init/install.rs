//! The line that installs windlass on a node, with everything in it that the node is to trust.

use windlass_trust::Oid;

use crate::trust::pins::Keys;
use crate::trust::words::quoted;

/// What stands in the line where no URL is known.
pub(super) const NO_URL: &str = "URL";

/// Where nodes find the cluster's files.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) url: String,
    pub(super) path: String,
    pub(super) branch: String,
}

/// The line: it brings the keys along, so that it is the same on every node and needs no other file.
pub(super) fn line(place: &Place, keys: &Keys, introduction: &Oid) -> String {
    let branch = match place.branch.as_str() {
        "main" => String::new(),
        other => format!(" --branch {}", quoted(other)),
    };
    let certificates = keys.certificates.iter().map(|(name, text)| {
        let file = quoted(name);
        let written = written(text, &file);
        format!("{written} && sudo install -D -m 0644 {file} /etc/windlass/trust.d/{file} && ")
    });
    format!(
        "{} && {}sudo ./install.sh --repo {} --path {}{branch} \
         --introduction {introduction} --signers allowed_signers",
        written(&keys.lines, "allowed_signers"),
        certificates.collect::<String>(),
        quoted(&place.url),
        quoted(&place.path),
    )
}

/// Writes a text into a file.
fn written(text: &str, file: &str) -> String {
    let lines: Vec<String> = text.lines().map(quoted).collect();
    if lines.is_empty() {
        return format!(": > {file}");
    }
    format!("printf '%s\\n' {} > {file}", lines.join(" "))
}

/// A URL as nodes take it: `host:path` is written out, and a password never goes along. A path from where the clone lies
/// leads nowhere on a node.
pub(super) fn url(remote: &str) -> Option<String> {
    if let Some((scheme, rest)) = remote.split_once("://") {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or(authority);
        return Some(match scheme {
            "ssh" => format!("ssh://{authority}/{path}"),
            _ => format!("{scheme}://{host}/{path}"),
        });
    }
    match remote.split_once(':') {
        Some((host, path)) if !host.contains('/') => {
            Some(format!("ssh://{host}/{}", path.trim_start_matches('/')))
        }
        _ => remote.starts_with('/').then(|| remote.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::signing_key::Public;

    #[test]
    fn a_remote_becomes_what_a_node_can_fetch_from() {
        let check =
            |remote: &str, expected: &str| assert_eq!(url(remote).as_deref(), Some(expected));
        check(
            "git@git.example.org:me/cluster.git",
            "ssh://git@git.example.org/me/cluster.git",
        );
        check(
            "ssh://git@git.example.org:2222/c",
            "ssh://git@git.example.org:2222/c",
        );
        check(
            "https://git.example.org/c.git",
            "https://git.example.org/c.git",
        );
        check(
            "https://me:secret@git.example.org/c",
            "https://git.example.org/c",
        );
        check("/srv/git/c.git", "/srv/git/c.git");
        for nowhere in ["./c:d", "../c.git", "c.git"] {
            assert_eq!(url(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn the_line_survives_the_shell() {
        let place = Place {
            url: "https://git.example.org/c".to_owned(),
            path: "./my cluster's".to_owned(),
            branch: "live".to_owned(),
        };
        let introduction = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        let mut keys = Keys::default();
        keys.add(
            "me@example.org",
            &Public::Ssh("ssh-ed25519 AAAA".to_owned()),
        );
        assert_eq!(
            line(&place, &keys, &introduction),
            "printf '%s\\n' 'me@example.org namespaces=\"git\" ssh-ed25519 AAAA' > allowed_signers && sudo ./install.sh \
             --repo https://git.example.org/c --path './my cluster'\\''s' --branch live \
             --introduction 0123456789abcdef0123456789abcdef01234567 --signers allowed_signers"
        );
    }
}
