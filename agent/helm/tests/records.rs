//! Releases as Helm keeps them and digests as Flux has them, against Flux's helm-controller.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use windlass_helm::{
    ApplyMethod, Record, RecordError, Status, config_digest, secret_name, shorten_name,
    snapshot_digest,
};

use crate::support::{Oracle, root, runner};

fn files(name: &str) -> Vec<u8> {
    std::fs::read(root().join("tests/records").join(name)).unwrap()
}

/// The records of a file, each with what helm-controller answered about it.
fn records() -> Vec<(Value, String)> {
    let records: Vec<Value> = serde_json::from_slice(&files("records.json")).unwrap();
    assert!(records.len() > 5);
    let oci = |index: usize| {
        if index.is_multiple_of(2) {
            ""
        } else {
            "sha256:0a1b"
        }
    };
    let records = records.into_iter().enumerate();
    records
        .map(|(index, record)| (record, oci(index).to_owned()))
        .collect()
}

fn ours(record: &Value, oci_digest: &str) -> Value {
    let json = serde_json::to_vec(record).unwrap();
    let record = Record::from_json(&json).unwrap();
    json!({
        "record": String::from_utf8(record.to_json()).unwrap(),
        "digest": snapshot_digest(&record, oci_digest),
        "configDigest": config_digest(&record.config),
    })
}

fn flux(oracle: &mut Oracle, record: &Value, oci_digest: &str) -> Value {
    let json = serde_json::to_vec(record).unwrap();
    let asked = json!({"record": STANDARD.encode(json), "ociDigest": oci_digest});
    let answer = oracle.ask(&asked);
    let told = |pointer: &str| answer.pointer(pointer).unwrap().clone();
    let again = STANDARD.decode(told("/record").as_str().unwrap()).unwrap();
    json!({
        "record": String::from_utf8(again).unwrap(),
        "digest": told("/snapshot/digest"),
        "configDigest": told("/snapshot/configDigest"),
    })
}

#[test]
fn records_are_written_and_digested_as_flux_did() {
    let golden: Vec<Value> = serde_json::from_slice(&files("answers.json")).unwrap();
    let records = records();
    assert_eq!(golden.len(), records.len());
    for ((record, oci_digest), golden) in records.iter().zip(golden) {
        assert_eq!(ours(record, oci_digest), golden, "{record}");
    }
}

#[test]
fn the_golden_answers_about_records_are_what_flux_answers() {
    let Some(mut oracle) = Oracle::of_flux() else {
        return;
    };
    let records = records();
    let answers: Vec<Value> = records
        .iter()
        .map(|(record, oci_digest)| flux(&mut oracle, record, oci_digest))
        .collect();
    if std::env::var_os("WINDLASS_WRITE_EXPECTED").is_some() {
        let text = serde_json::to_string_pretty(&answers).unwrap();
        std::fs::write(root().join("tests/records/answers.json"), text + "\n").unwrap();
    }
    let golden: Vec<Value> = serde_json::from_slice(&files("answers.json")).unwrap();
    assert_eq!(answers, golden);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,6}",
        "[ -~]{0,12}",
        "[0-9.e+:_-]{1,7}",
        "\\PC{0,5}",
        "[a-z ]{70,120}",
        "[a-z \n\t#:'\"-]{0,20}",
        Just("<<".to_owned()),
        Just("~".to_owned()),
        Just("yes".to_owned()),
        Just("<a & b>".to_owned()),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number))),
        any::<f64>()
            .prop_filter("JSON has it", |number| number.is_finite())
            .prop_map(Value::from),
        (-1e22..1e22f64).prop_map(|number| Value::from(number.round())),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any_text(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn random_values_have_the_digest_that_flux_gives_them() {
    let Some(oracle) = Oracle::of_flux() else {
        return;
    };
    let oracle = std::cell::RefCell::new(oracle);
    let values = prop::collection::btree_map(any_text(), any_value(), 0..5);
    runner(1500)
        .run(&values, |values| {
            let values: Map<String, Value> = values.into_iter().collect();
            let answer = oracle.borrow_mut().ask(&json!({"values": values}));
            prop_assert_eq!(answer["digest"].as_str().unwrap(), config_digest(&values));
            Ok(())
        })
        .unwrap();
}

#[test]
fn long_names_are_shortened_as_flux_shortens_them() {
    let short = "a".repeat(53);
    assert_eq!(shorten_name(&short), short);
    let long = "tenant-namespace-of-some-length-and-a-release-with-a-long-name";
    assert_eq!(
        shorten_name(long),
        "tenant-namespace-of-some-length-and-a-re-7ff61fc6d53e"
    );
    if let Some(mut oracle) = Oracle::of_flux() {
        for name in [short.as_str(), long, &"b".repeat(54)] {
            let answer = oracle.ask(&json!({"name": name}));
            assert_eq!(answer["name"], shorten_name(name));
        }
    }
}

/// A Secret as Helm makes it, of packed bytes.
fn secret(bytes: &[u8]) -> Value {
    let data = STANDARD.encode(STANDARD.encode(bytes));
    json!({
        "metadata": {"labels": {"owner": "helm", "status": "deployed", "team": "blue"}},
        "data": {"release": data},
    })
}

#[test]
fn a_secret_gives_back_the_record_and_its_own_labels() {
    let (record, _) = records().swap_remove(0);
    let mut record = Record::from_json(&serde_json::to_vec(&record).unwrap()).unwrap();
    record.labels.insert("team".to_owned(), "blue".to_owned());
    let now = jiff::Timestamp::from_second(1_700_000_000).unwrap();

    let made = record.to_secret("store", now, false);

    assert_eq!(made["type"], "helm.sh/release.v1");
    assert_eq!(made["metadata"]["name"], secret_name(&record.name, 3));
    assert_eq!(made["metadata"]["name"], "sh.helm.release.v1.demo.v3");
    assert_eq!(made["metadata"]["namespace"], "store");
    let labels = json!({
        "createdAt": "1700000000", "name": "demo", "owner": "helm", "status": "deployed",
        "team": "blue", "version": "3",
    });
    assert_eq!(made["metadata"]["labels"], labels);
    let data = STANDARD
        .decode(made["data"]["release"].as_str().unwrap())
        .unwrap();
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(STANDARD.decode(data).unwrap().as_slice())
        .read_to_end(&mut json)
        .unwrap();
    assert_eq!(json, record.to_json());
    assert_eq!(Record::from_secret(&made).unwrap(), record);
    let changed = record.to_secret("store", now, true);
    assert_eq!(changed["metadata"]["labels"]["modifiedAt"], "1700000000");
    assert_eq!(changed["metadata"]["labels"].get("createdAt"), None);
}

#[test]
fn records_from_before_helm_packed_them_are_read() {
    let record = Record::from_secret(&secret(br#"{"name":"old","info":{"status":"failed"}}"#));
    let record = record.unwrap();
    assert_eq!(record.name, "old");
    assert_eq!(record.status(), Status::Failed);
    assert_eq!(record.apply_method, None::<ApplyMethod>);
    assert_eq!(record.labels.get("team").map(String::as_str), Some("blue"));
}

#[test]
fn a_secret_that_holds_no_release_says_what_it_holds() {
    let message = |secret: &Value| Record::from_secret(secret).unwrap_err().to_string();
    assert_eq!(message(&json!({})), "it has no data `release`");
    let damaged = message(&secret(&[0x1f, 0x8b, 0x08, 0, 1, 2]));
    assert!(damaged.contains("not packed as Helm packs it"), "{damaged}");
    let wrong = message(&secret(br#"{"name": 1}"#));
    assert!(wrong.contains("no release: invalid type"), "{wrong}");
    let time = message(&secret(br#"{"info":{"deleted":"tomorrow"}}"#));
    assert!(time.contains("\"tomorrow\" is no time"), "{time}");
}

#[test]
fn a_secret_that_unpacks_to_too_much_is_refused() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(&mut std::io::repeat(b' ').take(65 << 20), &mut encoder).unwrap();
    let bomb = secret(&encoder.finish().unwrap());
    assert_eq!(Record::from_secret(&bomb), Err(RecordError::TooLarge));
}
