//! A network process that was broken into, and answers another question than the one it was asked.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::{Agent, binary};
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::controlplane::Options;
use windlass_kit::process::Process;
use windlass_kit::repo::Repo;
use windlass_kit::wait;

use crate::house::{GIT_REPOSITORY, House, ready, ready_is};
use crate::tenant::map;

/// Stands before a real windlass-net and changes what the agent asks for, while it lies.
#[derive(Clone)]
struct LyingNet {
    lies: Arc<AtomicBool>,
    /// Words of the request, and what they are changed to: of the same length, because frames count.
    words: (&'static str, &'static str),
    folder: PathBuf,
    real: Arc<Mutex<Option<Process>>>,
}

impl LyingNet {
    /// Takes the place of the agent's network process; tells the truth at first.
    fn before(agent: &mut Agent, words: (&'static str, &'static str)) -> Self {
        let net = Self {
            lies: Arc::default(),
            words,
            folder: agent.path().to_owned(),
            real: Arc::default(),
        };
        let socket = net.folder.join("lying.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        agent.set("net", "socket", socket.to_str().unwrap());
        let serving = net.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let net = serving.clone();
                std::thread::spawn(move || net.serve(stream));
            }
        });
        net
    }

    fn serve(&self, mut agent: UnixStream) -> std::io::Result<u64> {
        let mut length = [0; 4];
        agent.read_exact(&mut length)?;
        let mut request = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        agent.read_exact(&mut request)?;
        if self.lies.load(Ordering::SeqCst) {
            let (asked, changed) = self.words;
            replace(&mut request, asked.as_bytes(), changed.as_bytes());
        }
        let mut real = self.connect();
        real.write_all(&length)?;
        real.write_all(&request)?;
        std::io::copy(&mut real, &mut agent)
    }

    /// The real one, started again when it has ended for want of work.
    fn connect(&self) -> UnixStream {
        let socket = self.folder.join("real.sock");
        let mut real = self.real.lock().unwrap();
        if let Ok(stream) = UnixStream::connect(&socket) {
            return stream;
        }
        *real = Some(start_net(&self.folder, &socket));
        wait::until("windlass-net to listen", Duration::from_secs(30), || {
            UnixStream::connect(&socket).map_err(|error| error.to_string())
        })
    }
}

fn start_net(folder: &Path, socket: &Path) -> Process {
    let cache = folder.join("real-cache");
    let arguments = ["net", "--socket", socket.to_str().unwrap(), "--cache"].map(str::to_owned);
    let arguments = arguments.into_iter().chain([cache.display().to_string()]);
    let log = folder.join("real-net.log");
    Process::start("windlass-net", &binary(), arguments, &[], &log)
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    for at in 0..bytes.len().saturating_sub(old.len()) {
        if bytes[at..].starts_with(old) {
            bytes[at..at + old.len()].copy_from_slice(new);
        }
    }
}

fn source() -> ObjectRef {
    ObjectRef::new(GIT_REPOSITORY, "GitRepository", "flux-system", "releases")
}

#[test]
fn a_tag_outside_the_range_is_refused_although_the_keys_signed_it() {
    let mut net = None;
    let mut house = House::start_with(
        &Options::api_server(),
        &[("root.yaml", &map("default", "root", "one"))],
        |agent| {
            net = Some(LyingNet::before(
                agent,
                (">=1.0.0 <2.0.0", ">=1.0.0 <9.9.0"),
            ))
        },
    );
    let net = net.unwrap();
    let mut repo = Repo::new(&house.git.create("releases.git"));
    let one = repo.publish(&[("a.yaml", "# one\n")], "One", &house.signer);
    repo.tag("v1.0.0", "One", &house.signer);
    repo.push_ref("v1.0.0", "refs/tags/v1.0.0");
    repo.publish(&[("a.yaml", "# nine\n")], "Nine", &house.signer);
    repo.tag("v9.0.0", "Nine", &house.signer);
    repo.push_ref("v9.0.0", "refs/tags/v9.0.0");
    let manifest = json!({
        "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
        "metadata": {"name": "releases", "namespace": "flux-system"},
        "spec": {"url": house.git.url("releases.git"), "interval": "5s",
            "ref": {"semver": ">=1.0.0 <2.0.0"}},
    });
    house.push(&[("releases.yaml", &manifest.to_string())], "Use releases");
    let revision = format!("v1.0.0@sha1:{one}");
    let stands = |source: &Value| source["status"]["artifact"]["revision"] == revision;
    let accepted = |source: &Value| stands(source) && ready_is(source, "True");
    house
        .admin()
        .wait_for("the release to be accepted", &source(), accepted);

    net.lies.store(true, Ordering::SeqCst);
    let refused = house
        .admin()
        .wait_for("the lie to be refused", &source(), |source| {
            let message = ready(source)["message"].to_string();
            ready_is(source, "False") && message.contains("refs/tags/v9.0.0")
        });
    assert!(stands(&refused), "{refused}");
    let failed = condition(&refused, "FetchFailed").unwrap();
    let message = failed["message"].as_str().unwrap();
    assert!(
        message.contains("not what was asked for (semver >=1.0.0 <2.0.0)"),
        "{message}"
    );

    net.lies.store(false, Ordering::SeqCst);
    house
        .admin()
        .wait_for("the truth to be accepted", &source(), accepted);
}
