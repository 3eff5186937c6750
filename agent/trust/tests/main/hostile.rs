//! Arbitrary bytes through the public door: a verdict or an error, never a panic, never accepted.

use proptest::prelude::*;
use windlass_trust::{
    AllowedSigners, Introduction, ObjectKind, Verdict, VerifiedTree, missing_objects, verify,
};

use crate::kit::{History, Key, Objects, accepted, policy, with_signature};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_commit_bytes_are_never_accepted(bytes in any::<Vec<u8>>()) {
        let mut history = History::new();
        let introduction = history.unsigned(&[], "introduction");
        let head = history.objects.put(ObjectKind::Commit, &bytes);
        let policy = policy(&Key::new(1).line("alice"), Introduction::Commit(introduction));
        let verdict = verify(&history.objects, &policy, None, &head);
        prop_assert!(!matches!(verdict, Ok(Verdict::Accepted(_))));
    }

    #[test]
    fn a_signed_commit_changed_in_any_byte_is_never_accepted(at in 0usize..900, flip in 1u8..) {
        let alice = Key::new(1);
        let mut history = History::new();
        let introduction = history.unsigned(&[], "introduction");
        let good = history.signed(&alice, &[introduction], "good");
        let mut bytes = history.objects.0[&good].bytes.clone();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let head = history.objects.put(ObjectKind::Commit, &bytes);
        let policy = policy(&alice.line("alice"), Introduction::Commit(introduction));
        if let Ok(Verdict::Accepted(accepted)) = verify(&history.objects, &policy, None, &head) {
            // A line feed may be added or taken away only inside the armour's base64.
            prop_assert!(false, "byte {at} xor {flip} gave {accepted:?}");
        }
    }

    #[test]
    fn arbitrary_armour_is_never_accepted(armour in ".*", bytes in any::<Vec<u8>>()) {
        use base64::Engine as _;
        let digits = base64::engine::general_purpose::STANDARD.encode(bytes);
        let shaped =
            format!("-----BEGIN SSH SIGNATURE-----\n{digits}\n-----END SSH SIGNATURE-----\n");
        let mut history = History::new();
        let introduction = history.unsigned(&[], "introduction");
        let policy = policy(&Key::new(1).line("alice"), Introduction::Commit(introduction));
        for armour in [armour, shaped] {
            let text = history.text(&[introduction], "x");
            let head = history.raw(&with_signature(&text, &armour));
            let verdict = verify(&history.objects, &policy, None, &head).unwrap();
            prop_assert!(matches!(verdict, Verdict::Refused(_)));
        }
    }

    #[test]
    fn arbitrary_trees_do_not_stop_the_reader(bytes in any::<Vec<u8>>(), path in ".*") {
        let mut objects = Objects::default();
        let tree = objects.put(ObjectKind::Tree, &bytes);
        let who = "Ada <ada@example.com> 1700000000 +0000";
        let text = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nx\n");
        let commit = objects.put(ObjectKind::Commit, text.as_bytes());
        let policy = policy("", Introduction::Commit(commit));
        let source = accepted(&objects, &policy, None, commit).source;
        let tree = VerifiedTree::new(&source, &objects);
        let _ = (tree.read(&path).is_ok(), tree.list(&path).is_ok(), tree.kind(&path).is_ok());
        let _ = missing_objects(&objects, &source).is_ok();
    }

    #[test]
    fn arbitrary_trust_files_are_read_or_refused(text in "(?s).*", noise in "[a-z,=\"! #*-]{0,40}") {
        let _ = AllowedSigners::parse(&text).is_ok();
        let key = Key::new(1).line("");
        let _ = AllowedSigners::parse(&format!("{noise}{key}{noise}")).is_ok();
    }
}
