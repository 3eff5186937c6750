//! A first fetch brings no more of the past than is asked for, and what is built on it is whole.

use windlass_wire::{FetchRequest, History};

use crate::agent::{Fetched, Net, request};
use crate::faults::noise;
use crate::git::Repository;
use crate::http_server::HttpServer;
use crate::ssh::{NEW_PROTOCOL, Sshd};

/// A repository with a large past, the commit at which the present begins, and what came after.
struct Fleet {
    repository: Repository,
    past: String,
    base: String,
    head: String,
}

impl Fleet {
    fn new() -> Self {
        let noise = noise(300_000);
        let repository = Repository::with_files(&[("old", &noise), ("stays", "stays")]);
        let past = repository.git(&["rev-parse", "HEAD"]);
        repository.git(&["rm", "-q", "old"]);
        let base = repository.commit(&[("a", "1")]);
        repository.commit(&[("a", "2")]);
        let head = repository.commit(&[("b/c", "3")]);
        Fleet {
            repository,
            past,
            base,
            head,
        }
    }

    /// What a commit holds, itself not counted.
    fn content(&self, commit: &str) -> Vec<String> {
        let tree = format!("{commit}^{{tree}}");
        self.repository.objects_between(&tree, &[])
    }

    #[track_caller]
    fn brings(&self, fetched: &Fetched, commits: &[&str], contents: &[&str]) {
        let of_kind = |kind| {
            let objects = fetched
                .objects
                .iter()
                .filter(move |object| object.0 == kind);
            let mut oids: Vec<&str> = objects.map(|object| object.1.as_str()).collect();
            oids.sort_unstable();
            oids
        };
        let mut commits = commits.to_vec();
        commits.sort_unstable();
        assert_eq!(of_kind(1), commits, "{:?}", fetched.end);
        let oids = fetched.oids();
        for oid in contents.iter().flat_map(|commit| self.content(commit)) {
            assert!(oids.contains(&oid), "{oid} of the present is missing");
        }
        assert!(fetched.wire_bytes() < 50_000, "{}", fetched.wire_bytes());
    }
}

/// Everything that a first fetch and those after it are for.
fn begins_at_the_base_and_goes_on(net: &Net, request: &FetchRequest, fleet: &Fleet) {
    let mut request = request.clone();
    let between = |new: &str, old: &str| {
        let range = format!("{old}..{new}");
        let commits = fleet.repository.git(&["rev-list", &range]);
        commits.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    request.history = History::Since(fleet.base.clone());
    let first = net.fetch(&request);
    let mut commits = between(&fleet.head, &fleet.base);
    commits.push(fleet.base.clone());
    let commits: Vec<&str> = commits.iter().map(String::as_str).collect();
    fleet.brings(&first, &commits, &[&fleet.base, &fleet.head]);

    // The next push brings what is new.
    let next = fleet.repository.commit(&[("a", "4")]);
    request.have = vec![fleet.head.clone()];
    let second = net.fetch(&request);
    fleet.brings(&second, &[&next], &[]);

    // A branch that began before the base is whole, with all of its own past.
    fleet
        .repository
        .git(&["checkout", "-q", "-b", "side", &fleet.past]);
    let side = fleet.repository.commit(&[("side", "5")]);
    fleet.repository.git(&["checkout", "-q", "main"]);
    let merge = ["merge", "-q", "--no-ff", "-m", "Merge", "side"];
    fleet.repository.git(&merge);
    fleet.repository.push(&["HEAD"]);
    let merged = fleet.repository.git(&["rev-parse", "HEAD"]);
    request.have = vec![next];
    let third = net.fetch(&request).oids();
    for oid in [&merged, &side, &fleet.past] {
        assert!(third.contains(oid), "{oid}");
    }

    // Who asks for all of it gets all of it.
    request.have.clear();
    request.history = History::All;
    let all = net.fetch(&request);
    assert_eq!(all.oids(), fleet.repository.objects_between("HEAD", &[]));
    all.assert_order();
}

#[test]
fn over_http_it_begins_where_it_is_asked_to_and_goes_on() {
    let fleet = Fleet::new();
    let server = HttpServer::start(fleet.repository.root.path());
    begins_at_the_base_and_goes_on(&Net::start(), &request(&server.url()), &fleet);
}

#[test]
fn over_ssh_it_begins_where_it_is_asked_to_and_goes_on() {
    let (fleet, sshd) = (Fleet::new(), Sshd::start(NEW_PROTOCOL));
    let request = sshd.request(&fleet.repository.bare);
    begins_at_the_base_and_goes_on(&Net::start(), &request, &fleet);
}

#[test]
fn a_commit_alone_comes_without_any_past() {
    let fleet = Fleet::new();
    let server = HttpServer::start(fleet.repository.root.path());
    let mut request = request(&server.url());
    request.history = History::Head;
    let fetched = Net::start().fetch(&request);
    fleet.brings(&fetched, &[&fleet.head], &[&fleet.head]);

    // A tag comes with its commit.
    fleet.repository.git(&["tag", "-a", "-m", "x", "v1"]);
    fleet.repository.push(&["v1"]);
    request.reference = windlass_wire::Reference::Tag("v1".to_owned());
    let fetched = Net::start().fetch(&request);
    fleet.brings(&fetched, &[&fleet.head], &[&fleet.head]);
    assert!(fetched.oids().contains(&fetched.target));
}

#[test]
fn where_it_cannot_begin_there_everything_comes() {
    let fleet = Fleet::new();
    let server = HttpServer::start(fleet.repository.root.path());
    let mut request = request(&server.url());
    request.history = History::Since("1".repeat(40));
    let everything = fleet.repository.objects_between("HEAD", &[]);
    assert_eq!(Net::start().fetch(&request).oids(), everything);
    // A server without version 2 cannot be asked.
    let sshd = Sshd::start("");
    let mut request = sshd.request(&fleet.repository.bare);
    request.history = History::Since(fleet.base.clone());
    assert_eq!(Net::start().fetch(&request).oids(), everything);
}
