//! The person's own `git` and `curl`, which ask as that person always does: with their proxies, keys and certificates.
//!
//! The agent's process never comes here: no room that it is made of depends on `cli` (docs/architecture.md).
#![expect(
    clippy::disallowed_types,
    reason = "on a laptop git and curl know the person's proxies, keys and certificates; windlass holds none of them"
)]

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::trust::programs::git;

/// How long a file may take.
const TIMEOUT_SECONDS: &str = "60";

/// Files come as they are committed, whatever the repository's attributes say.
const ATTRIBUTES: &str = "* -text -eol -filter -ident -working-tree-encoding\n";

/// Where fetched commits are named until their files are there.
const FETCHED: &str = "refs/windlass/fetched";

/// A program that did not do it.
#[derive(Debug, thiserror::Error)]
#[error("`{command}` failed: {said}")]
pub(crate) struct ProgramError {
    command: String,
    said: String,
}

/// A bare repository of the person's cache.
#[derive(Debug)]
pub(crate) struct Bare(PathBuf);

// === impl Bare ===

impl Bare {
    /// Opens it, and makes it where it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, ProgramError> {
        if !path.join("HEAD").is_file() {
            let path: &OsStr = path.as_ref();
            let init: [&OsStr; 4] = ["init".as_ref(), "-q".as_ref(), "--bare".as_ref(), path];
            output("git init", git().args(init))?;
        }
        let bare = Bare(path.to_owned());
        let info = path.join("info");
        fs::create_dir_all(&info)
            .and_then(|()| fs::write(info.join("attributes"), ATTRIBUTES))
            .map_err(|error| ProgramError {
                command: "git init".to_owned(),
                said: format!("{}: {error}", info.display()),
            })?;
        Ok(bare)
    }

    /// Fetches one commit without its past: what a reference names, or the default branch where it names nothing.
    pub(crate) fn fetch(&self, repository: &str, what: &str) -> Result<String, ProgramError> {
        let what = match what {
            "" => "HEAD",
            what => what,
        };
        let refspec = format!("+{what}:{FETCHED}");
        let mut fetch = self.git();
        fetch.args([
            "fetch",
            "-q",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
        ]);
        output("git fetch", fetch.args(["--", repository, &refspec]))?;
        let commit = format!("{FETCHED}^{{commit}}");
        let mut parse = self.git();
        output(
            "git rev-parse",
            parse.args(["rev-parse", "--verify", &commit]),
        )
    }

    /// Writes the files of a commit into an empty directory.
    pub(crate) fn check_out(&self, commit: &str, directory: &Path) -> Result<(), ProgramError> {
        let index = self.0.join(format!("index-{}", std::process::id()));
        let mut read = self.git();
        read.env("GIT_INDEX_FILE", &index);
        let mut write = self.git();
        write.env("GIT_INDEX_FILE", &index).arg("--work-tree");
        let written = output("git read-tree", read.args(["read-tree", commit])).and_then(|_| {
            let write = write.arg(directory).args(["checkout-index", "-q", "-a"]);
            output("git checkout-index", write.current_dir(directory))
        });
        // It is made anew each time.
        drop(fs::remove_file(&index));
        written.map(drop)
    }

    fn git(&self) -> Command {
        let mut git = git();
        git.arg("--git-dir").arg(&self.0);
        git.args([
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "core.autocrlf=false",
        ]);
        git
    }
}

/// Fetches what is behind a URL into a file.
pub(crate) fn download(url: &str, file: &Path, byte_limit: u64) -> Result<(), ProgramError> {
    let limit = byte_limit.to_string();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--location"]);
    curl.args(["--proto", "=http,https", "--proto-redir", "=http,https"]);
    curl.args(["--max-time", TIMEOUT_SECONDS, "--max-filesize", &limit]);
    curl.arg("--output").arg(file).arg("--url").arg(url);
    output("curl", curl.stdin(Stdio::null())).map(drop)
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header; its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines();
        let mut fields = lines.filter_map(|line| line.split_once(':'));
        let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

/// Fetches something, with a token for this server if there is one, and with the person's ~/.netrc.
pub(crate) fn fetch(
    url: &str,
    token: Option<&str>,
    byte_limit: u64,
) -> Result<Vec<u8>, ProgramError> {
    let mut asked = format!("url = {}\n", quoted(url));
    if let Some(token) = token {
        let proof = format!("Authorization: Bearer {token}");
        asked.push_str(&format!("header = {}\n", quoted(&proof)));
    }
    let limit = byte_limit.to_string();
    let how = [
        "--fail",
        "--location",
        "--proto-redir",
        "=http,https",
        "--netrc-optional",
        "--max-filesize",
        &limit,
    ];
    curl(&how, &asked)
}

/// Asks a server for something small, with a token if there is one, and with the person's ~/.netrc.
pub(crate) fn ask(url: &str, accept: &str, token: Option<&str>) -> Result<Answer, ProgramError> {
    let accept = format!("Accept: {accept}");
    let mut asked = format!("url = {}\nheader = {}\n", quoted(url), quoted(&accept));
    if let Some(token) = token {
        let proof = format!("Authorization: Bearer {token}");
        asked.push_str(&format!("header = {}\n", quoted(&proof)));
    }
    let how = [
        "--include",
        "--netrc-optional",
        "--max-filesize",
        ANSWER_BYTES,
        "--suppress-connect-headers",
    ];
    let printed = curl(&how, &asked)?;
    let end = printed.windows(4).position(|bytes| bytes == HEAD_END);
    let (head, body) = printed.split_at(end.unwrap_or_default());
    let head = String::from_utf8_lossy(head).into_owned();
    let status = head.split_whitespace().nth(1);
    Ok(Answer {
        status: status.and_then(|text| text.parse().ok()).unwrap_or(0),
        body: body.get(HEAD_END.len()..).unwrap_or_default().to_vec(),
        head,
    })
}

/// What stands between the head of an answer and what it holds.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Bytes of a manifest or a page of tags: the specification asks registries to take at least four MiB.
const ANSWER_BYTES: &str = "4194304";
/// Posts a body, and gives the status and the text of the answer.
pub(crate) fn post(
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(u16, String), ProgramError> {
    let mut asked = format!("url = {}\ndata-binary = {}\n", quoted(url), quoted(body));
    for (name, value) in headers {
        let header = format!("{name}: {value}");
        asked.push_str(&format!("header = {}\n", quoted(&header)));
    }
    let printed = curl(&["--write-out", "\n%{http_code}"], &asked)?;
    let printed = String::from_utf8_lossy(&printed);
    let (text, status) = printed.rsplit_once('\n').unwrap_or(("", &printed));
    Ok((status.parse().unwrap_or_default(), text.to_owned()))
}

/// Runs curl and gives what it printed. What is asked goes through its standard input: other users of the machine see its
/// arguments, and a URL or a header may be a secret.
fn curl(how: &[&str], asked: &str) -> Result<Vec<u8>, ProgramError> {
    let failed = |said: String| ProgramError {
        command: "curl".to_owned(),
        said,
    };
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--proto", "=http,https"]);
    curl.args(["--max-time", TIMEOUT_SECONDS, "--config", "-"]);
    curl.args(how).stdin(Stdio::piped());
    curl.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = curl.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut input) = running.stdin.take() {
        // A curl that ends early says why by itself.
        let _ = input.write_all(asked.as_bytes());
    }
    let output = running.wait_with_output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    judged("curl", &output)?;
    Ok(output.stdout)
}

/// A text in curl's config file.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// Runs a program to its end and gives what it printed, without the last line break.
fn output(shown: &str, command: &mut Command) -> Result<String, ProgramError> {
    let output = command.stderr(Stdio::piped()).output();
    let output = output.map_err(|error| ProgramError {
        command: shown.to_owned(),
        said: error.to_string(),
    })?;
    judged(shown, &output)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(printed.trim_end_matches('\n').to_owned())
}

/// Whether a program ended well, and what it said if not.
fn judged(shown: &str, output: &Output) -> Result<(), ProgramError> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(ProgramError {
        command: shown.to_owned(),
        said: said.trim().replace('\n', "; "),
    })
}
