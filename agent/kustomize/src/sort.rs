//! `sortOptions`: the order of the output.

use std::collections::HashMap;

use windlass_object::GroupVersionKind;

use crate::error::{Cause, Step};
use crate::identity::Identity;
use crate::kustomization::{LegacySortOptions, SortOptions, SortOrder};
use crate::resource::Resource;

/// The kinds that come first by default, in this order.
pub(crate) const ORDER_FIRST: &[&str] = &[
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// The kinds that come last by default.
const ORDER_LAST: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Sorts resources as the options say; without options, or with `fifo`, they stay as they are.
///
/// # Errors
/// Options of the legacy order are given for another order.
pub(crate) fn sort(resources: &mut [Resource], options: Option<&SortOptions>) -> Step<()> {
    let Some(options) = options else {
        return Ok(());
    };
    match (options.order, &options.legacy_sort_options) {
        (SortOrder::Fifo, None) => {}
        (SortOrder::Fifo, Some(_)) => {
            return Err(Cause::invalid("legacySortOptions need the order legacy"));
        }
        (SortOrder::Legacy, given) => {
            let default = LegacySortOptions {
                order_first: ORDER_FIRST.iter().map(ToString::to_string).collect(),
                order_last: ORDER_LAST.iter().map(ToString::to_string).collect(),
            };
            let ranks = ranks(given.as_ref().unwrap_or(&default));
            resources.sort_by_cached_key(|resource| sort_key(&ranks, &resource.identity()));
        }
    }
    Ok(())
}

fn ranks(options: &LegacySortOptions) -> HashMap<&str, i64> {
    let first = options
        .order_first
        .iter()
        .rev()
        .zip(1..)
        .map(|(kind, rank)| (kind.as_str(), -rank));
    let last = options
        .order_last
        .iter()
        .zip(1..)
        .map(|(kind, rank)| (kind.as_str(), rank));
    first.chain(last).collect()
}

fn sort_key(ranks: &HashMap<&str, i64>, identity: &Identity) -> (i64, String, String) {
    let rank = ranks
        .get(identity.gvk.kind.as_str())
        .copied()
        .unwrap_or_default();
    let GroupVersionKind {
        group,
        version,
        kind,
    } = &identity.gvk;
    let or = |part: &str, absent: &str| {
        if part.is_empty() {
            absent.to_owned()
        } else {
            part.to_owned()
        }
    };
    let type_text = [or(group, "~G"), or(version, "~V"), or(kind, "~K")].join("_");
    let name_text = [or(&identity.namespace, "~X"), or(&identity.name, "~N")].join("|");
    (rank, type_text, name_text)
}
