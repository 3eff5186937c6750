//! `stats`: how many objects of each kind there are, and how they stand.

use clap::Args;
use windlass_cluster::Scope;
use windlass_object::{Object, Value};

use crate::error::CommandError;
use crate::facts::{condition, flag};
use crate::kind::Kind;
use crate::screen::Screen;
use crate::table;
use crate::view::View;
use crate::words::bytes;

const HEADER: [&str; 5] = ["Reconcilers", "Running", "Failing", "Suspended", "Storage"];

/// The kinds in the order of `flux stats`, but for those that windlass does not serve.
const KINDS: [Kind; 10] = [
    Kind::GitRepository,
    Kind::OciRepository,
    Kind::HelmRepository,
    Kind::HelmChart,
    Kind::Bucket,
    Kind::Kustomization,
    Kind::HelmRelease,
    Kind::Alert,
    Kind::Provider,
    Kind::Receiver,
];

/// Arguments of `stats`.
#[derive(Debug, Clone, Args)]
pub struct StatsArguments {
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
}

/// Runs the command.
pub(crate) async fn run(
    view: &View<'_>,
    screen: &mut Screen<'_>,
    arguments: &StatsArguments,
) -> Result<(), CommandError> {
    let scope = if arguments.all_namespaces {
        Scope::all()
    } else {
        Scope::in_namespace(view.namespace())
    };
    let mut rows = Vec::new();
    for kind in KINDS {
        rows.push(row(kind, &view.list_known(&kind.gvk(), &scope).await?));
    }
    Ok(screen.print(&table::render(&HEADER, &rows))?)
}

fn row(kind: Kind, objects: &[Object]) -> Vec<String> {
    let count = |counts: fn(&Object) -> bool| objects.iter().filter(|it| counts(it)).count();
    let suspended = count(|object| flag(object, "/spec/suspend"));
    let failing = count(|object| {
        let ready = condition(object, "Ready");
        ready.is_some_and(|ready| ready.status == "False")
    });
    let size = |object: &Object| {
        object
            .pointer("/status/artifact/size")
            .and_then(Value::as_u64)
    };
    let kept: u64 = objects.iter().filter_map(size).sum();
    vec![
        kind.name().to_owned(),
        (objects.len() - suspended).to_string(),
        failing.to_string(),
        suspended.to_string(),
        storage(kept),
    ]
}

/// Bytes as Flux prints them.
fn storage(number: u64) -> String {
    match number {
        0 => "-".to_owned(),
        1..1024 => format!("{number} B"),
        _ => {
            let text = bytes(number);
            let at = text.find(char::is_alphabetic).unwrap_or(text.len());
            let (scaled, unit) = text.split_at(at);
            format!("{scaled} {unit}B")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_printed_as_flux_prints_them() {
        let cases = [
            (0, "-"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(storage(bytes), text);
        }
    }
}
