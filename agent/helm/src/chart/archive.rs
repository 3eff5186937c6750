//! Packaged charts: gzip and tar, within bounds and within their folder.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::chart::File;
use crate::chart::load::LoadError;

/// The most bytes a chart may have unpacked; Helm's bound.
const MAX_CHART: u64 = 100 << 20;

/// The most files a chart may have: many times what the largest have, and a bound for an archive of
/// nothing but headers.
const MAX_FILES: usize = 50_000;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The files of a packaged chart, without the folder that all are in.
pub(super) fn read_archive(bytes: &[u8]) -> Result<Vec<File>, LoadError> {
    let damaged = |error: std::io::Error| LoadError::Archive(format!("damaged archive: {error}"));
    let too_large = || {
        let message = format!("decompressed chart is larger than the maximum size {MAX_CHART}");
        LoadError::Archive(message)
    };
    // One byte more, so that an archive at the bound is told from one above it.
    let unpacked = MultiGzDecoder::new(bytes).take(MAX_CHART + (MAX_FILES as u64 + 2) * 1024);
    let mut archive = tar::Archive::new(unpacked);
    let mut files = Vec::new();
    let mut left = MAX_CHART;
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let path = entry.path_bytes();
        let path = String::from_utf8_lossy(&path).into_owned();
        let name = inner_path(&path)?;
        if !kind.is_file() {
            return Err(LoadError::Archive(format!(
                "chart contains {path:?}, which is no plain file"
            )));
        }
        if files.len() >= MAX_FILES {
            let message = format!("chart has more than {MAX_FILES} files");
            return Err(LoadError::Archive(message));
        }
        let mut data = Vec::new();
        let mut limited = (&mut entry).take(left + 1);
        let read = limited.read_to_end(&mut data).map_err(damaged)? as u64;
        left = left.checked_sub(read).ok_or_else(too_large)?;
        let data = data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&data);
        files.push(File {
            name,
            data: data.into(),
        });
    }
    if files.is_empty() {
        return Err(LoadError::Archive("no files in chart archive".to_owned()));
    }
    Ok(files)
}

/// A path without its first folder; an error where it would lead out of it.
fn inner_path(path: &str) -> Result<String, LoadError> {
    let fail = |message: &str| Err(LoadError::Archive(format!("{message}: {path:?}")));
    let separator = if path.contains('\\') { '\\' } else { '/' };
    let Some((first, rest)) = path.split_once(separator) else {
        if path == "Chart.yaml" {
            return fail("chart yaml not in base directory");
        }
        return fail("chart illegally contains content outside the base directory");
    };
    let rest = rest.replace(separator, "/");
    if rest.starts_with('/') {
        return fail("chart illegally contains absolute paths");
    }
    if first == "Chart.yaml" {
        return fail("chart yaml not in base directory");
    }
    let Some(clean) = clean(&rest) else {
        return fail("chart illegally references parent directory");
    };
    if clean.is_empty() {
        return fail("chart illegally contains content outside the base directory");
    }
    let mut start = clean.chars();
    let drive = start
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic())
        && start.next() == Some(':')
        && start.next() == Some('/');
    if drive {
        return fail("chart contains illegally named files");
    }
    Ok(clean)
}

/// A relative path with `.` and `..` resolved; none where it leads above its start.
fn clean(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
