//! `make soak`: three nodes under one random fault after the other, for an hour or as long as `SOAK` says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use crate::network::Way;
use crate::town::{PATIENCE, Town, host, name};

const NODES: usize = 3;
/// What is applied beside the settings, and must be the same objects at the end.
const OBJECTS: usize = 20;
/// All that is published is applied so soon after the last fault has ended.
const CONVERGENCE: Duration = Duration::from_secs(10);
/// A Lease whose holder died runs out by then; a fault that may have hit the leader lasts as long.
const TERM: Duration = Duration::from_secs(15);
/// What a process may have grown since the first rounds: its caches fill as time goes.
const GROWTH: u64 = 12 << 20;
const MORE_FILES: u64 = 8;

#[test]
#[ignore = "an hour; `make soak` runs it"]
fn soak_of_random_faults_leaks_nothing_loses_nothing_and_converges() {
    let length = length(&std::env::var("SOAK").unwrap_or_default());
    let seed = std::env::var("SOAK_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(1, |since| since.as_secs())
    });
    let Some(mut town) = Town::of(NODES) else {
        return;
    };
    eprintln!("{length:?} of faults; the same again with SOAK_SEED={seed}");
    let mut dice = Dice(seed | 1);
    town.publish_many();
    let mut made = town.uids();
    let start = Instant::now();
    let (mut rounds, mut worst) = (0, Duration::ZERO);
    let mut first = None;
    while start.elapsed() < length || rounds < 3 {
        rounds += 1;
        let fault = Fault::any(&mut dice);
        let taken = town.endures(fault, rounds);
        worst = worst.max(taken);
        if let Fault::Deleted(number) = fault {
            let name = object_name(number);
            made.insert(name.clone(), town.uids().remove(&name).unwrap_or_default());
        }
        eprintln!(
            "{:6.0?} {rounds:4} {fault:?}: right again after {taken:.1?}",
            start.elapsed()
        );
        assert!(
            taken < CONVERGENCE,
            "SOAK_SEED={seed}: {fault:?}: {taken:?}"
        );
        // The first rounds fill what is filled once.
        if first.is_none() && start.elapsed() > length / 5 {
            first = Some(town.uses());
        }
    }
    assert_eq!(town.uids(), made, "nothing was lost or made anew");
    let (before, after) = (first.unwrap_or_default(), town.uses());
    eprintln!("{rounds} faults, converged after {worst:.1?} at worst; {before:?} then {after:?}");
    for (process, (memory, files)) in after {
        // A process that was started since, with a node or by its socket, has another number and nothing to compare.
        let Some((memory_before, files_before)) = before.get(&process) else {
            continue;
        };
        assert!(
            memory < memory_before + GROWTH,
            "{process}: {memory} bytes, {memory_before} before"
        );
        assert!(
            files <= files_before + MORE_FILES,
            "{process}: {files} files, {files_before} before"
        );
    }
    town.left_nothing_behind();
}

/// `90s`, `5m` or `1h`, which is also what nothing stands for.
fn length(text: &str) -> Duration {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.trim_start_matches(|c: char| c.is_ascii_digit()) {
        "s" => 1,
        "m" => 60,
        _ => 3600,
    };
    Duration::from_secs(number.parse::<u64>().unwrap_or(1) * unit)
}

/// Numbers that a seed gives again (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or(0)
    }

    fn seconds(&mut self, from: usize, to: usize) -> Duration {
        Duration::from_secs((from + self.below(to - from)) as u64)
    }
}

/// What goes wrong, where, and for how long.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Unplugged(usize, Way, Duration),
    Swallowed(usize, Way, Duration),
    NoNames(Duration),
    NoGitHost(Duration),
    NoApiServer(Duration),
    PowerCut(usize),
    Killed(usize, &'static str),
    Frozen(usize, Duration),
    Restarted(usize),
    Changed(usize),
    Deleted(usize),
}

impl Fault {
    fn any(dice: &mut Dice) -> Self {
        let node = dice.below(NODES);
        let way = [Way::Lan, Way::Uplink][dice.below(2)];
        let unit = ["windlass", "windlass-net"][dice.below(2)];
        let short = dice.seconds(1, 15);
        let long = TERM + dice.seconds(0, 10);
        match dice.below(11) {
            0 => Self::Unplugged(node, way, long),
            1 => Self::Swallowed(node, way, long),
            2 => Self::NoNames(short),
            3 => Self::NoGitHost(short),
            4 => Self::NoApiServer(short),
            5 => Self::PowerCut(node),
            6 => Self::Killed(node, unit),
            7 => Self::Frozen(node, long),
            8 => Self::Restarted(node),
            9 => Self::Changed(dice.below(OBJECTS)),
            _ => Self::Deleted(dice.below(OBJECTS)),
        }
    }
}

impl Town {
    fn publish_many(&mut self) {
        let text: Vec<(String, String)> = (0..OBJECTS)
            .map(|number| (format!("object-{number}.yaml"), object(number).to_string()))
            .collect();
        let files: Vec<_> = text
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        let commit = self.repo.publish(&files, "many", &self.signer);
        self.all_have(&commit);
        self.has(self.led_by(), &[&commit, "1/1 ready"]);
        wait::until_true("all objects", CONVERGENCE, || self.uids().len() == OBJECTS);
    }

    fn uids(&self) -> BTreeMap<String, Value> {
        let admin = self.control_plane.admin();
        let found = admin.list("v1", "ConfigMap", "default", "");
        let ours = found.into_iter().filter_map(|object| {
            let name = object["metadata"]["name"].as_str()?.to_owned();
            name.starts_with("object-")
                .then(|| (name, object["metadata"]["uid"].clone()))
        });
        ours.collect()
    }

    fn spoil(&self, number: usize) {
        let wrong = json!({"data": {"number": "wrong"}});
        let admin = self.control_plane.admin();
        admin.patch(&object_reference(number), &wrong);
    }

    fn objects_are_right(&self) {
        wait::until("every object to be as it was published", PATIENCE, || {
            let admin = self.control_plane.admin();
            let wrong: Vec<usize> = (0..OBJECTS)
                .filter(|number| {
                    let found = admin.get(&object_reference(*number)).unwrap_or_default();
                    let right = number.to_string();
                    found["data"]["number"] != *right
                })
                .collect();
            match wrong.is_empty() {
                true => Ok(()),
                false => Err(format!("{wrong:?}")),
            }
        });
    }

    /// Has a fault come and go while somebody pushes; gives how long after its end all was right.
    fn endures(&mut self, fault: Fault, round: u32) -> Duration {
        let colour = format!("colour-{round}");
        self.begin(fault);
        let commit = self.publish(&colour);
        self.end(fault);
        let start = Instant::now();
        // As a webhook does it: what is measured is not the interval at which the Git host is asked.
        let admin = self.control_plane.kubeconfig(User::Admin);
        let words = ["reconcile", "source", "git", "flux-system", "--timeout=8s"];
        let _ = windlass(&admin, &words);
        self.colour_is(&colour);
        self.objects_are_right();
        let taken = start.elapsed();
        self.all_have(&commit);
        // Another one each time: what is changed again and again is left alone for a while.
        self.spoil(round as usize % OBJECTS);
        self.objects_are_right();
        taken
    }

    fn begin(&mut self, fault: Fault) {
        let admin = self.control_plane.admin();
        let kill = |node: usize, unit: &str, signal: &str| {
            // A network process that nobody needed is not there.
            let words = format!("systemctl kill --kill-who=main --signal={signal} {unit} || true");
            self.node(node).sh(&words);
        };
        match fault {
            Fault::Unplugged(node, way, _) => self.network.unplug(host(node), way),
            Fault::Swallowed(node, way, _) => self.network.swallow(host(node), way),
            Fault::NoNames(_) => self.names = None,
            Fault::NoGitHost(_) => self.git_host_goes(),
            Fault::NoApiServer(_) => self.control_plane.kill_api_server(),
            Fault::PowerCut(node) => self.nodes[node].power_off(),
            Fault::Killed(node, unit) => kill(node, unit, "KILL"),
            Fault::Frozen(node, _) => kill(node, "windlass", "STOP"),
            Fault::Restarted(node) => drop(self.node(node).sh("systemctl restart windlass")),
            Fault::Changed(number) => self.spoil(number),
            Fault::Deleted(number) => admin.delete(&object_reference(number)),
        }
    }

    fn end(&mut self, fault: Fault) {
        match fault {
            Fault::Unplugged(node, way, lasts) | Fault::Swallowed(node, way, lasts) => {
                std::thread::sleep(lasts);
                self.network.connect(host(node), way);
            }
            Fault::NoNames(lasts) => {
                std::thread::sleep(lasts);
                self.names = Some(self.network.names());
            }
            Fault::NoGitHost(lasts) => {
                std::thread::sleep(lasts);
                self.git_host_comes();
            }
            Fault::NoApiServer(lasts) => {
                std::thread::sleep(lasts);
                self.control_plane.start_api_server();
            }
            Fault::PowerCut(node) => {
                std::thread::sleep(TERM);
                self.nodes[node].power_on();
            }
            Fault::Frozen(node, lasts) => {
                std::thread::sleep(lasts);
                let words = "systemctl kill --kill-who=main --signal=CONT windlass";
                self.node(node).sh(words);
            }
            // A Lease whose holder was killed is its own again, once it is back.
            Fault::Killed(..) | Fault::Restarted(_) | Fault::Changed(_) | Fault::Deleted(_) => {}
        }
    }

    /// Memory and open files of each process, by node and number.
    fn uses(&self) -> BTreeMap<String, (u64, u64)> {
        let mut all = BTreeMap::new();
        for number in 0..self.nodes.len() {
            let words = "for pid in $(systemctl show --value --property=MainPID windlass); do [ $pid = 0 ] || \
                         echo $pid $(sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p' /proc/$pid/smaps_rollup) $(ls /proc/$pid/fd | wc -l); done";
            for line in self.node(number).sh(words).lines() {
                let mut words = line.split(' ');
                let mut next = || words.next()?.parse::<u64>().ok();
                if let (Some(pid), Some(memory), Some(files)) = (next(), next(), next()) {
                    all.insert(format!("{} {pid}", name(number)), (memory << 10, files));
                }
            }
        }
        all
    }

    /// No file of a fetch, no trial, no half of anything.
    fn left_nothing_behind(&self) {
        for node in &self.nodes {
            let left = node.sh("ls -d /tmp/windlass* /var/lib/windlass-trial* /run/windlass-install* 2>/dev/null || true");
            assert_eq!(left, "");
            let size: u64 = node
                .sh("du -sk /var/lib/windlass | cut -f 1")
                .parse()
                .unwrap_or_default();
            assert!(size < 64 << 10, "the state has {size} KB");
        }
    }
}

fn object_name(number: usize) -> String {
    format!("object-{number}")
}

fn object_reference(number: usize) -> ObjectRef {
    ObjectRef::new("v1", "ConfigMap", "default", &object_name(number))
}

fn object(number: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": object_name(number), "namespace": "default"}, "data": {"number": number.to_string()}})
}
