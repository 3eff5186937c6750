//! Sections of keys, as Go's ini.v1 reads and writes them for SOPS.

use zeroize::Zeroizing;

use crate::plain::Plain;
use crate::tree::{Branch, Comment, Entry, Node};

/// The section of keys before the first header.
const DEFAULT_SECTION: &str = "DEFAULT";

/// What stands between a key and its value.
const DELIMITERS: [char; 2] = ['=', ':'];

pub(super) fn read(bytes: &[u8]) -> Result<Branch, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())?;
    let mut reader = Reader {
        lines: text
            .trim_start_matches('\u{FEFF}')
            .split_inclusive('\n')
            .enumerate(),
        comment: String::new(),
        sections: vec![Section::new(DEFAULT_SECTION)],
    };
    reader.read()?;
    let sections = reader.sections.into_iter();
    Ok(sections
        .map(|section| Entry::Pair(section.name, Node::Map(section.entries)))
        .collect())
}

struct Section {
    name: String,
    entries: Branch,
}

struct Reader<'t> {
    lines: std::iter::Enumerate<std::str::SplitInclusive<'t, char>>,
    /// The comment that waits for its section or key.
    comment: String,
    sections: Vec<Section>,
}

// === impl Section ===

impl Section {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            entries: Vec::new(),
        }
    }

    /// Sets a key: one that is there already keeps its place.
    fn set(&mut self, name: &str, value: String) {
        let value = Node::text(value);
        let known = self.entries.iter_mut().find_map(|entry| match entry {
            Entry::Pair(key, node) if key == name => Some(node),
            _ => None,
        });
        match known {
            Some(node) => *node = value,
            None => self.entries.push(Entry::Pair(name.to_owned(), value)),
        }
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn read(&mut self) -> Result<(), String> {
        while let Some((index, line)) = self.lines.next() {
            let content = line.trim_start();
            match content.chars().next() {
                None => {}
                Some('#' | ';') => self.comment.push_str(content),
                Some('[') => self
                    .header(content)
                    .ok_or_else(|| at(index, "is no header"))?,
                Some(_) => self
                    .pair(content)
                    .ok_or_else(|| at(index, "is no `key = value`"))?,
            }
        }
        Ok(())
    }

    fn header(&mut self, line: &str) -> Option<()> {
        let (name, behind) = line.strip_prefix('[')?.rsplit_once(']')?;
        if let Some(start) = behind.find(['#', ';']) {
            self.comment.push_str(behind.get(start..)?);
        }
        // The keys before the first header and those of `[DEFAULT]` are one section.
        if name != DEFAULT_SECTION {
            self.sections.push(Section::new(name));
        }
        let comment = self.waiting_comment();
        self.sections.last_mut()?.entries.extend(comment);
        Some(())
    }

    fn pair(&mut self, line: &str) -> Option<()> {
        let (name, behind) = split_key(line)?;
        let value = self.value(behind)?;
        let comment = self.waiting_comment();
        let section = self.sections.last_mut()?;
        section.set(name, value);
        section.entries.extend(comment);
        Some(())
    }

    fn waiting_comment(&mut self) -> Option<Entry> {
        let comment = std::mem::take(&mut self.comment);
        let comment = comment.trim();
        let text = match comment.chars().next()? {
            mark @ (';' | '#') => comment.trim_start_matches([mark, ' ']),
            _ => comment,
        };
        Some(Entry::Comment(Comment::new(text)))
    }

    fn value(&mut self, behind: &str) -> Option<String> {
        let line = behind.trim_start();
        let quote = if line.len() > 3 && line.starts_with("\"\"\"") {
            "\"\"\""
        } else if line.starts_with('`') {
            "`"
        } else {
            return self.unquoted(line.trim());
        };
        let inner = line.strip_prefix(quote)?;
        if let Some((value, _)) = inner.rsplit_once(quote) {
            return Some(value.to_owned());
        }
        let mut value = inner.to_owned();
        loop {
            let (_, next) = self.lines.next()?;
            if let Some((last, comment)) = next.rsplit_once(quote) {
                value.push_str(last);
                if let Some(start) = comment.find(['#', ';']) {
                    self.comment.push_str(comment.get(start..)?.trim());
                }
                return Some(value);
            }
            value.push_str(next);
        }
    }

    fn unquoted(&mut self, line: &str) -> Option<String> {
        if let Some(start) = line.strip_suffix('\\') {
            return Some(self.continued(start));
        }
        let line = match line.find(['#', ';']) {
            Some(start) => {
                self.comment.push_str(line.get(start..)?);
                line.get(..start)?.trim()
            }
            None => line,
        };
        for quote in ['\'', '"'] {
            let inner = line
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote));
            if let Some(inner) = inner.filter(|inner| !inner.contains(quote)) {
                return Some(inner.to_owned());
            }
        }
        Some(line.to_owned())
    }

    /// A value that goes on in the next line, as often as that ends with a backslash.
    fn continued(&mut self, start: &str) -> String {
        let mut value = start.to_owned();
        for (_, next) in self.lines.by_ref() {
            let next = next.trim();
            match next.strip_suffix('\\') {
                Some(more) => value.push_str(more),
                None => {
                    value.push_str(next);
                    break;
                }
            }
        }
        value
    }
}

fn at(index: usize, what: &str) -> String {
    format!("line {} {what}", index + 1)
}

fn split_key(line: &str) -> Option<(&str, &str)> {
    for quote in ["\"\"\"", "\"", "`"] {
        if let Some(inner) = line.strip_prefix(quote) {
            let (name, behind) = inner.split_once(quote)?;
            let (_, value) = behind.split_once(DELIMITERS)?;
            return Some((name.trim(), value));
        }
    }
    let (name, value) = line.split_once(DELIMITERS)?;
    (!name.is_empty()).then_some((name.trim(), value))
}

pub(super) fn write(branches: &[Branch]) -> Result<Plain, String> {
    let mut written = Zeroizing::new(String::new());
    let sections: Vec<_> = branches.iter().flatten().filter_map(pair).collect();
    for (index, (name, value)) in sections.iter().enumerate() {
        let Node::Map(entries) = value else {
            return Err(format!("{name} is no section"));
        };
        let is_default = index == 0 && name.eq_ignore_ascii_case(DEFAULT_SECTION);
        if is_default && !entries.iter().any(|entry| pair(entry).is_some()) {
            continue;
        }
        if let Some(Entry::Comment(comment)) = entries.first() {
            write_comment(comment, &mut written)?;
        }
        if !is_default {
            written.push_str(&format!("[{name}]\n"));
        }
        write_keys(entries, &mut written)?;
        if index + 1 < sections.len() {
            written.push('\n');
        }
    }
    Ok(Plain::new(written.as_bytes().to_vec()))
}

fn write_keys(entries: &Branch, out: &mut String) -> Result<(), String> {
    let keys = entries
        .iter()
        .filter_map(pair)
        .map(|(key, _)| written_key(key).chars().count());
    let width = keys.max().unwrap_or_default();
    let mut rest = entries.iter().peekable();
    while let Some(entry) = rest.next() {
        let Some((key, value)) = pair(entry) else {
            continue;
        };
        // A comment follows the key that it is written before; the last of several counts.
        let mut comment = None;
        while let Some(Entry::Comment(next)) = rest.peek() {
            comment = Some(next);
            rest.next();
        }
        if let Some(comment) = comment {
            write_comment(comment, out)?;
        }
        let value = super::plainly(value).map_err(|reason| format!("{key}: {reason}"))?;
        let value = std::str::from_utf8(&value).map_err(|_| format!("{key} is no UTF-8"))?;
        out.push_str(&format!("{:width$} = ", written_key(key)));
        write_value(value, out);
        out.push('\n');
    }
    Ok(())
}

fn pair(entry: &Entry) -> Option<(&str, &Node)> {
    match entry {
        Entry::Pair(key, value) => Some((key, value)),
        Entry::Comment(_) => None,
    }
}

fn write_comment(comment: &Comment, out: &mut String) -> Result<(), String> {
    let text = std::str::from_utf8(&comment.text).map_err(|_| "a comment is no UTF-8")?;
    for line in text.split('\n').filter(|_| !text.is_empty()) {
        let (mark, words) = match line.chars().next() {
            Some(mark @ ('#' | ';')) => (mark, line.trim_start_matches(mark)),
            _ => (';', line),
        };
        out.push(mark);
        out.push(' ');
        out.push_str(words.trim());
        out.push('\n');
    }
    Ok(())
}

fn written_key(key: &str) -> String {
    if key.contains('"') || key.contains(DELIMITERS) {
        format!("`{key}`")
    } else if key.contains('`') {
        format!("\"\"\"{key}\"\"\"")
    } else {
        key.to_owned()
    }
}

fn write_value(value: &str, out: &mut String) {
    let quote = if value.contains(['\n', '`']) {
        "\"\"\""
    } else if value.contains(['#', ';']) {
        "`"
    } else if value.trim() != value {
        "\""
    } else {
        ""
    };
    out.push_str(quote);
    out.push_str(value);
    out.push_str(quote);
}
