//! Every view in headless Chromium: what it says, its colours, its speed, by keyboard, and without an API server.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_kit::api::ObjectRef;
use windlass_kit::browser::Browser;
use windlass_kit::controlplane::Options;
use windlass_kit::ports::Port;
use windlass_kit::repo::Signer;

use super::listen;
use crate::house::{GIT_REPOSITORY, House, KUSTOMIZATION, nested};
use crate::tenant::map;

/// From an empty page to the last table, and from a change in the cluster to the page (the figures).
const OPENS: Duration = Duration::from_secs(1);
const UPDATES: Duration = Duration::from_millis(200);

const VIEWS: [&str; 5] = [
    "",
    "graph",
    "events",
    "commits",
    "object/Kustomization/flux-system/flux-system",
];

/// What is wrong with the page for whoever reads it by ear, by keyboard, or with weak eyes: names, order, contrast 4.5:1 (WCAG 2.2,
/// 1.4.3), and nothing that has to be scrolled sideways.
const AUDIT: &str = include_str!("audit.js");

/// A browser at the page, or none where there is none, which is said.
fn browser(port: &Port) -> Option<Browser> {
    let Some(browser) = Browser::start() else {
        eprintln!(
            "SKIPPED, NOT TESTED: the status page in a browser: chromium and chromedriver are not installed"
        );
        return None;
    };
    browser.resize(1280, 900);
    browser.open(&format!("http://localhost:{}/", port.number()));
    Some(browser)
}

fn go(browser: &Browser, view: &str) {
    browser.run(&format!("location.hash = '#/{view}'"));
    browser.wait(
        "the view",
        &format!("return document.querySelector('h1') && location.hash == '#/{view}'"),
    );
}

/// Looks at every view, wide and narrow, light and dark.
fn audit(browser: &Browser, name: &str) {
    for (width, height) in [(1280, 900), (390, 844)] {
        for scheme in ["light", "dark"] {
            browser.resize(width, height);
            browser.prefer(scheme);
            for view in VIEWS {
                go(browser, view);
                keep(
                    browser,
                    &format!(
                        "{name}-{}-{scheme}-{width}",
                        view.split('/').next().unwrap()
                    ),
                );
                let wrong = browser.run(AUDIT);
                assert_eq!(wrong, json!([]), "{name}, {view}, {scheme}, {width} pixels");
            }
        }
    }
    browser.resize(1280, 900);
}

/// Keeps a picture where somebody wants to look.
fn keep(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("WINDLASS_SCREENSHOTS") {
        let folder = PathBuf::from(folder);
        std::fs::create_dir_all(&folder).unwrap();
        browser.screenshot(&folder.join(format!("{name}.png")));
    }
}

#[test]
fn a_small_house_is_shown_live_and_goes_on_when_the_api_server_does_not() {
    let port = Port::claim();
    let apps = nested("apps", "./apps", json!({}));
    let broken = nested("broken", "./nowhere", json!({}));
    let mut house = House::start_with(
        &Options::api_server(),
        &[
            (
                "kustomization.yaml",
                "resources: [apps.yaml, broken.yaml]\n",
            ),
            ("apps.yaml", &apps),
            ("broken.yaml", &broken),
            ("apps/map.yaml", &map("default", "settings", "blue")),
        ],
        |agent| listen(agent, &port),
    );
    house.ready("flux-system", "apps");
    let Some(browser) = browser(&port) else {
        return;
    };
    browser.wait(
        "the broken one",
        "return document.querySelector('h1')?.textContent == '1 of 4 objects is not ready'",
    );
    let text = browser.text();
    for said in [
        "on node-a",
        "Kustomization flux-system/broken",
        "ArtifactFailed",
        "leader",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    audit(&browser, "small");

    // The graph leads by keyboard from the source to what is applied.
    go(&browser, "graph");
    let reached = || browser.run("return document.activeElement.textContent");
    browser.run("document.querySelector('input[type=search]').focus()");
    for _ in 0..30 {
        browser.press("Tab");
        if reached()
            .as_str()
            .unwrap_or_default()
            .contains("flux-system/apps")
        {
            break;
        }
    }
    browser.press("Enter");
    browser.wait(
        "what apps applied",
        "return document.body.innerText.includes('default/settings')",
    );

    // What is repaired leaves the list without a reload.
    go(&browser, "");
    let repaired = nested("broken", "./apps", json!({"suspend": true}));
    house.push(&[("broken.yaml", &repaired)], "Repair it");
    browser.wait(
        "it to be suspended",
        "return document.querySelector('h1').textContent.startsWith('All of 4')",
    );

    // A refused commit is in the log as soon as it is judged.
    go(&browser, "commits");
    let stranger = Signer::new("stranger@elsewhere.example");
    let more = map("default", "more", "x");
    house
        .repo
        .publish(&[("more.yaml", &more)], "By a stranger", &stranger);
    house.request();
    browser.wait(
        "the refusal",
        "return document.body.innerText.includes('✗ refused')",
    );

    go(&browser, "");
    house.control_plane.kill_api_server();
    browser.wait(
        "the silence",
        "return document.querySelector('#banner').textContent.includes('has not answered')",
    );
    assert!(browser.text().contains("flux-system/apps"));
    house.agent.kill();
    browser.wait(
        "the end",
        "return document.querySelector('#banner').textContent.includes('does not answer')",
    );
    assert!(browser.text().contains("flux-system/apps"));
}

/// Kustomizations that nobody reconciles, with as many entries in their inventories as a large house has.
fn furnish(house: &House) {
    let admin = house.admin();
    for number in 0..50 {
        let name = format!("area-{number}");
        admin.apply(&json!({
            "apiVersion": KUSTOMIZATION, "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "flux-system"},
            "spec": {
                "interval": "1h", "path": "./", "prune": false, "suspend": true,
                "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            },
        }));
        let entries: Vec<Value> = (0..100)
            .map(|entry| json!({"id": format!("area-{number}_thing-{entry}_apps_Deployment"), "v": "v1"}))
            .collect();
        let status = json!({"status": {"inventory": {"entries": entries}, "lastAppliedRevision": "main@sha1:0000000000000000000000000000000000000000"}});
        admin.patch_subresource(
            &ObjectRef::new(KUSTOMIZATION, "Kustomization", "flux-system", &name),
            "status",
            &status,
        );
    }
}

#[test]
fn five_thousand_objects_open_in_a_second_and_change_in_a_fifth_of_one() {
    let port = Port::claim();
    let house = House::start_with(&Options::api_server(), &[], |agent| listen(agent, &port));
    furnish(&house);
    let Some(browser) = browser(&port) else {
        return;
    };
    let all = "return document.querySelectorAll('tbody')[2]?.rows.length == 51";
    browser.wait("every Kustomization", all);
    audit(&browser, "large");

    // Once more, now that nothing else goes on: the browser's own clock, from the first byte to the last row.
    go(&browser, "");
    let opened = (0..5).map(|_| {
        browser.open("about:blank");
        browser.open(&format!("http://localhost:{}/", port.number()));
        browser.wait("every Kustomization", all);
        browser
            .run("return performance.measure('shown', undefined, 'shown').duration")
            .as_f64()
            .unwrap()
    });
    let opened = opened.fold(f64::INFINITY, f64::min);
    assert!(
        opened < OPENS.as_secs_f64() * 1000.0,
        "opened in {opened} ms"
    );

    let updated = (0..5).map(|turn| update(&house, &browser, turn));
    let updated = updated.min().unwrap();
    assert!(updated < UPDATES, "updated in {updated:?}");

    go(&browser, "graph");
    browser.run("document.querySelector('input[type=search]').focus()");
    browser.run("const field = document.querySelector('input[type=search]'); field.value = 'area-7/thing-42'; field.dispatchEvent(new Event('input'))");
    browser.wait("the one thing", "return [...document.querySelectorAll('.tree .leaf')].filter((leaf) => leaf.textContent.includes('area-7/thing-42')).length == 1");
    assert!(!browser.text().contains("area-8/"));
}

/// Changes an object, and gives how long the page took to show it.
fn update(house: &House, browser: &Browser, turn: u32) -> Duration {
    let name = format!("turn-{turn}");
    browser.run(&format!(
        "window.seen = new Promise((go) => new MutationObserver(() => document.body.innerText.includes('{name}') && go(Date.now()))\
         .observe(document.body, {{subtree: true, childList: true, characterData: true}}))"
    ));
    let source = json!({
        "apiVersion": GIT_REPOSITORY, "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": "1h", "url": "https://nowhere.example/x", "suspend": true},
    });
    house.admin().apply(&source);
    let began = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let seen = browser.run("return window.seen").as_f64().unwrap();
    Duration::from_secs_f64((seen / 1000.0 - began.as_secs_f64()).max(0.0))
}
