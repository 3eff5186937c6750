//! Whether what happened counts.

use windlass_api::receiver::ReceiverSpec;

use super::{Incoming, Refused};

/// The event that a header names, if the Receiver takes it: any, where it lists none.
pub(super) fn allowed(
    spec: &ReceiverSpec,
    request: Incoming<'_>,
    header: &str,
    service: &str,
) -> Result<String, Refused> {
    let event = String::from_utf8_lossy(request.header(header)).into_owned();
    let folded = event.to_lowercase();
    let mut listed = spec.events.iter();
    if spec.events.is_empty() || listed.any(|listed| listed.to_lowercase() == folded) {
        return Ok(format!("{service} event {event:?}"));
    }
    Err(Refused(format!(
        "the {service} event {event:?} is not in spec.events"
    )))
}
