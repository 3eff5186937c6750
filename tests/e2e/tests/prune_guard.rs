//! A commit that would delete too much waits for a person, with nothing of it applied.

use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::agent::windlass;
use windlass_kit::api::ObjectRef;
use windlass_kit::controlplane::User;
use windlass_kit::wait;

use crate::commands::Ran;
use crate::house::{GIT_REPOSITORY, KUSTOMIZATION, namespace};
use crate::tenant::{Tenant, bare_map, map, shared};

const HELD: &str = "PruneHeld";
/// As long as a deletion that must not happen is watched for.
const A_WHILE: Duration = Duration::from_secs(2);
const CONFIRM: &str = "windlass.dev/confirm-prune";

/// The path and text of ConfigMap `many-NUMBER`.
fn many(folder: &str, count: usize) -> Vec<(String, String)> {
    let file = |number| {
        let name = format!("many-{number}");
        (format!("{folder}/{name}.yaml"), bare_map(&name, "1"))
    };
    (0..count).map(file).collect()
}

fn start(prefix: &str, files: &[(String, String)]) -> Tenant {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    Tenant::start(prefix, &files)
}

fn into(tenant: &Tenant, name: &str) {
    tenant.kustomize(name, json!({"targetNamespace": tenant.namespace}));
    tenant.ready(name);
}

fn maps(tenant: &Tenant) -> usize {
    let maps = tenant
        .admin()
        .list("v1", "ConfigMap", &tenant.namespace, "");
    let ours = maps.iter().filter(|map| {
        let name = map["metadata"]["name"].as_str();
        name.is_some_and(|name| name.starts_with("many-"))
    });
    ours.count()
}

/// What the command that a message ends with sets.
fn token(message: &str) -> String {
    let (_, token) = message.rsplit_once(&format!("{CONFIRM}=")).unwrap();
    token.to_owned()
}

/// What that command does.
fn confirm(tenant: &Tenant, name: &str, token: &str) {
    let confirmed = json!({"metadata": {"annotations": {CONFIRM: token}}});
    tenant.admin().patch(&tenant.reference(name), &confirmed);
}

fn has_stalled(tenant: &Tenant, name: &str) -> bool {
    let object = tenant.admin().get(&tenant.reference(name)).unwrap();
    crate::tenant::state(&object, "Stalled") == "True"
}

#[test]
fn t51_a_commit_that_deletes_much_is_held_whole_until_it_is_confirmed() {
    let mut files = many("app", 14);
    files.push(("app/stays.yaml".to_owned(), bare_map("stays", "1")));
    let mut tenant = start("guard", &files);
    into(&tenant, "app");
    (0..12).for_each(|number| tenant.repo.remove(&format!("app/many-{number}.yaml")));
    let commit = tenant.push(&[("app/stays.yaml", &bare_map("stays", "2"))], "Less");
    let message = tenant.fails("app", HELD, "12 of 15 objects");
    assert!(message.contains("more than 30 %"), "{message}");
    assert!(message.contains("and 2 more"), "{message}");
    let command = format!(
        "kubectl -n {} annotate --overwrite kustomizations.kustomize.toolkit.fluxcd.io/app {CONFIRM}=",
        tenant.namespace
    );
    assert!(message.contains(&command), "{message}");
    let ours = format!("windlass confirm kustomization app -n {}", tenant.namespace);
    assert!(message.contains(&ours), "{message}");
    assert!(has_stalled(&tenant, "app"));
    tenant.event("app", HELD, "12 of 15 objects");
    // A confirmation of something else counts for nothing.
    confirm(&tenant, "app", "0123456789ab");
    wait::holds("everything", A_WHILE, || {
        maps(&tenant) == 14 && tenant.value("stays").as_deref() == Some("1")
    });
    // Nobody can be asked here: the command shows what is held, and confirms it only when told to.
    let line = ["confirm", "kustomization", "app", "-n", &tenant.namespace];
    let admin = shared().control_plane.kubeconfig(User::Admin);
    let asked = Ran::of(&windlass(&admin, &line)).ends_with(1);
    assert!(asked.progress.contains("12 of 15 objects"), "{asked:?}");
    assert_eq!(maps(&tenant), 14);
    let _ = Ran::of(&windlass(&admin, &[&line[..], &["--yes"]].concat())).done();
    tenant.applied("app", &commit);
    assert_eq!(maps(&tenant), 2);
    let again = Ran::of(&windlass(&admin, &line)).ends_with(1);
    assert!(again.progress.contains("nothing to confirm"), "{again:?}");
    assert_eq!(tenant.value("stays").as_deref(), Some("2"));

    // The same objects come back and go again: that is another deletion.
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    let commit = tenant.push(&files, "More again");
    tenant.applied("app", &commit);
    (0..12).for_each(|number| tenant.repo.remove(&format!("app/many-{number}.yaml")));
    tenant.push(&[], "Less again");
    tenant.fails("app", HELD, "12 of 15 objects");
    // A commit that takes it back needs nobody.
    let commit = tenant.push(&files, "That was wrong");
    tenant.applied("app", &commit);
    assert_eq!(maps(&tenant), 14);
}

#[test]
fn the_annotation_of_a_kustomization_says_how_much_is_too_much() {
    let mut tenant = start("guard-share", &many("app", 20));
    into(&tenant, "app");
    let says = |tenant: &Tenant, value: Value| {
        let annotations = json!({"metadata": {"annotations": {"windlass.dev/prune-guard": value}}});
        tenant.admin().patch(&tenant.reference("app"), &annotations);
    };
    says(&tenant, json!("60%"));
    (0..10).for_each(|number| tenant.repo.remove(&format!("app/many-{number}.yaml")));
    let commit = tenant.push(&[], "Half of it");
    tenant.applied("app", &commit);
    // Ten are left, and all but one go.
    (10..19).for_each(|number| tenant.repo.remove(&format!("app/many-{number}.yaml")));
    let commit = tenant.push(&[], "Fewer than ten");
    tenant.applied("app", &commit);
    says(&tenant, json!("a bit"));
    tenant.push(&[("app/kustomization.yaml", "resources: []\n")], "All");
    tenant.fails("app", HELD, "\"a bit\" is neither");
    says(&tenant, json!("disabled"));
    tenant.ready("app");
    assert_eq!(maps(&tenant), 0);
}

#[test]
fn t51_an_empty_render_deletes_nothing_by_itself() {
    let mut tenant = Tenant::start("guard-empty", &[("app/map.yaml", &bare_map("many-0", "1"))]);
    into(&tenant, "app");
    tenant.push(
        &[("app/kustomization.yaml", "resources: []\n")],
        "Forget the list",
    );
    let message = tenant.fails("app", HELD, "nothing would be left");
    wait::holds("the map", A_WHILE, || maps(&tenant) == 1);
    confirm(&tenant, "app", &token(&message));
    tenant.ready("app");
    assert_eq!(maps(&tenant), 0);
}

#[test]
fn a_render_of_nothing_but_what_windlass_stands_in_for_deletes_nothing_by_itself() {
    let mut tenant = Tenant::start("guard-flux", &[("none/map.yaml", &bare_map("none", "1"))]);
    let only = map(&tenant.namespace, "many-0", "1");
    tenant.push(&[("app/map.yaml", &only)], "One");
    tenant.kustomize("app", json!({}));
    tenant.ready("app");
    // The Namespace of Flux is windlass's own: it is neither applied nor pruned.
    let flux = "apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n";
    let list = "resources: [flux.yaml]\n";
    tenant.push(
        &[("app/flux.yaml", flux), ("app/kustomization.yaml", list)],
        "Only Flux is left",
    );
    let message = tenant.fails("app", HELD, "nothing would be left");
    wait::holds("the map", A_WHILE, || maps(&tenant) == 1);
    confirm(&tenant, "app", &token(&message));
    tenant.ready("app");
    assert_eq!(maps(&tenant), 0);
}

#[test]
fn what_a_held_revision_leaves_as_it_was_is_still_put_back() {
    let mut files = many("app", 14);
    files.push(("app/stays.yaml".to_owned(), bare_map("stays", "1")));
    let mut tenant = start("guard-drift", &files);
    into(&tenant, "app");
    (0..12).for_each(|number| tenant.repo.remove(&format!("app/many-{number}.yaml")));
    tenant.push(&[("app/stays.yaml", &bare_map("stays", "2"))], "Less");
    tenant.fails("app", HELD, "12 of 15 objects");
    let foreign = json!({"data": {"value": "foreign"}});
    for name in ["many-13", "stays", "many-0"] {
        tenant.admin().patch(&tenant.config_map(name), &foreign);
    }
    wait::until_true("the map to be put back", Duration::from_secs(20), || {
        tenant.value("many-13").as_deref() == Some("1")
    });
    // What the held revision changes or deletes is nobody's to decide yet.
    wait::holds("the others", A_WHILE, || {
        ["stays", "many-0"]
            .iter()
            .all(|name| tenant.value(name).as_deref() == Some("foreign"))
    });
    tenant.event("app", "DriftCorrected", "many-13");
    tenant.fails("app", HELD, "12 of 15 objects");
}

/// A Kustomization `inner` of folder `./inner`, as a file of another one.
fn inner(tenant_namespace: &str) -> String {
    json!({
        "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
        "metadata": {"name": "inner", "namespace": tenant_namespace},
        "spec": {"path": "./inner", "prune": true, "interval": "10m",
            "targetNamespace": tenant_namespace,
            "sourceRef": {"kind": "GitRepository", "name": "source"}},
    })
    .to_string()
}

#[test]
fn t51_a_deleted_kustomization_counts_with_all_that_it_holds() {
    let mut files = many("inner", 12);
    files.push(("outer/map.yaml".to_owned(), bare_map("outer", "1")));
    let mut tenant = start("guard-inner", &files);
    let file = inner(&tenant.namespace);
    tenant.publish(&[("outer/inner.yaml", &file)], "The inner one");
    tenant.request(&tenant.source());
    into(&tenant, "outer");
    tenant.ready("inner");
    assert_eq!(maps(&tenant), 12);
    tenant.repo.remove("outer/inner.yaml");
    let commit = tenant.push(&[], "Drop one file");
    let message = tenant.fails("outer", HELD, "13 of 14 objects");
    wait::holds("the inner objects", A_WHILE, || maps(&tenant) == 12);
    confirm(&tenant, "outer", &token(&message));
    tenant.applied("outer", &commit);
    tenant.admin().wait_gone(&tenant.reference("inner"));
    assert_eq!(maps(&tenant), 0);
}

#[test]
fn what_holds_data_is_asked_about_by_itself() {
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: photos\nspec:\n  \
        accessModes: [ReadWriteOnce]\n  resources:\n    requests:\n      storage: 1Gi\n";
    let files = [
        ("app/claim.yaml", claim),
        ("app/map.yaml", &bare_map("map", "1")),
    ];
    let mut tenant = Tenant::start("guard-claim", &files);
    into(&tenant, "app");
    tenant.repo.remove("app/claim.yaml");
    let commit = tenant.push(&[], "No photos");
    let claim = format!("PersistentVolumeClaim/{}/photos", tenant.namespace);
    let message = tenant.fails("app", HELD, &format!("{claim} holds data"));
    let reference = ObjectRef::new("v1", "PersistentVolumeClaim", &tenant.namespace, "photos");
    wait::holds("the claim", A_WHILE, || {
        let live = tenant.admin().get(&reference).unwrap();
        live["metadata"]["deletionTimestamp"].is_null()
    });
    confirm(&tenant, "app", &token(&message));
    tenant.applied("app", &commit);
    tenant.admin().wait_gone(&reference);
}

#[test]
fn a_namespace_that_others_keep_data_in_is_asked_about_and_an_empty_one_is_not() {
    let mut tenant = Tenant::start("guard-home", &[("README.md", "Homes.\n")]);
    let [full, bare] = ["full", "bare"].map(|home| format!("{}-{home}", tenant.namespace));
    let file = |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n");
    let files = [
        ("app/full.yaml", &file(&full) as &str),
        ("app/bare.yaml", &file(&bare)),
        ("app/stays.yaml", &map(&tenant.namespace, "stays", "1")),
    ];
    let commit = tenant.push(&files, "Homes");
    tenant.kustomize("app", json!({}));
    tenant.applied("app", &commit);
    // Not from Git: somebody's source lives there.
    tenant.admin().apply(&json!({
        "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
        "metadata": {"name": "theirs", "namespace": full},
        "spec": {"interval": "10m", "suspend": true, "url": "https://git.example.org/theirs.git"},
    }));
    tenant.repo.remove("app/bare.yaml");
    let commit = tenant.push(&[], "The bare one goes");
    tenant.applied("app", &commit);
    tenant.admin().wait_gone(&namespace(&bare));
    tenant.repo.remove("app/full.yaml");
    tenant.push(&[], "The full one goes");
    let theirs = format!("Namespace/{full} takes GitRepository/{full}/theirs with it");
    tenant.fails("app", HELD, &theirs);
    shared().admin().delete(&ObjectRef::new(
        GIT_REPOSITORY,
        "GitRepository",
        &full,
        "theirs",
    ));
    tenant.request(&tenant.reference("app"));
    tenant.ready("app");
    tenant.admin().wait_gone(&namespace(&full));
}

/// A definition of the kind Album.
fn albums(group: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: albums.{group}\n\
        spec:\n  group: {group}\n  scope: Namespaced\n  names: {{kind: Album, plural: albums}}\n  versions:\n  \
        - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema: {{type: object}}\n"
    )
}

#[test]
fn a_definition_whose_objects_are_not_from_git_is_asked_about() {
    let mut tenant = Tenant::start("guard-crd", &[("app/map.yaml", &bare_map("map", "1"))]);
    let group = format!("{}.example.org", tenant.namespace);
    let own = json!({"apiVersion": format!("{group}/v1"), "kind": "Album",
        "metadata": {"name": "own", "namespace": tenant.namespace}});
    let files = [
        ("app/albums.yaml", &albums(&group) as &str),
        ("app/own.yaml", &own.to_string()),
    ];
    let commit = tenant.push(&files, "Albums");
    tenant.kustomize("app", json!({"targetNamespace": tenant.namespace}));
    tenant.applied("app", &commit);
    let mut theirs = own.clone();
    theirs["metadata"]["name"] = "theirs".into();
    tenant.admin().apply(&theirs);
    tenant.repo.remove("app/albums.yaml");
    tenant.repo.remove("app/own.yaml");
    let commit = tenant.push(&[], "No albums");
    let held = format!("takes Album/{}/theirs with it", tenant.namespace);
    let message = tenant.fails("app", HELD, &held);
    assert!(!message.contains("/own with it"), "{message}");
    let album = |name| ObjectRef::new(&format!("{group}/v1"), "Album", &tenant.namespace, name);
    wait::holds("the albums", A_WHILE, || {
        ["own", "theirs"].iter().all(|name| {
            let live = tenant.admin().get(&album(name));
            live.is_some_and(|live| live["metadata"]["deletionTimestamp"].is_null())
        })
    });
    confirm(&tenant, "app", &token(&message));
    tenant.applied("app", &commit);
    let definition = "CustomResourceDefinition";
    let name = format!("albums.{group}");
    let definition = ObjectRef::new("apiextensions.k8s.io/v1", definition, "", &name);
    tenant.admin().wait_gone(&definition);
}

#[test]
fn an_object_that_moves_to_another_kustomization_is_not_deleted_by_the_old_one() {
    let files = [
        ("old/map.yaml", &bare_map("moves", "1") as &str),
        ("old/stays.yaml", &bare_map("stays", "1")),
        ("new/other.yaml", &bare_map("other", "1")),
    ];
    let mut tenant = Tenant::start("guard-move", &files);
    into(&tenant, "old");
    into(&tenant, "new");
    let uid = |tenant: &Tenant| {
        let live = tenant.admin().get(&tenant.config_map("moves"));
        live.map(|live| live["metadata"]["uid"].clone())
    };
    let before = uid(&tenant);
    tenant.repo.remove("old/map.yaml");
    let commit = tenant.push(&[("new/map.yaml", &bare_map("moves", "2"))], "Move it");
    tenant.applied("old", &commit);
    tenant.applied("new", &commit);
    assert_eq!(tenant.value("moves").as_deref(), Some("2"));
    assert_eq!(uid(&tenant), before, "it was deleted and made again");
    let label = tenant.admin().get(&tenant.config_map("moves")).unwrap();
    let label = &label["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"];
    assert_eq!(label, "new");
}
