//! Every case of golden/make.sh decrypts to what the real sops command decrypts it to.

use windlass_sops::{Decryptor, Integrity};

use crate::support::{format_of, golden, keys, read};

#[test]
fn every_case_decrypts_as_sops_decrypts_it() {
    let keys = keys(&["one.agekey", "two.agekey", "one.asc", "two.asc", "ssh"]);
    let mut names: Vec<_> = std::fs::read_dir(golden("encrypted"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 24, "{names:?}");
    let mut failures = Vec::new();
    for name in names {
        let format = format_of(&name);
        let decryptor = Decryptor::new(&keys);
        let encrypted = read(&format!("encrypted/{name}"));
        let expected = read(&format!("expected/{name}"));
        match decryptor.decrypt(&encrypted, format, format) {
            Err(error) => failures.push(format!("{name}: {error}")),
            Ok(decrypted) if decrypted.integrity != Integrity::Intact => {
                failures.push(format!("{name}: {:?}", decrypted.integrity));
            }
            Ok(decrypted) if *decrypted.plain != *expected => failures.push(format!(
                "{name}: gives\n{}\nnot\n{}",
                String::from_utf8_lossy(&decrypted.plain),
                String::from_utf8_lossy(&expected)
            )),
            Ok(_) => {}
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
