//! One notice, told or not.

use std::sync::Arc;

use windlass_api::provider::ProviderSpec;
use windlass_notify::{Event, Expected, InvolvedObject, Method, Outgoing, Recipient, compose};
use windlass_state::Store;
use windlass_wire::{PostExpected, PostMethod, PostRequest};

use super::access::{self, Access};
use crate::context::Context;
use crate::named::Named;
use crate::net::Net;
use crate::post::post;

/// Reason of the event of an Alert by which nobody could be told (notification-controller).
pub(super) const DISPATCH_FAILED: &str = "NotificationDispatchFailed";

/// Why a notice was not told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It may be told later.
    Later(String),
    /// It cannot be told, unless something that is missing comes within moments.
    NotThere(String),
    /// It cannot be told.
    Never(String),
}

/// Tells a notice of which `sent` messages were sent already.
pub(super) async fn deliver(
    context: &Arc<Context>,
    recipient: &Named,
    spec: &ProviderSpec,
    (id, sent): (i64, u32),
    event: Event,
) -> Result<(), Problem> {
    let access = access::read(&context.cluster, &recipient.namespace, spec).await?;
    let event = event.told_at(jiff::Timestamp::now().into());
    let never = |error: &dyn std::error::Error| {
        Problem::Never(format!("provider '{}': {error}", recipient.name))
    };
    let composed = {
        let whom = Recipient::new(spec, &access.fields).map_err(|error| never(&error))?;
        compose(&whom, &event).map_err(|error| never(&error))?
    };
    let requests: Vec<PostRequest> = composed
        .into_iter()
        .map(|outgoing| request(outgoing, &access, spec))
        .collect();
    let context = Arc::clone(context);
    let sending = tokio::task::spawn_blocking(move || {
        send(&context.net, &context.keep.store, &requests, (id, sent))
    });
    match sending.await {
        Ok(sent) => sent,
        Err(_) => Err(Problem::Later("the agent is stopping".to_owned())),
    }
}

/// Sends what is left of the messages of a notice, in order. Blocks.
fn send(
    net: &Net,
    store: &Store,
    requests: &[PostRequest],
    (id, sent): (i64, u32),
) -> Result<(), Problem> {
    for (number, request) in (1..).zip(requests).skip(sent as usize) {
        post(net, request).map_err(|error| match error.may_pass() {
            true => Problem::Later(error.to_string()),
            false => Problem::Never(error.to_string()),
        })?;
        if requests.len() > 1
            && let Err(error) = store.note_sent(id, number)
        {
            tracing::warn!(%error, "a message was sent and that could not be noted; it may be sent again");
        }
    }
    Ok(())
}

fn request(outgoing: Outgoing, access: &Access, spec: &ProviderSpec) -> PostRequest {
    let headers = outgoing.headers.into_iter();
    let seconds = spec.effective_timeout().as_millis().div_ceil(1000);
    PostRequest {
        method: match outgoing.method {
            Method::Post => PostMethod::Post,
            Method::Put => PostMethod::Put,
        },
        url: outgoing.url.expose().to_owned().into(),
        headers: headers
            .map(|(name, value)| (name, value.expose().to_owned().into()))
            .collect(),
        body: outgoing.body,
        expected: match outgoing.expected {
            Expected::Success => PostExpected::Success,
            Expected::Ok => PostExpected::Ok,
        },
        ca_bundle: access.ca_bundle.clone(),
        identity: access.identity.clone(),
        proxy: access.proxy.clone(),
        timeout_seconds: u64::try_from(seconds).unwrap_or(u64::MAX).max(1),
    }
}

/// An object as messages name it.
pub(super) fn shown(object: &InvolvedObject) -> String {
    format!("{}/{}/{}", object.kind, object.namespace, object.name)
}
