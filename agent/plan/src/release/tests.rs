use serde_json::json;
use windlass_api::helm_release::{HelmReleaseSpec, HelmReleaseStatus, Snapshot};

use super::*;

fn spec(mut value: serde_json::Value) -> HelmReleaseSpec {
    value["interval"] = "10m".into();
    serde_json::from_value(value).unwrap()
}

fn status(value: serde_json::Value) -> HelmReleaseStatus {
    serde_json::from_value(value).unwrap()
}

fn snapshot(version: i64, status: &str, tests: serde_json::Value) -> serde_json::Value {
    json!({
        "digest": "sha256:a", "name": "web", "namespace": "shop", "version": version, "status": status,
        "chartName": "web", "chartVersion": "1.0.0", "configDigest": "sha256:b", "testHooks": tests,
        "firstDeployed": "2026-01-01T00:00:00Z", "lastDeployed": "2026-01-02T00:00:00Z",
    })
}

fn untested(version: i64, status: &str) -> serde_json::Value {
    snapshot(version, status, serde_json::Value::Null)
}

const DEPLOYED: Found<'static> = Found {
    status: "deployed",
    observed: true,
    same_chart: true,
    same_values: true,
    post_renderers: None,
    common_metadata: None,
};

fn judged(spec: &HelmReleaseSpec, status: &HelmReleaseStatus, found: &Found<'_>) -> State {
    state(spec, status, 1, Some(found)).unwrap()
}

fn decided(
    spec: &HelmReleaseSpec,
    status: &HelmReleaseStatus,
    state: &State,
    forced: bool,
    target: RollbackTarget,
) -> Result<Decision, Stop> {
    let rules = Rules {
        spec,
        status,
        forced,
    };
    decide(rules, state, |_| target)
}

fn action(
    spec: &HelmReleaseSpec,
    status: &HelmReleaseStatus,
    state: &State,
) -> Result<Option<Action>, Stop> {
    decided(spec, status, state, false, RollbackTarget::Intact).map(|decision| decision.action)
}

#[test]
fn a_release_that_is_not_there_is_installed() {
    let (spec, status) = (spec(json!({})), status(json!({})));
    let state = state(&spec, &status, 1, None).unwrap();
    assert!(matches!(state, State::Absent(_)));
    assert_eq!(action(&spec, &status, &state), Ok(Some(Action::Install)));
}

#[test]
fn a_release_somebody_was_killed_over_is_unlocked_first_whatever_the_history_says() {
    let spec = spec(json!({}));
    let known = status(json!({"history": [untested(1, "deployed")]}));
    for word in ["pending-install", "pending-upgrade", "pending-rollback"] {
        for status in [&known, &status(json!({}))] {
            let found = Found {
                status: word,
                observed: false,
                ..DEPLOYED
            };
            let state = judged(&spec, status, &found);
            assert!(matches!(&state, State::Locked(reason) if reason.contains(word)));
            assert_eq!(action(&spec, status, &state), Ok(Some(Action::Unlock)));
        }
    }
}

#[test]
fn a_release_we_did_not_make_or_did_not_leave_so_is_upgraded_and_its_history_forgotten() {
    let spec = spec(json!({}));
    let foreign = judged(&spec, &status(json!({})), &DEPLOYED);
    let known = status(json!({"history": [untested(1, "deployed")]}));
    let changed = Found {
        observed: false,
        ..DEPLOYED
    };
    for state in [foreign, judged(&spec, &known, &changed)] {
        assert!(matches!(state, State::Unmanaged(_)), "{state:?}");
        let decision = decided(&spec, &known, &state, false, RollbackTarget::Intact);
        let expected = Decision {
            action: Some(Action::Upgrade),
            remembered: Remembered::Nothing,
        };
        assert_eq!(decision, Ok(expected));
    }
}

#[test]
fn an_uninstalled_release_is_installed_again() {
    let spec = spec(json!({}));
    let found = Found {
        status: "uninstalled",
        ..DEPLOYED
    };
    for history in [json!([]), json!([untested(1, "uninstalled")])] {
        let status = status(json!({"history": history}));
        let state = judged(&spec, &status, &found);
        assert_eq!(state, State::Absent("found uninstalled release in storage"));
    }
}

#[test]
fn a_status_that_nothing_follows_from_is_an_error_that_names_it() {
    let status = status(json!({"history": [untested(1, "superseded")]}));
    let found = Found {
        status: "superseded",
        ..DEPLOYED
    };
    let error = state(&spec(json!({})), &status, 1, Some(&found)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unable to determine state for release with status 'superseded'"
    );
}

#[test]
fn another_chart_other_values_and_other_renderers_are_an_upgrade() {
    let spec = spec(json!({}));
    let known = json!({"history": [untested(1, "deployed")], "observedGeneration": 0});
    let known = status(known);
    let cases = [
        Found {
            same_chart: false,
            ..DEPLOYED
        },
        Found {
            same_values: false,
            ..DEPLOYED
        },
        Found {
            post_renderers: Some("sha256:c"),
            ..DEPLOYED
        },
        Found {
            common_metadata: Some("sha256:d"),
            ..DEPLOYED
        },
    ];
    for found in cases {
        let state = judged(&spec, &known, &found);
        assert!(matches!(state, State::OutOfSync(_)), "{found:?}");
        assert_eq!(action(&spec, &known, &state), Ok(Some(Action::Upgrade)));
    }
    // Within a generation the digests are not looked at again.
    let mut same = known.clone();
    same.observed_generation = Some(1);
    assert_eq!(judged(&spec, &same, &cases[2]), State::InSync);
}

#[test]
fn tests_run_once_and_a_failed_one_is_a_failure_unless_that_is_ignored() {
    let tested = |tests| {
        status(json!({
            "history": [snapshot(2, "deployed", tests)], "lastAttemptedReleaseAction": "upgrade",
        }))
    };
    let testing = spec(json!({"test": {"enable": true}}));
    let lenient = spec(json!({
        "test": {"enable": true, "ignoreFailures": true},
    }));
    let strict = spec(json!({
        "test": {"enable": true, "ignoreFailures": true},
        "upgrade": {"remediation": {"ignoreTestFailures": false}},
    }));
    let failed = tested(json!({"a": {"phase": "Succeeded"}, "b": {"phase": "Failed"}}));
    let state = judged(&testing, &tested(json!(null)), &DEPLOYED);
    assert_eq!(state, State::Untested);
    assert_eq!(
        action(&testing, &tested(json!(null)), &state),
        Ok(Some(Action::Test))
    );
    let halfway = tested(json!({"a": {"phase": "Succeeded"}, "b": null}));
    assert_eq!(judged(&testing, &halfway, &DEPLOYED), State::Untested);
    assert_eq!(
        judged(&testing, &tested(json!({})), &DEPLOYED),
        State::InSync
    );
    assert!(matches!(
        judged(&testing, &failed, &DEPLOYED),
        State::Failed(_)
    ));
    assert_eq!(judged(&lenient, &failed, &DEPLOYED), State::InSync);
    assert!(matches!(
        judged(&strict, &failed, &DEPLOYED),
        State::Failed(_)
    ));
}

#[test]
fn a_release_in_sync_is_left_alone_unless_somebody_forces_it() {
    let spec = spec(json!({}));
    let status = status(json!({"history": [untested(1, "deployed")]}));
    let state = judged(&spec, &status, &DEPLOYED);
    assert_eq!(action(&spec, &status, &state), Ok(None));
    let forced = decided(&spec, &status, &state, true, RollbackTarget::Intact);
    assert_eq!(forced.unwrap().action, Some(Action::Upgrade));
}

/// A failed upgrade with retries, after a number of failures.
fn after(failures: i64, more: serde_json::Value) -> (HelmReleaseSpec, HelmReleaseStatus) {
    let spec = spec(json!({"upgrade": {"remediation": more}}));
    let status = status(json!({
        "history": [untested(2, "failed"), untested(1, "superseded")],
        "lastAttemptedReleaseAction": "upgrade", "upgradeFailures": failures,
    }));
    (spec, status)
}

#[test]
fn a_failed_upgrade_is_rolled_back_between_attempts_and_after_the_last() {
    let failed = State::Failed("");
    let (spec, status) = after(1, json!({"retries": 1}));
    assert_eq!(action(&spec, &status, &failed), Ok(Some(Action::Rollback)));
    let (spec, status) = after(2, json!({"retries": 1}));
    assert_eq!(action(&spec, &status, &failed), Ok(Some(Action::Rollback)));
    let (spec, status) = after(2, json!({"retries": 1, "remediateLastFailure": false}));
    let stop = Err(Stop::RetriesExceeded("remediate failed release"));
    assert_eq!(action(&spec, &status, &failed), stop);
    let (spec, status) = after(1, json!({}));
    assert_eq!(action(&spec, &status, &failed), stop);
    let more = json!({"retries": -1, "strategy": "uninstall", "remediateLastFailure": false});
    let (spec, status) = after(99, more);
    assert_eq!(action(&spec, &status, &failed), Ok(Some(Action::Uninstall)));
    let out_of_sync = State::OutOfSync("");
    let (spec, status) = after(2, json!({"retries": 1}));
    let stop = Err(Stop::RetriesExceeded("upgrade release"));
    assert_eq!(action(&spec, &status, &out_of_sync), stop);
    let forced = decided(&spec, &status, &out_of_sync, true, RollbackTarget::Intact);
    assert_eq!(forced.unwrap().action, Some(Action::Upgrade));
}

#[test]
fn a_failure_nobody_counted_and_a_forced_one_are_upgraded() {
    let failed = State::Failed("");
    let (spec, status) = after(0, json!({"retries": 1}));
    assert_eq!(action(&spec, &status, &failed), Ok(Some(Action::Upgrade)));
    let (spec, mut status) = after(9, json!({"retries": 1}));
    let forced = decided(&spec, &status, &failed, true, RollbackTarget::Intact);
    assert_eq!(forced.unwrap().action, Some(Action::Upgrade));
    status.last_attempted_release_action = None;
    assert_eq!(action(&spec, &status, &failed), Ok(Some(Action::Upgrade)));
}

#[test]
fn a_rollback_goes_only_to_a_revision_that_is_kept_as_it_was() {
    let (spec, status) = after(1, json!({"retries": 1}));
    let failed = State::Failed("");
    let rules = Rules {
        spec: &spec,
        status: &status,
        forced: false,
    };
    let mut asked = None;
    let decision = decide(rules, &failed, |target| {
        asked = target.map(|target| target.version);
        RollbackTarget::Intact
    });
    assert_eq!(asked, Some(1));
    assert_eq!(decision.unwrap().action, Some(Action::Rollback));
    let changed = decided(&spec, &status, &failed, false, RollbackTarget::Changed);
    assert_eq!(changed.unwrap().action, Some(Action::Upgrade));
    let missing = decided(&spec, &status, &failed, false, RollbackTarget::Missing);
    assert_eq!(missing, Err(Stop::MissingRollbackTarget));
}

#[test]
fn a_failed_install_is_uninstalled_between_attempts() {
    let spec = spec(json!({"install": {"remediation": {"retries": 1}}}));
    let after = |failures: i64| {
        status(json!({
            "history": [untested(1, "failed")], "lastAttemptedReleaseAction": "install",
            "installFailures": failures,
        }))
    };
    let failed = State::Failed("");
    assert_eq!(
        action(&spec, &after(1), &failed),
        Ok(Some(Action::Uninstall))
    );
    let stop = Err(Stop::RetriesExceeded("remediate failed release"));
    assert_eq!(action(&spec, &after(2), &failed), stop);
    let absent = State::Absent("");
    assert_eq!(action(&spec, &after(1), &absent), Ok(Some(Action::Install)));
    let stop = Err(Stop::RetriesExceeded("install release"));
    assert_eq!(action(&spec, &after(2), &absent), stop);
}

#[test]
fn retrying_on_failure_upgrades_after_a_while_and_remediates_nothing() {
    let spec = spec(json!({"upgrade": {
        "strategy": {"name": "RetryOnFailure"}, "remediation": {"retries": 1},
    }}));
    let status = status(json!({
        "lastAttemptedReleaseAction": "upgrade", "upgradeFailures": 9,
        "history": [untested(2, "failed"), untested(1, "superseded")],
    }));
    let minutes = std::time::Duration::from_secs(300);
    assert_eq!(retry_interval(&spec, &status), Some(minutes));
    let decision = decided(
        &spec,
        &status,
        &State::Failed(""),
        false,
        RollbackTarget::Intact,
    );
    let expected = Decision {
        action: Some(Action::Upgrade),
        remembered: Remembered::Newest,
    };
    assert_eq!(decision, Ok(expected));
}

#[test]
fn failures_count_until_something_changes_or_a_person_resets_them() {
    let mut tried = status(json!({
        "lastAttemptedGeneration": 3, "lastAttemptedRevision": "1.0.0",
        "lastAttemptedConfigDigest": "sha256:a", "lastAttemptedReleaseAction": "install",
    }));
    let same = Attempt {
        generation: 3,
        chart_version: "1.0.0",
        config_digest: "sha256:a",
        reset: false,
    };
    assert_eq!(must_reset(&tried, &same), None);
    let changes = [
        Attempt {
            generation: 4,
            ..same
        },
        Attempt {
            chart_version: "1.0.1",
            ..same
        },
        Attempt {
            config_digest: "sha256:b",
            ..same
        },
        Attempt {
            reset: true,
            ..same
        },
    ];
    let reasons: std::collections::BTreeSet<_> = changes
        .iter()
        .map(|change| must_reset(&tried, change).unwrap())
        .collect();
    assert_eq!(reasons.len(), 4);
    count_failure(&mut tried);
    let counts = (
        tried.failures,
        tried.install_failures,
        tried.upgrade_failures,
    );
    assert_eq!(counts, (1, 1, 0));
}

#[test]
fn a_history_keeps_the_revision_that_a_rollback_would_go_back_to() {
    let history: Vec<Snapshot> = serde_json::from_value(json!([
        untested(2, "superseded"),
        snapshot(3, "superseded", json!({"a": {"phase": "Failed"}})),
        untested(5, "deployed"),
        untested(4, "failed"),
        untested(1, "superseded"),
    ]))
    .unwrap();
    let left = |remembered| {
        let mut history = history.clone();
        truncate(&mut history, remembered);
        history
            .iter()
            .map(|snapshot| snapshot.version)
            .collect::<Vec<_>>()
    };
    let since = |failed_tests| left(Remembered::SinceGood { failed_tests });
    assert_eq!(since(false), [5, 4, 3, 2]);
    assert_eq!(since(true), [5, 4, 3]);
    assert_eq!(left(Remembered::All), [5, 4, 3, 2, 1]);
    assert_eq!(left(Remembered::Nothing), Vec::<i64>::new());
    assert_eq!(previous(&history, false).unwrap().version, 2);
    assert_eq!(previous(&history, true).unwrap().version, 3);
    assert_eq!(latest(&history).unwrap().version, 5);
}

#[test]
fn a_release_that_moves_says_what_of_its_place_changed() {
    let spec = |strategy: &str| spec(json!({"upgrade": {"chartNameChangeStrategy": strategy}}));
    let (anew, in_place) = (spec("Reinstall"), spec("InPlaceUpdate"));
    let known = status(json!({
        "storageNamespace": "shop", "history": [untested(1, "deployed")],
    }));
    let same = Place {
        storage_namespace: "shop",
        namespace: "shop",
        release: "web",
        chart: "web",
    };
    let other_chart = Place {
        chart: "shop",
        ..same
    };
    assert_eq!(moved(&anew, &known, &same), None);
    assert_eq!(moved(&anew, &known, &other_chart), Some("chart name"));
    assert_eq!(moved(&in_place, &known, &other_chart), None);
    assert_eq!(moved(&anew, &status(json!({})), &other_chart), None);
    let places = [
        Place {
            storage_namespace: "x",
            ..same
        },
        Place {
            namespace: "x",
            ..same
        },
        Place {
            release: "x",
            ..same
        },
    ];
    let told: Vec<_> = places
        .iter()
        .map(|place| moved(&anew, &known, place).unwrap())
        .collect();
    assert_eq!(
        told,
        ["storage namespace", "release namespace", "release name"]
    );
}
