//! The real kustomize as a program that answers many questions (`tests/oracles/kustomize.sh`).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

/// What `kustomize.sh` ends with when Go cannot fetch the modules.
const UNFETCHED: i32 = 77;

/// Files by path.
pub(crate) type Sources = BTreeMap<String, String>;

/// What kustomize says: the text it prints, or its error.
pub(crate) type Answer = Result<String, String>;

/// The running program.
pub(crate) struct Oracle {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Oracle {
    /// Starts the oracle; none, loudly, when it cannot be built here.
    pub(crate) fn start() -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracles/kustomize.sh");
        let built = Command::new(script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        if built.status.code() == Some(UNFETCHED) {
            return None;
        }
        assert!(built.status.success(), "kustomize.sh failed");
        let folder = String::from_utf8(built.stdout).unwrap();
        let mut child = Command::new(Path::new(folder.trim()).join("kustomize-oracle"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = Mutex::new((
            child.stdin.take().unwrap(),
            BufReader::new(child.stdout.take().unwrap()),
        ));
        Some(Self { child, pipes })
    }

    /// What kustomize makes of a directory; the order of the input is kept, as Flux calls it.
    pub(crate) fn ask(&self, files: &Sources, path: &str) -> Answer {
        self.answer(&json!({"files": files, "path": path, "reorder": "none"}))
    }

    /// What Flux's envsubst makes of a text.
    pub(crate) fn substitute(&self, text: &str, values: &Sources, strict: bool) -> Answer {
        self.answer(&json!({"text": text, "values": values, "strict": strict}))
    }

    fn answer(&self, question: &Value) -> Answer {
        let mut pipes = self.pipes.lock().unwrap();
        let (input, output) = &mut *pipes;
        writeln!(input, "{question}").unwrap();
        input.flush().unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer
                .get("output")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()),
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
