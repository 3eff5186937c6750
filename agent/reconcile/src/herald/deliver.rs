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

/// The request for windlass-net.
pub(crate) fn request(outgoing: Outgoing, access: &Access, spec: &ProviderSpec) -> PostRequest {
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use windlass_wire::{FailureClass, Piece, Request, read_request, write_piece};

    use super::*;

    fn request(number: u8) -> PostRequest {
        PostRequest {
            method: PostMethod::Post,
            url: "https://hooks.test/".to_owned().into(),
            headers: Vec::new(),
            body: vec![number],
            expected: PostExpected::Success,
            ca_bundle: None,
            identity: None,
            proxy: None,
            timeout_seconds: 5,
        }
    }

    fn failed(class: FailureClass) -> Piece {
        Piece::Failed {
            class,
            message: "no".to_owned(),
        }
    }

    /// Sends two requests to a windlass-net that gives these answers; the bodies that it saw, and the rest.
    fn sent(
        store: &Store,
        place: (i64, u32),
        answers: Vec<Piece>,
    ) -> (Vec<u8>, Result<(), Problem>) {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("net.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let net = std::thread::spawn(move || {
            let mut bodies = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let Request::Post(post) = read_request(&mut stream).unwrap() else {
                    panic!("a request to be sent");
                };
                bodies.extend(post.body);
                write_piece(&mut stream, &answer).unwrap();
            }
            bodies
        });
        let result = send(
            &Net::new(socket, None),
            store,
            &[request(1), request(2)],
            place,
        );
        (net.join().unwrap(), result)
    }

    #[test]
    fn what_was_sent_of_a_notice_is_not_sent_again() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("state")).unwrap();
        store.queue_notice(0, "a/b", "notice").unwrap();
        let waiting = || store.next_notice("a/b").unwrap().unwrap();
        let answers = vec![Piece::Done { bytes: 0 }, failed(FailureClass::Unreachable)];
        let (bodies, result) = sent(&store, (waiting().id, 0), answers);
        assert_eq!(
            (bodies, result),
            (vec![1, 2], Err(Problem::Later("no".to_owned())))
        );
        assert_eq!(waiting().sent, 1);
        let again = (waiting().id, waiting().sent);
        let (bodies, result) = sent(&store, again, vec![Piece::Done { bytes: 0 }]);
        assert_eq!((bodies, result), (vec![2], Ok(())));
    }

    #[test]
    fn what_is_refused_is_not_tried_again_and_what_cannot_be_reached_is() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("state")).unwrap();
        for (class, later) in [
            (FailureClass::Unreachable, true),
            (FailureClass::Timeout, true),
            (FailureClass::Tls, true),
            (FailureClass::Authentication, false),
            (FailureClass::NotFound, false),
            (FailureClass::Protocol, false),
            (FailureClass::InvalidUrl, false),
        ] {
            let (_, result) = sent(&store, (1, 0), vec![failed(class)]);
            let found = matches!(result, Err(Problem::Later(_)));
            assert_eq!(found, later, "{class}");
        }
    }
}
