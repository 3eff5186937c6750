//! Objects that were built from encrypted files.

use serde_json::{Value, json};
use windlass_object::yaml::{Limits, parse_documents};
use windlass_sops::{Decryptor, is_encrypted};

use crate::support::{keys, read};

fn built(name: &str) -> Value {
    let documents = parse_documents(&read(&format!("encrypted/{name}")), &Limits::DEFAULT).unwrap();
    documents.into_iter().next().unwrap().value
}

#[test]
fn an_object_is_decrypted_whatever_was_built_around_it() {
    let keys = keys(&["one.agekey"]);
    let mut object = built("only-data.yaml");
    assert!(is_encrypted(&object));
    object["metadata"]["labels"] = json!({"added": "by a build"});
    let decrypted = Decryptor::new(&keys).decrypt_object(object).unwrap();
    assert_eq!(
        decrypted["stringData"]["password"],
        "correct horse battery staple"
    );
    assert_eq!(decrypted["metadata"]["labels"]["added"], "by a build");
    assert_eq!(decrypted.get("sops"), None);
    assert!(!is_encrypted(&decrypted));
}

#[test]
fn types_come_back() {
    let keys = keys(&["one.agekey"]);
    let decrypted = Decryptor::new(&keys)
        .decrypt_object(built("types.yaml"))
        .unwrap();
    assert_eq!(decrypted["number"], 42);
    assert_eq!(decrypted["float"], 1.5);
    assert_eq!(decrypted["truth"], true);
    assert_eq!(decrypted["nothing"], Value::Null);
    assert_eq!(decrypted["list"][6], json!(["nested", "deeper"]));
}

#[test]
fn rules_over_comments_are_refused_by_name() {
    let keys = keys(&["one.agekey"]);
    for name in ["encrypted-comment.yaml", "unencrypted-comment.yaml"] {
        let error = Decryptor::new(&keys)
            .decrypt_object(built(name))
            .unwrap_err();
        assert!(
            error.to_string().contains("encrypted_comment_regex"),
            "{error}"
        );
    }
}
