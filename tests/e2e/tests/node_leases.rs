//! What each node says of itself in its own Lease, and how it is shown to somebody who has only a kubeconfig.

use serde_json::Value;
use windlass_kit::agent::windlass;
use windlass_kit::api::{ObjectRef, condition};
use windlass_kit::controlplane::User;
use windlass_kit::repo::Signer;
use windlass_kit::wait;

use crate::house::{House, root_source};
use crate::leadership::TERM;
use crate::tenant::map;

fn lease(node: &str) -> ObjectRef {
    let name = format!("windlass-witness-{node}");
    ObjectRef::new("coordination.k8s.io/v1", "Lease", "flux-system", &name)
}

fn said(lease: &Value, what: &str) -> String {
    let said = &lease["metadata"]["annotations"][format!("windlass.dev/{what}")];
    said.as_str().unwrap_or_default().to_owned()
}

fn screen(house: &House) -> String {
    let answer = windlass(&house.control_plane.kubeconfig(User::Admin), &["status"]);
    String::from_utf8_lossy(&answer.stdout).into_owned()
}

fn shows(house: &House, what: &str, right: impl Fn(&str) -> bool) {
    wait::until(what, TERM * 4, || {
        let screen = screen(house);
        if right(&screen) { Ok(()) } else { Err(screen) }
    });
}

fn row<'screen>(screen: &'screen str, node: &str) -> &'screen str {
    let row = screen.lines().find(|line| line.starts_with(node));
    row.unwrap_or_default()
}

#[test]
fn status_shows_every_node_and_names_the_one_that_is_held_to_other_roots() {
    let mut house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let mut second = house.second_agent();
    // The same keys in another layout are the same roots.
    let own = house.signer.allowed_signers();
    second.write_signers(&format!("# the same\n\n{own}"));
    second.start();
    let commit = house.repo.id("HEAD");
    shows(&house, "both nodes to be there", |screen| {
        let (one, two) = (row(screen, "node-a"), row(screen, "node-b"));
        let revision = commit
            .get(..8)
            .is_some_and(|id| one.contains(id) && two.contains(id));
        one.contains("leader") && two.contains("standby") && revision
    });
    assert!(!screen(&house).contains("! node"), "{}", screen(&house));
    let lease_of = |node: &str| house.admin().get(&lease(node)).expect("it was shown");
    for node in ["node-a", "node-b"] {
        let free: u64 = said(&lease_of(node), "free-disk").parse().unwrap();
        assert!(free > 0);
        assert_eq!(said(&lease_of(node), "version"), env!("CARGO_PKG_VERSION"));
    }

    let spare = Signer::new("spare@house.example");
    second.write_signers(&format!("{own}{}", spare.allowed_signers()));
    shows(&house, "the node with another key to be named", |screen| {
        screen.contains("! node-b trusts other keys, sources or another introduction than node-a")
            || screen
                .contains("! node-a trusts other keys, sources or another introduction than node-b")
    });
    second.write_signers(&own);
    shows(&house, "them to be the same again", |screen| {
        !screen.contains("! node")
    });

    house.repo.write("root.yaml", map("default", "root", "two"));
    let unsigned = house.repo.commit_unsigned("Unsigned");
    house.repo.push();
    house.request();
    shows(&house, "both nodes to refuse it", |screen| {
        ["node-a", "node-b"].iter().all(|node| {
            let row = row(screen, node);
            row.contains("refuses what is offered") && row.contains(&unsigned[..8])
        })
    });
    house.repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let good = house.push(&[("root.yaml", &map("default", "root", "three"))], "Good");
    house.applied(&good);
    shows(&house, "no node to refuse it", |screen| {
        !screen.contains("refuses what")
    });
}

/// Nothing is written at rest, whatever is polled.
#[test]
fn a_nodes_lease_is_written_when_something_changes_and_not_with_every_pass() {
    let house = House::start(&[("root.yaml", &map("default", "root", "one"))]);
    let commit = house.repo.id("HEAD");
    let mine = lease("node-a");
    let settled = house
        .admin()
        .wait_for("the node to say it", &mine, |lease| {
            said(lease, "revision").contains(&commit) && said(lease, "role") == "leader"
        });
    for _ in 0..3 {
        let before = house.handled();
        house.request();
        house
            .admin()
            .wait_for("the request to be handled", &root_source(), |source| {
                source["status"]["lastHandledReconcileAt"] != before
            });
    }
    let after = house.admin().get(&mine).expect("it is there");
    assert_eq!(
        after["metadata"]["resourceVersion"],
        settled["metadata"]["resourceVersion"]
    );
    assert!(condition(&house.ready("flux-system", "flux-system"), "Ready").is_some());
}
