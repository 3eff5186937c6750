use proptest::prelude::*;

use super::*;

const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const PARENT: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
const WHO: &str = "Ada <ada@example.com> 1700000000 +0000";

fn good() -> String {
    format!(
        "tree {TREE}\nparent {PARENT}\nauthor {WHO}\ncommitter {WHO}\nencoding UTF-8\n\
         gpgsig first\n second\n \n third\n\nsubject\n\nbody\n"
    )
}

#[track_caller]
fn refused(text: &str, because: &str) {
    let Ambiguity(why) = Commit::parse(text.as_bytes()).map(|_| ()).unwrap_err();
    assert!(why.contains(because), "{why}");
}

#[test]
fn a_good_commit_is_read_and_its_payload_is_all_but_the_signature() {
    let text = good();
    let commit = Commit::parse(text.as_bytes()).unwrap();
    assert_eq!(commit.tree.to_string(), TREE);
    assert_eq!(
        commit.signature.as_deref(),
        Some(b"first\nsecond\n\nthird".as_slice())
    );
    let (before, after) = commit.payload();
    let payload = String::from_utf8([before, after].concat()).unwrap();
    assert_eq!(
        payload,
        text.replace("gpgsig first\n second\n \n third\n", "")
    );
}

#[test]
fn a_commit_without_message_or_with_other_headers_is_read() {
    let bare = format!("tree {TREE}\nauthor {WHO}\ncommitter {WHO}\n\n");
    assert!(Commit::parse(bare.as_bytes()).unwrap().signature.is_none());
    let more = good().replace(
        "encoding UTF-8\n",
        "encoding UTF-8\nmergetag object x\n type commit\n \n tag v1\nchange-id abc\nHG:extra x:y\n",
    );
    assert!(Commit::parse(more.as_bytes()).unwrap().signature.is_some());
}

#[test]
fn repeated_missing_and_misplaced_headers_are_refused() {
    let text = good();
    let tree = format!("tree {TREE}\n");
    let parent = format!("parent {PARENT}\n");
    let author = format!("author {WHO}\n");
    let committer = format!("committer {WHO}\n");
    let twice = |line: &str| text.replacen(line, &format!("{line}{line}"), 1);
    refused(
        &twice(&tree),
        "author header is missing or not in its place",
    );
    refused(&twice(&author), "committer header is missing");
    refused(&twice(&committer), "committer header is repeated");
    refused(&twice("encoding UTF-8\n"), "encoding header is repeated");
    refused(&text.replace(&tree, ""), "tree header is missing");
    refused(&text.replace(&author, ""), "author header is missing");
    refused(&text.replace(&committer, ""), "committer header is missing");
    for line in [&tree, &parent, &author] {
        let late = text.replace("encoding UTF-8\n", &format!("encoding UTF-8\n{line}"));
        refused(&late, "repeated or not in its place");
    }
    refused(&format!("{parent}{text}"), "tree header is missing");
    refused(&text.replace("gpgsig", "gpgsig-sha256"), "second signature");
    refused(
        &text.replace("gpgsig", "gpgsig x\ngpgsig"),
        "two signatures",
    );
    refused(
        &text.replace("\n\nsubject", "\nnote x\n\nsubject"),
        "a header follows",
    );
}

#[test]
fn broken_headers_are_refused() {
    let text = good();
    refused(&text.replace(" second", "second"), "has no value");
    refused(&text.replace("tree 4b", "tree 4B"), "holds no object id");
    refused(&text.replace("tree ", "tree  "), "holds no object id");
    refused(
        &text.replace("parent e6", "parent zz"),
        "parent header holds no object id",
    );
    refused(&text.replace("encoding", "Tree"), "other case");
    refused(&text.replace("encoding", "GPGSIG"), "other case");
    refused(&text.replace("encoding", "-x"), "is not a header name");
    refused(&text.replace("author Ada", "author\n Ada"), "has no value");
    refused(
        &text.replace("+0000\ncommitter", "+0000\n x\ncommitter"),
        "several lines",
    );
    refused(&text.replace("UTF-8\n", "UTF-8\n x\n"), "encoding");
    refused(&format!(" x\n{text}"), "begins with a continuation");
    refused(
        text.trim_end().split_once("\n\n").unwrap().0,
        "do not end with an empty line",
    );
    refused(&text.replace("body", "bo\0dy"), "NUL");
    refused("", "do not end");
    refused(&format!("{text}{}", "x".repeat(MAX_COMMIT_BYTES)), "larger");
}

#[test]
fn parents_and_time_are_read_of_any_bytes() {
    let text = good();
    let (found, time) = parents(text.as_bytes());
    assert_eq!((found.len(), time), (1, 1_700_000_000));
    let merge = text.replace("author", &format!("parent {TREE}\nauthor"));
    assert_eq!(parents(merge.as_bytes()).0.len(), 2);
    let late = text.replace("gpgsig", &format!("parent {TREE}\ngpgsig"));
    assert_eq!(parents(late.as_bytes()).0.len(), 2);
    assert_eq!(parents(b"parent x"), (Vec::new(), 0));
    assert_eq!(parents(b""), (Vec::new(), 0));
}

#[test]
fn subject_and_author_are_shown_of_any_bytes() {
    let (subject, author) = described(good().as_bytes());
    assert_eq!(
        (subject.as_str(), author.as_str()),
        ("subject", "Ada <ada@example.com>")
    );
    assert_eq!(described(b"\xff\0"), (String::new(), String::new()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in any::<Vec<u8>>()) {
        let _ = (Commit::parse(&bytes).is_ok(), parents(&bytes), described(&bytes));
    }

    #[test]
    fn what_parses_strictly_has_a_payload_that_misses_only_the_signature(
        lines in proptest::collection::vec("(tree|parent|author|committer|gpgsig|x| )? ?[ -~]{0,50}", 0..12)
    ) {
        let text = format!("{}\n\n", lines.join("\n"));
        if let Ok(commit) = Commit::parse(text.as_bytes()) {
            let (before, after) = commit.payload();
            prop_assert!(before.len() + after.len() <= text.len());
        }
        let _ = (parents(text.as_bytes()), described(text.as_bytes()));
    }
}

#[test]
fn a_sha256_repository_is_refused_by_name() {
    let long = "a".repeat(64);
    refused(&good().replace(TREE, &long), "SHA-256 repository");
    refused(&good().replace(PARENT, &long), "SHA-256 repository");
    refused(
        &good().replace(TREE, &"z".repeat(64)),
        "its tree header holds no object id",
    );
}
