//! Lines of `NAME=value`; `\n` in a value is a line break.

use zeroize::Zeroizing;

use crate::plain::Plain;
use crate::tree::{Branch, Comment, Entry, Node};

pub(super) fn read(bytes: &[u8]) -> Result<Branch, String> {
    let mut branch = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix(b"#") {
            branch.push(Entry::Comment(Comment::new(comment)));
            continue;
        }
        let text = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once('='));
        let (name, value) = text.ok_or_else(|| format!("line {} is not NAME=value", index + 1))?;
        branch.push(Entry::Pair(
            name.to_owned(),
            Node::text(value.replace("\\n", "\n")),
        ));
    }
    Ok(branch)
}

pub(super) fn write(branch: &Branch) -> Result<Plain, String> {
    let mut written = Zeroizing::new(Vec::new());
    for entry in branch {
        match entry {
            Entry::Comment(comment) => {
                written.push(b'#');
                written.extend_from_slice(&comment.text);
            }
            Entry::Pair(name, value) => {
                let value = super::plainly(value).map_err(|reason| format!("{name}: {reason}"))?;
                written.extend_from_slice(name.as_bytes());
                written.push(b'=');
                for byte in value.iter() {
                    match byte {
                        b'\n' => written.extend_from_slice(b"\\n"),
                        byte => written.push(*byte),
                    }
                }
            }
        }
        written.push(b'\n');
    }
    Ok(Plain::new(written.to_vec()))
}
