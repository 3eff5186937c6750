//! What an observing node found, as `status` shows it.

use std::path::Path;

use windlass_api::names;
use windlass_control::{Answer, Change, Field, Observed, Owner, Question, What};

use crate::table;
use crate::view::View;

/// Commits that are shown; `windlass trust log` has them all.
const COMMITS: usize = 5;

/// Asks the agent of this node what it found, if there is one that only observes, and it observes the cluster that is looked at.
pub(crate) async fn found(view: &View<'_>) -> Option<Observed> {
    let (socket, server) = match view {
        View::Cluster(session) => (session.agent_socket.as_deref(), session.cluster.server()),
        View::Node(sight) => (sight.socket(), sight.server().to_owned()),
    };
    let socket = socket.unwrap_or(Path::new(names::CONTROL_SOCKET));
    match windlass_control::ask(socket, Question::Standing).await {
        Ok(Answer::Standing(standing)) if standing.server == server => {}
        _ => return None,
    }
    match windlass_control::ask(socket, Question::Observed).await {
        Ok(Answer::Observed(observed)) => Some(*observed),
        _ => None,
    }
}

/// In a line: how much would change.
pub(crate) fn summary(observed: &Observed) -> String {
    let objects: u64 = observed.owners.iter().map(|owner| owner.objects).sum();
    let mut text = match observed.changes() {
        0 => format!("nothing would change ({objects} objects)"),
        changes => format!("{changes} of {objects} objects would change"),
    };
    if observed.problems() > 0 {
        text.push_str(&format!(", {} would not be worked on", observed.problems()));
    }
    if !observed.refused.is_empty() {
        let commits = match observed.refused.len() {
            1 => "1 commit".to_owned(),
            many => format!("{many} commits"),
        };
        text.push_str(&format!(", {commits} refused"));
    }
    text
}

/// The tables below the screen; nothing where there is nothing to tell.
pub(crate) fn render(observed: &Observed) -> String {
    let mut text = String::new();
    let changes = observed.owners.iter().flat_map(|owner| {
        let rows = owner.changes.iter();
        rows.flat_map(move |change| rows_of(owner, change))
    });
    section(
        &mut text,
        &["Would change", "Of", "Field", "Is", "Would be"],
        changes.collect(),
    );
    let problems = observed.owners.iter().filter_map(|owner| {
        let problem = owner.problem.clone()?;
        Some(vec![owner_of(owner), problem])
    });
    section(
        &mut text,
        &["Would not be worked on", "Why"],
        problems.collect(),
    );
    let behind = observed.owners.iter().filter_map(|owner| {
        let (ours, flux) = (owner.revision.as_ref()?, owner.applied.as_ref()?);
        let is_other = ours != flux;
        is_other.then(|| vec![owner_of(owner), flux.clone(), ours.clone()])
    });
    section(
        &mut text,
        &[
            "Compared with another revision",
            "Flux applied",
            "Looked at",
        ],
        behind.collect(),
    );
    let refused = observed.refused.iter().take(COMMITS);
    let refused = refused.map(|refused| vec![refused.commit.clone(), refused.reason.clone()]);
    section(&mut text, &["Would be refused", "Why"], refused.collect());
    text
}

fn rows_of(owner: &Owner, change: &Change) -> Vec<Vec<String>> {
    let named = |field: &str, live: &str, wanted: &str| {
        let cells = [&change.object, &owner_of(owner), field, live, wanted];
        cells.map(str::to_owned).to_vec()
    };
    match change.what {
        What::Create => vec![named("", "not there", "created")],
        What::Delete => vec![named("", "there", "deleted")],
        What::Change if change.fields.is_empty() => vec![named("", "", "changed")],
        What::Change | What::Release => {
            let fields = change.fields.iter().map(|field| {
                let Field { path, live, wanted } = field;
                let shown = |value: &Option<String>| value.clone().unwrap_or("-".to_owned());
                named(path, &shown(live), &shown(wanted))
            });
            fields.collect()
        }
    }
}

fn owner_of(owner: &Owner) -> String {
    format!("{}/{}/{}", owner.kind, owner.namespace, owner.name)
}

fn section(text: &mut String, header: &[&str], rows: Vec<Vec<String>>) {
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table::aligned(header, &rows));
    }
}

#[cfg(test)]
mod tests {
    use windlass_control::RefusedCommit;

    use super::*;

    #[test]
    fn what_would_change_what_would_not_be_worked_on_and_what_is_refused_is_shown() {
        let field = Field {
            path: "spec.replicas".to_owned(),
            live: Some("2".to_owned()),
            wanted: Some("3".to_owned()),
        };
        let change = |object: &str, what, fields| Change {
            object: object.to_owned(),
            what,
            fields,
        };
        let owner = Owner {
            kind: "Kustomization".to_owned(),
            namespace: "flux-system".to_owned(),
            name: "apps".to_owned(),
            revision: Some("main@sha1:b".to_owned()),
            applied: Some("main@sha1:a".to_owned()),
            looked_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            objects: 7,
            problem: Some("no source".to_owned()),
            changes: vec![
                change("Deployment/a/b", What::Change, vec![field]),
                change("ConfigMap/a/c", What::Delete, Vec::new()),
            ],
        };
        let observed = Observed {
            owners: vec![owner],
            refused: vec![RefusedCommit {
                at: 0,
                commit: "0123".to_owned(),
                reason: "not signed".to_owned(),
            }],
        };
        assert_eq!(
            summary(&observed),
            "2 of 7 objects would change, 1 would not be worked on, 1 commit refused"
        );
        let text = render(&observed);
        let line = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start));
            let line = line.unwrap_or_else(|| panic!("{text}"));
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let of = "Kustomization/flux-system/apps";
        assert_eq!(
            line("Deployment"),
            format!("Deployment/a/b {of} spec.replicas 2 3")
        );
        assert_eq!(
            line("ConfigMap"),
            format!("ConfigMap/a/c {of} there deleted")
        );
        assert_eq!(line("0123"), "0123 not signed");
        assert!(text.contains("main@sha1:a"), "{text}");
        assert_eq!(render(&Observed::default()), "");
    }
}
