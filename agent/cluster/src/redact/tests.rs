use serde_json::json;

use super::*;

#[test]
fn values_of_a_secret_disappear_in_every_spelling() {
    let body = json!({
        "data": {"a": STANDARD.encode("canary-one")},
        "stringData": {"b": "canary-two", "c": 123_456},
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary-three"}},
    });
    let redactor = Redactor::for_secret(&body);
    let message = format!(
        "canary-one {} canary-two {} 123456 canary-three",
        STANDARD.encode("canary-one"),
        STANDARD.encode("canary-two")
    );
    assert_eq!(redactor.clean(&message), "*** *** *** *** *** ***");
}

#[test]
fn what_the_server_quotes_is_cut_off_whole() {
    let redactor = Redactor::for_secret(&json!({}));
    let message = "Secret \"x\" is invalid: data[k]: Invalid value: \"es\\ncaped\": must be short";
    assert_eq!(
        redactor.clean(message),
        "Secret \"x\" is invalid: data[k]: Invalid value: ***"
    );
    let typed = ".stringData.k: expected string, got &value.valueUnstructured{Value:0}";
    assert_eq!(
        redactor.clean(typed),
        ".stringData.k: expected string, got &value ***"
    );
}

#[test]
fn values_inside_a_json_patch_are_hidden_too() {
    let redactor = Redactor::for_secret(
        &json!([{"op": "add", "path": "/data/k", "value": "Y2FuYXJ5LW9uZQ=="}]),
    );
    assert_eq!(redactor.clean("bad canary-one"), "bad ***");
}

#[test]
fn other_kinds_are_quoted_as_the_server_does() {
    let message = "spec.replicas: Invalid value: -1";
    assert_eq!(Redactor::none().clean(message), message);
}
