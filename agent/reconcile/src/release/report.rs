//! The events of a release.

use windlass_api::names;
use windlass_cluster::EventType;

use super::course::Course;
use crate::announce::{announce, event};

pub(super) use windlass_cluster::EventType as Kind;

/// Publishes an event about the release, with what was tried.
pub(super) async fn publish(course: &Course<'_>, kind: Kind, reason: &str, message: String) {
    let (pass, status) = (course.pass, &course.status);
    let message = pass.hidden.clean(&message);
    let revision = status.last_attempted_revision.clone();
    let (name, text) = (&pass.name, message.replace('\n', ", "));
    match kind {
        EventType::Normal => {
            tracing::info!(kind = names::HELM_RELEASE, %name, reason, revision, "{text}");
        }
        EventType::Warning => {
            tracing::warn!(kind = names::HELM_RELEASE, %name, reason, revision, "{text}");
        }
    }
    let mut news = event(
        (names::HELM_API_VERSION, names::HELM_RELEASE),
        &pass.meta,
        (kind, reason, message),
        None,
        names::HELM_CONTROLLER,
    );
    let app_version = course
        .latest()
        .and_then(|latest| latest.app_version.clone());
    let tried = [
        (names::HELM_EVENT_REVISION, revision),
        (
            names::HELM_EVENT_TOKEN,
            status.last_attempted_config_digest.clone(),
        ),
        (names::HELM_EVENT_APP_VERSION, app_version),
        (
            names::HELM_EVENT_OCI_DIGEST,
            status.last_attempted_revision_digest.clone(),
        ),
    ];
    let tried = tried
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    news.event.annotations.extend(tried);
    announce(&pass.cluster, &pass.leadership, &pass.herald, news).await;
}
