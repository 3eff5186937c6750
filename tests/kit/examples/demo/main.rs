//! `make demo`: a signed commit goes in, the cluster follows. Every step is checked; the first that does
//! not hold ends the demo with an error. `KEEP=1` leaves everything running at the end.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing JSON member is null, which no check takes for the right one"
)]

mod house;
mod terminal;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use windlass_kit::agent;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use house::{House, REPOSITORY};
use terminal::Terminal;

/// No step takes longer than this, by far.
const LIMIT: Duration = Duration::from_secs(60);

/// A dependency that becomes ready wakes its dependents at once; the agent looks again by itself after
/// 30 s only, so a wake that was lost shows here.
const AT_ONCE: Duration = Duration::from_secs(20);

/// Kustomizations that the fixture makes, the root included.
const KUSTOMIZATIONS: usize = 13;

const OVERLAY: &str = "kubernetes/apps/network/echo/overlay";

fn main() {
    let mut terminal = Terminal::new();
    terminal.step("a cluster, a signed repository on a Git server, an agent");
    let mut house = begin(&terminal);
    terminal.step("everything becomes ready, in the order of its dependencies");
    all_ready(&terminal, &mut house);
    terminal.step("a signed push is applied");
    signed_push(&terminal, &mut house);
    terminal.step("a live object is changed by hand, and put back");
    drift(&terminal, &house);
    terminal.step("a file is removed, and its object pruned");
    prune(&terminal, &mut house);
    terminal.step("an unsigned push is refused, and the cluster stays as it is");
    unsigned_push(&terminal, &mut house);
    terminal.step("the Git server is gone, the agent restarts, drift is still corrected");
    offline(&terminal, &mut house);
    terminal.step("the whole picture");
    let kubeconfig = house.kubeconfig();
    let (done, table) = terminal.windlass(&kubeconfig, &["get", "all", "-A"]);
    assert!(
        done && table.contains("kustomization/echo"),
        "get all -A shows the Kustomizations"
    );
    let (done, _) = terminal.windlass(&kubeconfig, &["status"]);
    assert!(done, "status is a success while everything is ready");
    terminal.say("");
    terminal.holds("every step held", terminal.elapsed());
    if std::env::var_os("KEEP").is_some_and(|keep| keep == "1") {
        keep(&terminal, &house);
    }
}

fn begin(terminal: &Terminal) -> House {
    let start = Instant::now();
    let house = House::build();
    terminal.holds(
        "etcd, API server, controller-manager, scheduler, kwok with 3 nodes",
        start.elapsed(),
    );
    terminal.does("git log --format='%h %GS: %s'");
    let signers = house.agent.path().join("allowed_signers");
    let signers = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let log = house
        .repo
        .git(&["-c", &signers, "log", "--format=%h %GS: %s"]);
    terminal.say(&format!("  {log}"));
    assert!(
        log.contains(house.owner.principal()),
        "git itself finds the signature good"
    );
    let files = house.repo.files("HEAD").len();
    terminal.say(&format!(
        "  {files} files, served at {}",
        house.server.url(REPOSITORY)
    ));
    house
}

fn all_ready(terminal: &Terminal, house: &mut House) {
    let start = Instant::now();
    house.agent.start();
    terminal.does(&format!(
        "windlass agent --config {}",
        house.agent.config().display()
    ));
    wait::until("all Kustomizations to be ready", LIMIT, || {
        assert!(
            house.agent.ended().is_none(),
            "the agent has ended:\n{}",
            house.agent.log()
        );
        let states = house.kustomizations();
        let ready = states.values().filter(|ready| **ready).count();
        terminal.progress(&format!(
            "{ready} of {} Kustomizations are ready",
            states.len()
        ));
        if ready == KUSTOMIZATIONS && states.len() == KUSTOMIZATIONS {
            return Ok(());
        }
        Err(format!("{states:?}\n{}", house.agent.log()))
    });
    terminal.end_progress();
    let took = start.elapsed();
    let (done, _) = terminal.windlass(&house.kubeconfig(), &["get", "kustomizations", "-A"]);
    assert!(done, "get kustomizations succeeds");
    terminal.holds(&format!("{KUSTOMIZATIONS} Kustomizations are ready"), took);
    let flux = house
        .admin()
        .list("apps/v1", "Deployment", "flux-system", "");
    assert!(flux.is_empty(), "Flux's own controllers are left out");
    terminal.say("  gotk-components.yaml and gotk-sync.yaml are in the repository and left out: windlass does that job");
}

fn signed_push(terminal: &Terminal, house: &mut House) {
    let file = format!("{OVERLAY}/kustomization.yaml");
    let text = read(house, &file).replace("newTag: \"1.0\"", "newTag: \"1.1\"");
    terminal.does(&format!(
        "sed -i 's/1.0/1.1/' {file} && git commit -S -am 'Greet better' && git push"
    ));
    house
        .repo
        .publish(&[(&file, &text)], "Greet better", &house.owner);
    let start = Instant::now();
    reconcile(terminal, house);
    house
        .admin()
        .wait_for("the new image to be applied", &echo(), |deployment| {
            let image = deployment.pointer("/spec/template/spec/containers/0/image");
            image == Some(&json!("registry.example.org/mirror/echo:1.1"))
        });
    terminal.holds(
        "Deployment network/home-echo runs echo:1.1",
        start.elapsed(),
    );
    steady(house);
}

fn drift(terminal: &Terminal, house: &House) {
    terminal.does("kubectl scale deployment -n network home-echo --replicas=5");
    let start = Instant::now();
    let scaled = house
        .admin()
        .patch(&echo(), &json!({"spec": {"replicas": 5}}));
    let generation = &scaled["metadata"]["generation"];
    house
        .admin()
        .wait_for("the replicas to be put back", &echo(), |deployment| {
            deployment["metadata"]["generation"] != *generation
                && deployment["spec"]["replicas"] == 1
        });
    terminal.holds("5 replicas were put back to 1", start.elapsed());
    let event = wait::until("the event about the correction", LIMIT, || {
        house
            .correction_of("Deployment/network/home-echo")
            .ok_or_else(|| "none".to_owned())
    });
    assert!(
        event.contains("spec.replicas"),
        "the event names the field: {event}"
    );
    terminal.say(&format!("  event: {event}"));
}

fn prune(terminal: &Terminal, house: &mut House) {
    let robots = ObjectRef::new("v1", "ConfigMap", "network", "home-robots");
    assert!(house.admin().get(&robots).is_some(), "it is there before");
    let file = format!("{OVERLAY}/kustomization.yaml");
    let text = read(house, &file).replace("  - robots.yaml\n", "");
    terminal.does(&format!(
        "git rm {OVERLAY}/robots.yaml && git commit -S -m 'No robots' && git push"
    ));
    house.repo.remove(&format!("{OVERLAY}/robots.yaml"));
    house
        .repo
        .publish(&[(&file, &text)], "No robots", &house.owner);
    let start = Instant::now();
    reconcile(terminal, house);
    house.admin().wait_gone(&robots);
    terminal.holds("ConfigMap network/home-robots is pruned", start.elapsed());
    steady(house);
}

fn unsigned_push(terminal: &Terminal, house: &mut House) {
    let before = house.picture();
    let good = house.repo.id("HEAD");
    let file = "kubernetes/apps/network/echo/base/greeting.yaml";
    let text = read(house, file).replace("hello from", "mallory was here at");
    terminal.does("git commit --no-gpg-sign -am 'Trust me' && git push");
    house.repo.write(file, text);
    let bad = house.repo.commit_unsigned("Trust me");
    house.repo.push();
    let start = Instant::now();
    let arguments = [
        "reconcile",
        "source",
        "git",
        "flux-system",
        "--timeout",
        "20s",
    ];
    let (done, _) = terminal.windlass(&house.kubeconfig(), &arguments);
    assert!(!done, "reconciling a refused commit is no success");
    let message = wait::until("the source to refuse the commit", LIMIT, || {
        let (status, reason, message) = house.source_ready();
        let refused = status == "False" && message.contains(&bad[..7]);
        if refused {
            Ok(message)
        } else {
            Err(format!("{status} {reason} {message}"))
        }
    });
    terminal.holds("refused", start.elapsed());
    terminal.say(&format!("  GitRepository flux-system: {message}"));
    assert_eq!(
        before,
        house.picture(),
        "nothing in the cluster has changed"
    );
    terminal.say(&format!(
        "  {} objects compared: all as before",
        before.len()
    ));
    terminal.does("git reset --hard HEAD~1 && git push --force");
    house.repo.git(&["reset", "--quiet", "--hard", &good]);
    house.repo.push();
    reconcile(terminal, house);
}

fn offline(terminal: &Terminal, house: &mut House) {
    terminal.does("systemctl stop git-server; systemctl restart windlass");
    house.server.stop();
    let status = house.agent.stop();
    assert!(status.success(), "the agent stops cleanly: {status}");
    house.agent.start();
    let greeting = ObjectRef::new("v1", "ConfigMap", "network", "home-greeting");
    terminal.does("kubectl delete configmap -n network home-greeting");
    let start = Instant::now();
    let old = house.admin().get(&greeting).expect("it is there before");
    house.admin().delete(&greeting);
    house
        .admin()
        .wait_for("the ConfigMap to come back", &greeting, |new| {
            new["metadata"]["uid"] != old["metadata"]["uid"] && new["data"] == old["data"]
        });
    terminal.holds(
        "the agent started from its verified cache and made it again",
        start.elapsed(),
    );
    terminal.windlass(
        &house.kubeconfig(),
        &[
            "reconcile",
            "source",
            "git",
            "flux-system",
            "--timeout",
            "5s",
        ],
    );
    terminal.windlass(&house.kubeconfig(), &["get", "sources", "git", "-A"]);
    terminal.does("systemctl start git-server");
    house.server.restart();
    reconcile(terminal, house);
    steady(house);
}

/// Asks for a fetch, and expects it to succeed.
fn reconcile(terminal: &Terminal, house: &House) {
    let arguments = ["reconcile", "source", "git", "flux-system"];
    let (done, _) = terminal.windlass(&house.kubeconfig(), &arguments);
    assert!(done, "the source can be fetched\n{}", house.agent.log());
}

/// Waits until every Kustomization is ready and has applied the repository's head.
fn steady(house: &House) {
    let head = house.repo.id("HEAD");
    wait::until("every Kustomization to be at the head", AT_ONCE, || {
        let kind = "kustomize.toolkit.fluxcd.io/v1";
        let all = house.admin().list(kind, "Kustomization", "flux-system", "");
        let behind = all.iter().filter(|object| {
            let revision = object.pointer("/status/lastAppliedRevision");
            !revision
                .and_then(|it| it.as_str())
                .is_some_and(|it| it.ends_with(&head))
        });
        let behind: Vec<_> = behind
            .map(|object| object["metadata"]["name"].clone())
            .collect();
        let unready = house
            .kustomizations()
            .values()
            .filter(|ready| !**ready)
            .count();
        let steady = behind.is_empty() && unready == 0;
        if steady {
            Ok(())
        } else {
            Err(format!("behind {head}: {behind:?}; not ready: {unready}"))
        }
    });
}

fn echo() -> ObjectRef {
    ObjectRef::new("apps/v1", "Deployment", "network", "home-echo")
}

fn read(house: &House, file: &str) -> String {
    std::fs::read_to_string(house.repo.path().join(file)).expect("the fixture has this file")
}

fn keep(terminal: &Terminal, house: &House) {
    let show = |path: &Path| path.display().to_string();
    let key = house.owner.key();
    terminal
        .say("\nEverything is left running until Ctrl-C. To play with it, in another terminal:\n");
    terminal.say(&format!(
        "  export KUBECONFIG={}",
        show(&house.plane.kubeconfig(User::Admin))
    ));
    terminal.say(&format!("  alias windlass={}", show(&agent::binary())));
    terminal.say("  windlass get all -A; windlass status; windlass events");
    terminal.say(&format!(
        "  tail -f {}",
        show(&house.agent.path().join("agent.log"))
    ));
    terminal.say(&format!("\n  cd {}", show(&house.repo.path())));
    terminal.say(&format!(
        "  git config gpg.format ssh; git config user.signingkey {}",
        show(&key)
    ));
    terminal.say(&format!(
        "  git config user.email {}; git config user.name You",
        house.owner.principal()
    ));
    terminal.say(&format!(
        "  git remote add origin {}",
        show(&house.server.path().join(REPOSITORY))
    ));
    terminal.say("  # change something, then:");
    terminal.say("  git commit -S -am 'Try it' && git push origin main && windlass reconcile source git flux-system");
    loop {
        std::thread::park();
    }
}
