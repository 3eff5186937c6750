//! `trace`: where an object comes from, from what applied it back to the source.

mod chain;

use clap::Args;
use windlass_cluster::Resource;
use windlass_object::{GroupVersionKind, Object};

use self::chain::{Section, chain};
use crate::error::CommandError;
use crate::screen::Screen;
use crate::session::Session;

/// Arguments of `trace`.
#[derive(Debug, Clone, Args)]
pub struct TraceArguments {
    /// Objects, as `deployment web`, or as `deployment/web configmap/web`
    #[arg(required = true, value_name = "OBJECT")]
    objects: Vec<String>,
    /// Kind of the object; the argument is its name then
    #[arg(long, requires = "api_version")]
    kind: Option<String>,
    /// Version of that kind, as apps/v1
    #[arg(long, requires = "kind")]
    api_version: Option<String>,
}

/// What a person wants traced.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted<'a> {
    kind: What<'a>,
    name: &'a str,
}

/// A kind as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What<'a> {
    Word(&'a str),
    Exactly { api_version: &'a str, kind: &'a str },
}

/// Runs the command.
pub(crate) async fn run(
    session: &Session,
    screen: &mut Screen<'_>,
    arguments: &TraceArguments,
) -> Result<(), CommandError> {
    let wanted = wanted(arguments)?;
    let total = wanted.len();
    let mut failed = Vec::new();
    for (index, wanted) in wanted.into_iter().enumerate() {
        if index > 0 {
            screen.print("---\n")?;
        }
        let traced = async {
            let object = find(session, &wanted).await?;
            chain(session, &object).await
        };
        match traced.await {
            Ok(sections) => screen.print(&render(&sections))?,
            Err(error) if total == 1 => return Err(error),
            Err(error) => {
                screen.failure(&error.to_string())?;
                failed.push(error);
            }
        }
    }
    match failed.len() {
        0 => Ok(()),
        failed => Err(CommandError::Several { failed, total }),
    }
}

/// Reads what is named: one kind and names of it, or kind and name of each.
fn wanted(arguments: &TraceArguments) -> Result<Vec<Wanted<'_>>, CommandError> {
    let names = arguments.objects.iter().map(String::as_str);
    let of_kind = |kind| move |name| Wanted { kind, name };
    if let (Some(kind), Some(api_version)) = (&arguments.kind, &arguments.api_version) {
        let kind = What::Exactly { api_version, kind };
        return Ok(names.map(of_kind(kind)).collect());
    }
    let pairs: Option<Vec<_>> = names
        .clone()
        .map(|text| {
            let (kind, name) = text.split_once('/')?;
            let kind = What::Word(kind);
            (!name.is_empty()).then_some(Wanted { kind, name })
        })
        .collect();
    if let Some(pairs) = pairs {
        return Ok(pairs);
    }
    let any_pair = names.clone().any(|name| name.contains('/'));
    let mut names = names;
    match names.next() {
        Some(kind) if names.len() > 0 && !any_pair => {
            Ok(names.map(of_kind(What::Word(kind))).collect())
        }
        _ => Err(CommandError::Usage(
            "either `<resource>/<name>` or `<resource> <name>` is required as an argument"
                .to_owned(),
        )),
    }
}

async fn find(session: &Session, wanted: &Wanted<'_>) -> Result<Object, CommandError> {
    let cluster = &session.cluster;
    let resource: Resource = match wanted.kind {
        What::Word(word) => cluster.resource_called(word).await?,
        What::Exactly { api_version, kind } => {
            let gvk = GroupVersionKind::new(api_version, kind);
            cluster.resolve(&gvk).await?
        }
    };
    let namespace = if resource.namespaced {
        session.namespace.as_str()
    } else {
        ""
    };
    let found = cluster.get(&resource, namespace, wanted.name).await?;
    found.ok_or_else(|| {
        let place = if resource.namespaced {
            format!(" in namespace {namespace}; name its own with -n")
        } else {
            String::new()
        };
        let (kind, name) = (&resource.gvk.kind, wanted.name);
        CommandError::Usage(format!("{kind} {name} was not found{place}"))
    })
}

/// The sections one below the other, with their values in one column.
fn render(sections: &[Section]) -> String {
    let rows = || sections.iter().flat_map(|section| &section.rows);
    let width = rows()
        .map(|(label, _)| label.len())
        .max()
        .unwrap_or_default()
        + 2;
    let mut text = String::new();
    for (index, section) in sections.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        for (label, value) in &section.rows {
            let label = format!("{label}:");
            text.push_str(format!("{label:width$}{value}").trim_end());
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(objects: &[&str]) -> Result<Vec<(String, String)>, String> {
        let arguments = TraceArguments {
            objects: objects.iter().map(|text| (*text).to_owned()).collect(),
            kind: None,
            api_version: None,
        };
        let word = |wanted: Wanted<'_>| match wanted.kind {
            What::Word(word) => (word.to_owned(), wanted.name.to_owned()),
            What::Exactly { .. } => panic!("no version was named"),
        };
        match wanted(&arguments) {
            Ok(wanted) => Ok(wanted.into_iter().map(word).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn objects_are_named_as_for_kubectl() {
        let pair = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        let pod = pair("pod", "a");
        assert_eq!(read(&["pod/a"]), Ok(vec![pod.clone()]));
        assert_eq!(read(&["pod", "a"]), Ok(vec![pod.clone()]));
        assert_eq!(
            read(&["pod", "a", "b"]),
            Ok(vec![pod.clone(), pair("pod", "b")])
        );
        assert_eq!(read(&["pod/a", "cm/b"]), Ok(vec![pod, pair("cm", "b")]));
        for bad in [&["pod"][..], &["pod/"], &["pod", "cm/b"], &["pod/a", "b"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
