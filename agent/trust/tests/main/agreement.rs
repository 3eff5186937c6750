//! The same commits for us and for `git verify-commit`: we accept nothing that Git refuses, and
//! where we refuse more the reason is named.

use std::path::Path;

use windlass_trust::{Introduction, RefusalReason};

use crate::kit::{Repo, accepted, policy, refused, with_signature};

/// One commit of the corpus.
struct Case {
    name: &'static str,
    commit: String,
    /// The code of our refusal; empty when accepted.
    ours: &'static str,
    git: bool,
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one table of commits, read from top to bottom"
)]
fn t01_t02_every_commit_is_judged_as_git_judges_it_or_harder() {
    let repo = Repo::new();
    let alice = repo.key("alice", &["-t", "ed25519"]);
    let mallory = repo.key("mallory", &["-t", "ed25519"]);
    let rsa = repo.key("rsa", &["-t", "rsa", "-b", "2048"]);
    let ecdsa = repo.key("ecdsa", &["-t", "ecdsa"]);
    repo.write("a.yaml", "a: 1\n");
    let first = repo.commit("first", None);
    repo.write("a.yaml", "a: 2\n");
    repo.commit("second", None);
    let good = repo.text(repo.head());
    let signers = repo.line("alice@example.com", &alice);
    let other_tree = repo.git(&["rev-parse", "HEAD~1^{tree}"]);
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    let sign = |key: &Path, namespace: &str, payload: &str| {
        with_signature(payload, &repo.armour(key, namespace, &[], payload))
    };
    let signed = |payload: &str| sign(&alice, "git", payload);
    let sha256 = |payload: &str| {
        let options = ["-O", "hashalg=sha256"];
        with_signature(payload, &repo.armour(&alice, "git", &options, payload))
    };
    let tree_line = format!("tree {tree}\n");
    let other_line = format!("tree {other_tree}\n");
    let both = format!("{tree_line}{other_line}");
    let swapped = format!("{other_line}{tree_line}");
    let case = |name, commit, ours, git| Case {
        name,
        commit,
        ours,
        git,
    };
    let good = good.as_str();
    let cases = [
        case("good", signed(good), "", true),
        case("good with sha256", sha256(good), "", true),
        case("unsigned", good.to_owned(), "Unsigned", false),
        case(
            "wrong key",
            sign(&mallory, "git", good),
            "UnknownKey",
            false,
        ),
        case(
            "namespace file",
            sign(&alice, "file", good),
            "WrongNamespace",
            false,
        ),
        case("rsa", sign(&rsa, "git", good), "UnknownKey", false),
        case("ecdsa", sign(&ecdsa, "git", good), "UnknownKey", false),
        case(
            "tampered message",
            signed(good).replace("second", "sec0nd"),
            "BadSignature",
            false,
        ),
        case(
            "tampered tree",
            signed(good).replace(&tree_line, &other_line),
            "BadSignature",
            false,
        ),
        case(
            "two trees, signed with one",
            signed(good).replace(&tree_line, &both),
            "AmbiguousObject",
            false,
        ),
        case(
            "two trees, signed with both",
            signed(&good.replace(&tree_line, &both)),
            "AmbiguousObject",
            true,
        ),
        case(
            "two trees in the other order",
            signed(&good.replace(&tree_line, &swapped)),
            "AmbiguousObject",
            true,
        ),
        case(
            "two signatures",
            with_signature(&signed(good), &repo.armour(&mallory, "git", &[], good)),
            "AmbiguousObject",
            true,
        ),
        case(
            "a header after the signature",
            signed(good).replace("\n\nsecond", "\nnote x\n\nsecond"),
            "AmbiguousObject",
            false,
        ),
        case(
            "a signed header of an unknown name",
            signed(&good.replace("\n\nsecond", "\nchange-id kxyz\n\nsecond")),
            "",
            true,
        ),
        case(
            "a message that looks like headers",
            signed(&format!("{good}\ntree {other_tree}\ngpgsig x\n")),
            "",
            true,
        ),
        case(
            "a signature with text after it",
            {
                signed(good).replace(
                    "-----END SSH SIGNATURE-----",
                    "-----END SSH SIGNATURE-----\n x",
                )
            },
            "MalformedSignature",
            true,
        ),
    ];
    let policy = policy(&signers, Introduction::Commit(first));
    for Case {
        name,
        commit,
        ours,
        git,
    } in cases
    {
        let commit = repo.raw_commit(&commit);
        assert_eq!(repo.git_accepts(commit, &signers), git, "git on: {name}");
        let objects = repo.objects();
        if ours.is_empty() {
            let accepted = accepted(&objects, &policy, None, commit);
            assert_eq!(accepted.signer, "alice@example.com", "{name}");
            assert_eq!(accepted.source.tree().to_string(), tree, "{name}");
        } else {
            let refusal = refused(&objects, &policy, None, commit);
            assert_eq!(
                (refusal.reason.code(), refusal.commit),
                (ours, commit),
                "{name}"
            );
        }
    }
}

#[test]
fn a_commit_made_by_git_itself_is_accepted_with_its_principal() {
    let repo = Repo::new();
    let alice = repo.key("alice", &["-t", "ed25519"]);
    repo.write("a.yaml", "a: 1\n");
    let first = repo.commit("first", None);
    repo.write("a.yaml", "a: 2\n");
    let head = repo.commit("second", Some(&alice));
    let signers = repo.line("alice@example.com,ops@example.com", &alice);
    assert!(repo.git_accepts(head, &signers));
    let policy = policy(&signers, Introduction::Commit(first));
    let accepted = accepted(&repo.objects(), &policy, None, head);
    assert_eq!(accepted.signer, "alice@example.com,ops@example.com");
    assert_eq!(
        (accepted.source.commit(), accepted.proof.new_commits),
        (head, 1)
    );
}

#[test]
fn the_fingerprint_of_an_unknown_key_is_the_one_that_ssh_keygen_prints() {
    let repo = Repo::new();
    let alice = repo.key("alice", &["-t", "ed25519"]);
    let mallory = repo.key("mallory", &["-t", "ed25519"]);
    repo.write("a.yaml", "a: 1\n");
    let first = repo.commit("first", None);
    let head = repo.commit("second", Some(&mallory));
    let policy = policy(&repo.line("alice", &alice), Introduction::Commit(first));
    let refusal = refused(&repo.objects(), &policy, None, head);
    let (_, printed) = repo.run("ssh-keygen", &["-lf", mallory.to_str().unwrap()], b"");
    let printed = String::from_utf8(printed).unwrap();
    let fingerprint = printed.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(
        refusal.reason,
        RefusalReason::UnknownKey {
            fingerprint: fingerprint.clone()
        }
    );
    let text = refusal.to_string();
    assert!(
        text.contains(&fingerprint) && text.contains(&head.to_string()),
        "{text}"
    );
    assert!(
        text.contains("\"second\" by Ada <ada@example.com>"),
        "{text}"
    );
}

#[test]
fn the_options_of_the_trust_file_mean_what_they_mean_to_git() {
    let repo = Repo::new();
    let alice = repo.key("alice", &["-t", "ed25519"]);
    repo.write("a.yaml", "a: 1\n");
    let first = repo.commit("first", None);
    let head = repo.commit("second", Some(&alice));
    let objects = repo.objects();
    for (options, counts) in [
        ("alice namespaces=\"git\"", true),
        ("alice namespaces=\"file,git\"", true),
        ("alice namespaces=\"g*\"", true),
        ("alice NAMESPACES=\"gi?\"", true),
        ("\"alice\"", true),
        ("alice namespaces=\"file\"", false),
        ("alice namespaces=\"*,!git\"", false),
        ("alice namespaces=\"g?\"", false),
    ] {
        let signers = repo.line(options, &alice);
        assert_eq!(
            repo.git_accepts(head, &signers),
            counts,
            "git on: {options}"
        );
        let policy = policy(&signers, Introduction::Commit(first));
        if counts {
            accepted(&objects, &policy, None, head);
        } else {
            let refusal = refused(&objects, &policy, None, head);
            assert_eq!(refusal.reason.code(), "KeyNotForGit", "{options}");
        }
    }
}
