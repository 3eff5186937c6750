//! Which Alerts want an event, and which Providers take it (notification-controller, `event_handlers.go`).

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use windlass_api::alert::{AlertSeverity, AlertSpec, EventSource};
use windlass_api::provider::ProviderType;
use windlass_object::go_regex;

use crate::event::{Event, Severity, keys};

/// The most bytes one compiled expression may take.
const MAX_COMPILED: usize = 1 << 20;

/// Every object of a kind, as the name of a source.
const ANY: &str = "*";

/// What an Alert says of the events it wants, ready to be asked.
#[derive(Debug, Clone)]
pub struct Rules {
    severity: AlertSeverity,
    sources: Vec<EventSource>,
    /// The namespace of sources that name none.
    namespace: String,
    /// None where everything is included.
    inclusion: Option<Vec<Regex>>,
    exclusion: Vec<Regex>,
    problems: Vec<String>,
}

// === impl Rules ===

impl Rules {
    /// Reads the rules of an Alert in this namespace. An expression that is none matches nothing and is one of the
    /// [`Rules::problems`].
    #[must_use]
    pub fn new(namespace: &str, spec: &AlertSpec) -> Self {
        let mut problems = Vec::new();
        let mut compiled = |list: &[String], name: &str| -> Vec<Regex> {
            let compile = |text: &String| match compile(text) {
                Ok(regex) => Some(regex),
                Err(reason) => {
                    problems.push(format!(
                        "failed to compile {name} regex: {text}: {reason}; it matches nothing"
                    ));
                    None
                }
            };
            list.iter().filter_map(compile).collect()
        };
        let inclusion = compiled(&spec.inclusion_list, "inclusion");
        let exclusion = compiled(&spec.exclusion_list, "exclusion");
        Self {
            severity: spec.event_severity,
            sources: spec.event_sources.clone(),
            namespace: namespace.to_owned(),
            inclusion: (!spec.inclusion_list.is_empty()).then_some(inclusion),
            exclusion,
            problems,
        }
    }

    /// What is wrong with the lists, for whoever wrote them.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether the Alert wants an event of an object with these labels. An event must be about one of the sources,
    /// included, and not excluded.
    #[must_use]
    pub fn want(&self, event: &Event, labels: &BTreeMap<String, String>) -> bool {
        let is_match = |list: &[Regex]| list.iter().any(|regex| regex.is_match(&event.message));
        let severe_enough = match self.severity {
            AlertSeverity::Info => true,
            AlertSeverity::Error => event.severity == Severity::Error,
        };
        severe_enough
            && self
                .sources
                .iter()
                .any(|source| self.is_about(source, event, labels))
            && self.inclusion.as_deref().is_none_or(is_match)
            && !is_match(&self.exclusion)
    }

    fn is_about(
        &self,
        source: &EventSource,
        event: &Event,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        let object = &event.involved_object;
        let namespace = source.namespace.as_ref().unwrap_or(&self.namespace);
        let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        object.kind == source.kind
            && object.namespace == *namespace
            && (source.name == ANY || source.name == object.name)
            && source.match_labels.iter().all(has)
    }
}

fn compile(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(&go_regex::translate(text))
        .size_limit(MAX_COMPILED)
        .build();
    built.map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default();
        last.trim_start_matches("error: ").to_owned()
    })
}

/// Whether a service of this type takes the event at all: a new commit status is for Git servers and webhooks, other
/// events go to a Git server only if they are failures or name a commit, and comments need a change request.
#[must_use]
pub fn takes(provider: ProviderType, event: &Event) -> bool {
    use ProviderType::{
        AzureDevOps, Bitbucket, BitbucketServer, Generic, GenericHmac, GitHub,
        GitHubPullRequestComment, GitLab, GitLabMergeRequestComment, Gitea,
        GiteaPullRequestComment,
    };
    let is_update = event.of_object(keys::COMMIT_STATUS) == Some(keys::COMMIT_STATUS_UPDATE);
    let names = |key| event.of_event(key).is_some_and(|value| !value.is_empty());
    match provider {
        Generic | GenericHmac => true,
        GitHub | GitLab | Gitea | BitbucketServer | Bitbucket | AzureDevOps => {
            is_update || names(keys::COMMIT) || event.severity == Severity::Error
        }
        GitHubPullRequestComment | GitLabMergeRequestComment | GiteaPullRequestComment => {
            !is_update && names(keys::CHANGE_REQUEST)
        }
        _ => !is_update,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::tests::event;

    fn rules(mut spec: Value) -> Rules {
        spec["providerRef"] = json!({ "name": "chat" });
        if spec.get("eventSources").is_none() {
            spec["eventSources"] = json!([{ "kind": "Kustomization", "name": "*" }]);
        }
        Rules::new("flux-system", &serde_json::from_value(spec).unwrap())
    }

    fn wanted(spec: Value, event: &Event) -> bool {
        let labels = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        rules(spec).want(event, &labels)
    }

    #[track_caller]
    fn check_source(source: Value, expected: bool) {
        let spec = json!({ "eventSources": [source] });
        assert_eq!(wanted(spec, &event()), expected, "{source}");
    }

    #[test]
    fn a_source_names_kind_namespace_name_and_labels() {
        check_source(json!({ "kind": "Kustomization", "name": "apps" }), true);
        check_source(json!({ "kind": "Kustomization", "name": "*" }), true);
        check_source(json!({ "kind": "Kustomization", "name": "app" }), false);
        check_source(json!({ "kind": "HelmRelease", "name": "*" }), false);
        let other = json!({ "kind": "Kustomization", "name": "*", "namespace": "team" });
        check_source(other, false);
        let labelled = |value: &str| json!({ "kind": "Kustomization", "name": "*", "matchLabels": { "team": value } });
        check_source(labelled("web"), true);
        check_source(labelled("data"), false);
        // The group and version are not looked at.
        let version = json!({ "kind": "Kustomization", "name": "*", "apiVersion": "other/v9" });
        check_source(version, true);
    }

    #[test]
    fn severity_info_wants_everything_and_error_only_failures() {
        let mut info = event();
        info.severity = Severity::Info;
        for (severity, event, expected) in [
            (json!("info"), &info, true),
            (json!("info"), &event(), true),
            (json!("error"), &info, false),
            (json!("error"), &event(), true),
        ] {
            let spec = json!({ "eventSeverity": severity });
            assert_eq!(wanted(spec, event), expected, "{severity} {event:?}");
        }
    }

    #[test]
    fn lists_are_regular_expressions_of_go() {
        let mut event = event();
        event.message = "waiting for socket 7:\nno such file — née".to_owned();
        let lists = |including: Value, excluding: Value| json!({ "inclusionList": including, "exclusionList": excluding });
        for (including, excluding, expected) in [
            (json!([]), json!([]), true),
            (json!(["socket"]), json!([]), true),
            (json!(["^socket"]), json!([]), false),
            (json!(["^socket", r"socket \d"]), json!([]), true),
            (json!(["socket"]), json!(["no such"]), false),
            (json!([]), json!(["^waiting.*file"]), true),
            (json!([]), json!(["(?s)^waiting.*file"]), false),
            // ASCII only, as in Go.
            (json!([r"n\w+e"]), json!([]), false),
            (json!([r"\Q7:\E"]), json!([]), true),
        ] {
            let spec = lists(including.clone(), excluding.clone());
            assert_eq!(wanted(spec, &event), expected, "{including} {excluding}");
        }
    }

    #[test]
    fn an_expression_that_is_none_is_told_and_matches_nothing() {
        let spec = json!({ "inclusionList": ["(", "failed"], "exclusionList": ["["] });
        assert!(wanted(spec.clone(), &event()));
        let problems = rules(spec).problems().join("\n");
        assert!(problems.contains("failed to compile inclusion regex: (: "));
        assert!(problems.contains("failed to compile exclusion regex: [: "));
        assert!(!wanted(json!({ "inclusionList": ["("] }), &event()));
        // As large as it would be, it is not built.
        let large = rules(json!({ "exclusionList": ["(a{1000}){1000}"] }));
        assert_eq!(large.problems().len(), 1);
    }

    #[test]
    fn git_servers_take_failures_and_what_names_a_commit() {
        use ProviderType::{Generic, GitHub, GitHubPullRequestComment, Slack};
        let with = |severity, key: &str, value: &str| {
            let mut event = event();
            event.severity = severity;
            event.metadata.insert(key.to_owned(), value.to_owned());
            event
        };
        let update = with(
            Severity::Info,
            "kustomize.toolkit.fluxcd.io/commit_status",
            "update",
        );
        let commit = with(Severity::Info, "event.toolkit.fluxcd.io/commit", "5394cb7f");
        let change = with(
            Severity::Info,
            "event.toolkit.fluxcd.io/change_request",
            "3",
        );
        let info = with(Severity::Info, "x", "");
        let error = with(Severity::Error, "x", "");
        for (event, expected) in [
            // Generic, GitHub, comments, Slack.
            (&update, [true, true, false, false]),
            (&commit, [true, true, false, true]),
            (&change, [true, false, true, true]),
            (&info, [true, false, false, true]),
            (&error, [true, true, false, true]),
        ] {
            let types = [Generic, GitHub, GitHubPullRequestComment, Slack];
            assert_eq!(
                types.map(|type_| takes(type_, event)),
                expected,
                "{event:?}"
            );
        }
    }
}
