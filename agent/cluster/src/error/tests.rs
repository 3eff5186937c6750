use http::HeaderValue;
use serde_json::json;

use super::*;

fn answer(status: u16, body: &Value) -> RequestError {
    text_answer(status, &body.to_string())
}

fn text_answer(status: u16, body: &str) -> RequestError {
    let status = StatusCode::from_u16(status).expect("a status");
    let none = Redactor::none();
    RequestError::from_answer(
        "get",
        "Pod/a/b",
        status,
        &HeaderMap::new(),
        body.as_bytes(),
        &none,
    )
}

#[test]
fn a_missing_object_is_told_apart_from_a_missing_kind() {
    let object = json!({"kind": "Status", "code": 404, "reason": "NotFound",
        "message": "pods \"b\" not found", "details": {"name": "b", "kind": "pods"}});
    assert_eq!(answer(404, &object).class(), ErrorClass::NotFound);
    let kind = json!({"kind": "Status", "code": 404, "reason": "NotFound",
        "message": "the server could not find the requested resource", "details": {}});
    assert_eq!(answer(404, &kind).class(), ErrorClass::UnknownKind);
    assert_eq!(
        text_answer(404, "404 page not found\n").class(),
        ErrorClass::UnknownKind
    );
}

#[test]
fn a_field_outside_the_schema_is_invalid_though_the_server_says_500() {
    let message = "failed to create typed patch object (a/b; apps/v1, Kind=Deployment): .spec.x: \
                   field not declared in schema";
    let body = json!({"kind": "Status", "code": 500, "message": message});
    assert_eq!(answer(500, &body).class(), ErrorClass::Invalid);
    let other = json!({"kind": "Status", "code": 500, "message": "etcdserver: no leader"});
    assert_eq!(answer(500, &other).class(), ErrorClass::Server);
}

#[test]
fn each_status_has_its_class() {
    let classes = [
        (401, ErrorClass::Unauthorized),
        (403, ErrorClass::Forbidden),
        (409, ErrorClass::Conflict),
        (422, ErrorClass::Invalid),
        (400, ErrorClass::Invalid),
        (429, ErrorClass::TooManyRequests),
        (503, ErrorClass::Server),
        (504, ErrorClass::Timeout),
    ];
    for (status, class) in classes {
        assert_eq!(text_answer(status, "").class(), class, "{status}");
    }
}

#[test]
fn the_wait_asked_for_comes_from_the_header_or_the_details_and_is_bounded() {
    let mut headers = HeaderMap::new();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
    let status = StatusCode::TOO_MANY_REQUESTS;
    let none = Redactor::none();
    let error = RequestError::from_answer("get", "Pod", status, &headers, b"slow down", &none);
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    let body = json!({"kind": "Status", "code": 429, "details": {"retryAfterSeconds": 86400}});
    assert_eq!(answer(429, &body).retry_after, Some(RETRY_AFTER));
}

#[test]
fn the_text_names_verb_object_and_the_servers_words() {
    let body = json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no, \"x\" may not"});
    assert_eq!(
        answer(403, &body).to_string(),
        "get Pod/a/b: 403 Forbidden: no, \"x\" may not"
    );
}

#[test]
fn a_message_without_end_is_cut_between_characters() {
    let error = text_answer(500, &"ü".repeat(MESSAGE_BYTES));
    assert!(error.message.len() <= MESSAGE_BYTES + '…'.len_utf8());
}
