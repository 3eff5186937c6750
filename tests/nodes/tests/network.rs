//! The network of a house, out of namespaces that end with the test: nodes on a LAN, where the API server is, and each with an
//! uplink, behind which are the Git host and the name server.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use windlass_kit::controlplane::ELSEWHERE;

/// The Git host's name, which the name server of the house knows.
pub(crate) const GIT_HOST: &str = "git.house.example";

/// How often a thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(5);

/// One of a node's two ways out; the name of its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Lan,
    Uplink,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Uplink => "uplink",
        }
    }

    /// Documentation addresses, which are nowhere else; 1 is the house itself.
    fn address(self, host: u8) -> Ipv4Addr {
        match self {
            Self::Lan => {
                let [a, b, c, _] = ELSEWHERE.octets();
                Ipv4Addr::new(a, b, c, host)
            }
            Self::Uplink => Ipv4Addr::new(198, 51, 100, host),
        }
    }

    fn hardware(self, host: u8) -> String {
        format!("02:00:00:00:{:02x}:{host:02x}", self as u8)
    }
}

/// The middle of the network. The nodes' namespaces are its own too.
pub(crate) struct Network {
    name: String,
    nodes: Mutex<Vec<u8>>,
}

impl Network {
    /// Makes one without nodes.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        sweep();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("windlass-{}-{number}", std::process::id());
        let network = Self {
            name,
            nodes: Mutex::default(),
        };
        ip(&format!("netns add {}", network.name));
        network.middle("link set lo up");
        for way in [Way::Lan, Way::Uplink] {
            let name = way.name();
            let hardware = way.hardware(1);
            network.middle(&format!("link add {name} address {hardware} type bridge"));
            network.middle(&format!("addr add {}/24 dev {name}", way.address(1)));
            network.middle(&format!("link set {name} up"));
        }
        network
    }

    /// Makes the namespace of a node and gives its name.
    pub(crate) fn join(&self, host: u8) -> String {
        let node = self.of(host);
        ip(&format!("netns add {node}"));
        lock(&self.nodes).push(host);
        ip(&format!("-n {node} link set lo up"));
        for way in [Way::Lan, Way::Uplink] {
            let (name, port) = (way.name(), port(way, host));
            let hardware = way.hardware(host);
            self.middle(&format!(
                "link add {port} type veth peer name {name} netns {node} address {hardware}"
            ));
            self.middle(&format!("link set {port} master {name}"));
            self.middle(&format!("link set {port} up"));
            ip(&format!(
                "-n {node} addr add {}/24 dev {name}",
                way.address(host)
            ));
            self.connect(host, way);
        }
        node
    }

    /// The address of a node among the others.
    pub(crate) fn address(host: u8) -> Ipv4Addr {
        Way::Lan.address(host)
    }

    /// Its address as the Git host sees it.
    pub(crate) fn outside(host: u8) -> IpAddr {
        Way::Uplink.address(host).into()
    }

    /// Pulls a cable: the node sees that it is out.
    pub(crate) fn unplug(&self, host: u8, way: Way) {
        ip(&format!(
            "-n {} link set {} down",
            self.of(host),
            way.name()
        ));
    }

    /// What a node sends that way vanishes from now on, and nobody says so.
    pub(crate) fn swallow(&self, host: u8, way: Way) {
        self.middle(&format!("link set {} nomaster", port(way, host)));
    }

    /// Ends both.
    pub(crate) fn connect(&self, host: u8, way: Way) {
        let (node, name) = (self.of(host), way.name());
        self.middle(&format!("link set {} master {name}", port(way, host)));
        ip(&format!("-n {node} link set {name} up"));
        // Or a node whose packets vanish would notice that nobody tells the hardware's address.
        let (house, hardware) = (way.address(1), way.hardware(1));
        ip(&format!(
            "-n {node} neigh replace {house} lladdr {hardware} dev {name} nud permanent"
        ));
    }

    /// Has a port of loopback, where the kit's servers are, answer on the house's address too.
    pub(crate) fn relay(&self, way: Way, port: u16) -> Relay {
        Relay::start(&self.name, SocketAddrV4::new(way.address(1), port))
    }

    /// Has the house answer for names.
    pub(crate) fn names(&self) -> Names {
        Names::start(&self.name)
    }

    /// What a node's `/etc/resolv.conf` says.
    pub(crate) fn resolv_conf() -> String {
        let server = Way::Uplink.address(1);
        format!("nameserver {server}\noptions timeout:1 attempts:2\n")
    }

    fn of(&self, host: u8) -> String {
        format!("{}-{host}", self.name)
    }

    fn middle(&self, words: &str) {
        ip(&format!("-n {} {words}", self.name));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in lock(&self.nodes).iter() {
            delete(&self.of(*host));
        }
        delete(&self.name);
    }
}

/// The house's end of a node's cable.
fn port(way: Way, host: u8) -> String {
    format!("{}{host}", way.name())
}

fn ip(words: &str) {
    let mut command = Command::new("ip");
    let output = command.args(words.split(' ')).output();
    let output = output.expect("iproute2 is there: tests/bootstrap.sh ip:iproute2");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {words}: {said}");
}

fn delete(name: &str) {
    let _ = Command::new("ip").args(["netns", "delete", name]).status();
}

/// Takes away the namespaces of tests that were killed.
fn sweep() {
    let entries = std::fs::read_dir("/run/netns").into_iter().flatten();
    for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let pid = name
            .strip_prefix("windlass-")
            .and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()) {
            delete(&name);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` on a thread in a network namespace.
fn spawn_in(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let space = File::open(format!("/run/netns/{name}")).expect("it was just made");
    std::thread::spawn(move || {
        setns(space, CloneFlags::CLONE_NEWNET).expect("root may enter it");
        work();
    })
}

/// Carries connections from a port of the house to the same port of loopback, while it lasts.
pub(crate) struct Relay {
    ended: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<IpAddr>>>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    fn start(space: &str, address: SocketAddrV4) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (accepted, arrivals) = channel::<TcpStream>();
        let (ready, is_ready) = channel();
        let (over, seen) = (Arc::clone(&ended), Arc::clone(&asked));
        let listening = spawn_in(space, move || {
            let listener = TcpListener::bind(address).expect("nobody else is in this namespace");
            listener.set_nonblocking(true).expect("it is a socket");
            let _ = ready.send(());
            accept(&listener, &over, &seen, &accepted);
        });
        let kept = Arc::clone(&connections);
        let port = address.port();
        // The ends on loopback are opened here, in the namespace of the test.
        let carrying = std::thread::spawn(move || {
            for arrival in arrivals {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || carry(arrival, port, &kept));
            }
        });
        is_ready.recv().expect("it listens");
        Self {
            ended,
            asked,
            connections,
            threads: vec![listening, carrying],
        }
    }

    /// Who has connected since this was asked last.
    pub(crate) fn asked(&self) -> Vec<IpAddr> {
        std::mem::take(&mut *lock(&self.asked))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        for connection in lock(&self.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn accept(
    listener: &TcpListener,
    over: &AtomicBool,
    asked: &Mutex<Vec<IpAddr>>,
    accepted: &Sender<TcpStream>,
) {
    while !over.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((stream, from)) => {
                lock(asked).push(from.ip());
                stream.set_nonblocking(false).expect("it is a socket");
                let _ = accepted.send(stream);
            }
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

/// Both directions of a connection, to the end of either.
fn carry(outer: TcpStream, port: u16, kept: &Mutex<Vec<TcpStream>>) {
    let Ok(inner) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return;
    };
    let copies = (outer.try_clone(), inner.try_clone());
    let (Ok(outer_too), Ok(inner_too)) = copies else {
        return;
    };
    lock(kept).extend([outer.try_clone(), inner.try_clone()].into_iter().flatten());
    let back = std::thread::spawn(move || pump(&inner_too, &outer_too));
    pump(&outer, &inner);
    let _ = back.join();
}

fn pump(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(length @ 1..)
                if to
                    .write_all(buffer.get(..length).unwrap_or_default())
                    .is_ok() => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

/// A name server that knows one address for every name, while it lasts.
pub(crate) struct Names {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Names {
    fn start(space: &str) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        let (ready, is_ready) = channel();
        let thread = spawn_in(space, move || {
            let house = Way::Uplink.address(1);
            let socket = UdpSocket::bind((house, 53)).expect("nobody else is in this namespace");
            socket.set_read_timeout(Some(LOOK)).expect("not zero");
            let _ = ready.send(());
            let mut question = [0; 512];
            while !over.load(Ordering::SeqCst) {
                if let Ok((length, from)) = socket.recv_from(&mut question)
                    && let Some(answer) = answer(question.get(..length).unwrap_or_default(), house)
                {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        is_ready.recv().expect("it listens");
        Self {
            ended,
            thread: Some(thread),
        }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// RFC 1035: the question again, and for an address (type A) one answer.
fn answer(question: &[u8], house: Ipv4Addr) -> Option<Vec<u8>> {
    let (id, rest) = question.split_at_checked(2)?;
    let (_, body) = rest.split_at_checked(10)?;
    let name = body.iter().position(|byte| *byte == 0)? + 1;
    let (asked, _) = body.split_at_checked(name + 4)?;
    let is_address = asked.get(name..name + 2)? == [0, 1];
    let mut answer = id.to_vec();
    // An answer without error, by a server that asks others; one question, at most one answer.
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    answer.extend(asked);
    if is_address {
        // The name of the question, an address, kept by nobody.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(house.octets());
    }
    Some(answer)
}
