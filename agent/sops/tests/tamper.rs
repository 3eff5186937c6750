//! What was changed after it was encrypted is refused or told, whatever was changed.

use windlass_sops::{Decryptor, Error, Format, Integrity, KeyService, Keyring, MAXIMUM_SIZE};

use crate::support::{keys, read};

fn decrypt(text: &str, format: Format, keys: &Keyring) -> Result<Integrity, Error> {
    let decrypted = Decryptor::new(keys).decrypt(text.as_bytes(), format, format)?;
    Ok(decrypted.integrity)
}

fn encrypted(name: &str) -> String {
    String::from_utf8(read(&format!("encrypted/{name}"))).unwrap()
}

/// The line that starts with the key, without its line break.
fn line<'t>(text: &'t str, key: &str) -> &'t str {
    text.lines()
        .find(|line| line.trim_start().starts_with(key))
        .unwrap()
}

#[test]
fn t37_a_ciphertext_moved_to_another_key_is_refused() {
    let keys = keys(&["one.agekey"]);
    let text = encrypted("only-data.yaml");
    let password = line(&text, "password:").split_once(": ").unwrap().1;
    let url = line(&text, "url:").split_once(": ").unwrap().1;
    let swapped = text
        .replace(password, "SWAP")
        .replace(url, password)
        .replace("SWAP", url);
    let error = decrypt(&swapped, Format::Yaml, &keys).unwrap_err();
    assert!(
        matches!(&error, Error::Value { path, .. } if path == "stringData.password"),
        "{error}"
    );
    assert!(!error.to_string().contains("ENC["), "{error}");
}

#[test]
fn t37_a_changed_ciphertext_nonce_tag_or_type_is_refused() {
    let keys = keys(&["one.agekey"]);
    let text = encrypted("only-data.yaml");
    let password = line(&text, "password:");
    for (from, to) in [
        ("data:", "data:A"),
        (",iv:", ",iv:AAAA"),
        (",tag:", ",tag:AA"),
        ("type:str", "type:int"),
    ] {
        let changed = text.replace(password, &password.replacen(from, to, 1));
        assert_ne!(changed, text);
        let error = decrypt(&changed, Format::Yaml, &keys).unwrap_err();
        assert!(matches!(error, Error::Value { .. }), "{from}: {error}");
    }
}

#[test]
fn t37_a_value_that_replaces_a_ciphertext_is_refused() {
    let keys = keys(&["one.agekey"]);
    let text = encrypted("only-data.yaml");
    for (value, named) in [
        ("plain-by-hand", "does not match"),
        ("17", "must be encrypted"),
    ] {
        let changed = text.replace(line(&text, "password:"), &format!("    password: {value}"));
        let error = decrypt(&changed, Format::Yaml, &keys)
            .unwrap_err()
            .to_string();
        assert!(error.contains(named) && !error.contains(value), "{error}");
    }
}

#[test]
fn t37_removed_added_and_changed_values_break_the_mac() {
    let keys = keys(&["one.agekey"]);
    let text = encrypted("only-data.yaml");
    let without = text.replace(&format!("{}\n", line(&text, "password:")), "");
    assert_eq!(
        decrypt(&without, Format::Yaml, &keys),
        Ok(Integrity::Changed)
    );
    let renamed = text.replace("name: database", "name: other");
    assert_eq!(
        decrypt(&renamed, Format::Yaml, &keys),
        Ok(Integrity::Changed)
    );
    let added = text.replace("type: Opaque", "type: Opaque\nimmutable: true");
    assert_eq!(decrypt(&added, Format::Yaml, &keys), Ok(Integrity::Changed));
    let later = text.replace("lastmodified: \"20", "lastmodified: \"21");
    assert_ne!(later, text);
    assert_eq!(decrypt(&later, Format::Yaml, &keys), Ok(Integrity::Changed));
    let mac = line(&text, "mac: ").to_owned();
    let unsigned = text.replace(&mac, "    mac: \"\"");
    assert_eq!(
        decrypt(&unsigned, Format::Yaml, &keys),
        Ok(Integrity::Unsigned)
    );
    let broken = text.replace(&mac, "    mac: ENC[nothing]");
    assert_eq!(
        decrypt(&broken, Format::Yaml, &keys),
        Ok(Integrity::Changed)
    );
}

#[test]
fn a_mac_over_encrypted_values_lets_others_change() {
    let keys = keys(&["one.agekey"]);
    let text = encrypted("mac-only.yaml");
    let renamed = text.replace("name: database", "name: other");
    assert_eq!(
        decrypt(&renamed, Format::Yaml, &keys),
        Ok(Integrity::Intact)
    );
    let without = text.replace(&format!("{}\n", line(&text, "password:")), "");
    assert_eq!(
        decrypt(&without, Format::Yaml, &keys),
        Ok(Integrity::Changed)
    );
    let widened = text.replace("mac_only_encrypted: true", "mac_only_encrypted: false");
    assert_eq!(
        decrypt(&widened, Format::Yaml, &keys),
        Ok(Integrity::Changed)
    );
}

#[test]
fn a_wrong_or_missing_key_is_named_with_its_recipient() {
    for (name, format, held) in [
        ("secret.yaml", Format::Yaml, &["two.agekey"][..]),
        ("secret.yaml", Format::Yaml, &[]),
        ("pgp-rsa.yaml", Format::Yaml, &["two.asc"]),
        ("pgp-curve.yaml", Format::Yaml, &["one.asc"]),
        ("groups.yaml", Format::Yaml, &["one.agekey"]),
        ("threshold.json", Format::Json, &["one.agekey"]),
    ] {
        let error = decrypt(&encrypted(name), format, &keys(held)).unwrap_err();
        let Error::NoKey(reason) = &error else {
            panic!("{name} with {held:?}: {error}");
        };
        assert!(
            reason.contains("keys at hand opens it"),
            "{name} with {held:?}: {reason}"
        );
        assert!(!reason.contains("AGE-SECRET"), "{reason}");
    }
}

#[test]
fn any_recipient_and_any_two_of_three_groups_are_enough() {
    for (name, format, held) in [
        ("recipients.yaml", Format::Yaml, &["one.agekey"][..]),
        ("recipients.yaml", Format::Yaml, &["two.agekey"]),
        ("both.ini", Format::Ini, &["one.asc"]),
        ("both.ini", Format::Ini, &["two.agekey"]),
        ("ssh.yaml", Format::Yaml, &["ssh"]),
        (
            "threshold.json",
            Format::Json,
            &["two.agekey", "one.agekey"],
        ),
        ("threshold.json", Format::Json, &["one.agekey", "one.asc"]),
        ("threshold.json", Format::Json, &["two.asc", "two.agekey"]),
    ] {
        let verdict = decrypt(&encrypted(name), format, &keys(held));
        assert_eq!(verdict, Ok(Integrity::Intact), "{name} with {held:?}");
    }
}

#[test]
fn t37_a_document_without_or_with_a_broken_block_is_refused() {
    let keys = keys(&["one.agekey"]);
    let text = encrypted("only-data.yaml");
    let start = text.find("sops:").unwrap();
    let stripped = decrypt(&text[..start], Format::Yaml, &keys).unwrap_err();
    assert!(matches!(stripped, Error::NoMetadata { .. }), "{stripped}");
    for (from, to, named) in [
        ("    age:\n", "    nobody:\n", "no keys found"),
        (
            "encrypted_regex:",
            "encrypted_suffix: x\n    encrypted_regex:",
            "more than one",
        ),
        ("^(data|stringData)$", "^(data", "no regular expression"),
        ("lastmodified: \"", "lastmodified: \"x", "no time"),
        (
            "    age:\n",
            "    age: []\n    kms:\n        - arn: arn:aws:kms:x\n          enc: x\n    unused:\n",
            "kms keys are not supported",
        ),
        (
            "    age:\n",
            "    age: []\n    hc_vault:\n        - vault_address: http://evil\n          enc: x\n    unused:\n",
            "hc_vault keys are not supported",
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let error = decrypt(&changed, Format::Yaml, &keys)
            .unwrap_err()
            .to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn t36_refused_kinds_of_keys_say_why() {
    let mut keys = Keyring::default();
    for (text, named) in [
        ("AGE-PLUGIN-YUBIKEY-1QQQQ", "plugin"),
        ("AGE-SECRET-KEY-PQ-1QQQQ", "post-quantum"),
        ("# fine\nAGE-SECRET-KEY-1NOTAKEY", "line 2"),
        ("hello", "no age private key"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
            "cannot be read",
        ),
    ] {
        let error = keys.add_age(text).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
        assert!(!error.contains("NOTAKEY"), "{error}");
    }
    assert!(
        keys.add_pgp(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n=aaaa")
            .is_err()
    );
    assert!(keys.add_pgp(b"no key").is_err());
    assert!(keys.is_empty());
    assert_eq!(format!("{keys:?}"), "Keyring(0 age keys, 0 PGP keys)");
}

#[test]
fn nothing_prints_a_plaintext() {
    let keys = keys(&["one.agekey"]);
    let decryptor = Decryptor::new(&keys);
    let encrypted = read("encrypted/secret.yaml");
    let decrypted = decryptor
        .decrypt(&encrypted, Format::Yaml, Format::Yaml)
        .unwrap();
    let printed = format!("{decrypted:?} {decryptor:?}");
    assert!(printed.contains("***"), "{printed}");
    assert!(
        !printed.contains("battery") && !printed.contains("SECRET"),
        "{printed}"
    );
}

#[test]
fn a_large_document_is_decrypted_and_a_larger_one_is_not_read() {
    let keys = keys(&["one.agekey"]);
    let text = encrypted("mac-only.yaml");
    // What is not encrypted may be as long as it wants.
    let padding = "x".repeat(MAXIMUM_SIZE - text.len() - 20);
    let large = format!("{text}padding: {padding}\n");
    assert_eq!(decrypt(&large, Format::Yaml, &keys), Ok(Integrity::Intact));
    let larger = format!("{large}more: {}\n", "x".repeat(20));
    let error = decrypt(&larger, Format::Yaml, &keys).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[test]
fn a_data_key_is_opened_once() {
    #[derive(Debug)]
    struct Counting(Keyring, std::cell::Cell<u32>);
    impl KeyService for Counting {
        fn open(
            &self,
            key: &windlass_sops::MasterKey,
        ) -> Result<windlass_sops::Plain, windlass_sops::KeyError> {
            self.1.set(self.1.get() + 1);
            self.0.open(key)
        }
    }
    let service = Counting(keys(&["one.agekey"]), std::cell::Cell::new(0));
    let decryptor = Decryptor::new(&service);
    for _ in 0..3 {
        let bytes = read("encrypted/secret.yaml");
        decryptor
            .decrypt(&bytes, Format::Yaml, Format::Json)
            .unwrap();
    }
    assert_eq!(service.1.get(), 1);
}
