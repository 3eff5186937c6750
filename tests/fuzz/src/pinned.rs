//! The files of a repository that say who may do what and what is pinned, the messages of tags that take effect, and what a
//! pin is compared with.

use windlass_trust::{
    Charter, ContentDigest, CosignKey, Introduction, LockFile, NodeKind, ObjectKind, POLICY_FILE,
    POLICY_SIGNATURES, Ratchet, Verdict, VerifiedFiles, policy_signers, read_heartbeat,
    read_recall, recall_tag, signatures, verify, verify_provenance, verify_recall, wants_heartbeat,
};

use crate::trust::{HEADERS, Objects, policy};

/// A key of cosign whose private half nobody has.
const COSIGN: &str = include_str!("../corpus/trust_cosign/ed25519.pem");

/// Most signatures that are looked at in one file.
const MOST_SIGNATURES: usize = 64;

/// A policy in the repository: whatever it says, what nobody signed is not accepted under it.
pub(crate) fn charter(bytes: &[u8]) {
    match Charter::parse(bytes) {
        Ok(charter) => {
            assert!(charter.version() > 0 && charter.threshold() > 0);
            assert!(
                charter.follows(&charter).is_err(),
                "a change is another version"
            );
        }
        Err(error) => assert!(error.to_string().starts_with(POLICY_FILE), "{error}"),
    }
    unsigned_under(&[(POLICY_FILE, bytes)]);
}

/// The signatures beside a policy.
pub(crate) fn charter_signatures(bytes: &[u8]) {
    assert!(signatures(bytes).len() <= MOST_SIGNATURES);
    let roots = policy(Introduction::FirstSigned).signers;
    let judged = policy_signers(b"version = 2\n", bytes, &roots, 1_700_000_000);
    assert!(judged.iter().all(Result::is_err), "nobody signed it");
    unsigned_under(&[
        (POLICY_FILE, b"version = 1\nthreshold = 2\n"),
        (POLICY_SIGNATURES, bytes),
    ]);
}

/// The message of an override: nobody goes back because of what nobody signed.
pub(crate) fn recall(bytes: &[u8]) {
    let mut objects = Objects::default();
    let Some((to, from)) = two_commits(&mut objects, &[]) else {
        return;
    };
    let Some(tag) = objects.tag(&recall_tag(&to), (&to, bytes)) else {
        return;
    };
    if let Some(read) = read_recall(&objects, &to, &tag) {
        let message = read.message();
        let again = objects.tag(&recall_tag(&to), (&to, message.as_bytes()));
        let again = again.and_then(|tag| read_recall(&objects, &to, &tag));
        let normal = read.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            again.map(|again| (again.from, again.to, again.reason)),
            Some((read.from, read.to, normal))
        );
    }
    let ratchet = Ratchet {
        head: from,
        introduction: to,
        counter: 1,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    };
    let judged = verify_recall(
        &objects,
        &policy(Introduction::Commit(to)),
        &ratchet,
        (to, tag),
    );
    assert!(!matches!(judged, Ok(Ok(_))), "nobody signed it");
}

/// The message of a heartbeat.
pub(crate) fn heartbeat(bytes: &[u8]) {
    let mut objects = Objects::default();
    let asks: &[(&str, &[u8])] = &[(POLICY_FILE, b"version = 1\n[heartbeat]\n")];
    let Some((introduction, _)) = two_commits(&mut objects, asks) else {
        return;
    };
    let policy = policy(Introduction::Commit(introduction));
    let Ok(Verdict::Accepted(accepted)) = verify(&objects, &policy, None, &introduction) else {
        return;
    };
    let source = accepted.source;
    assert!(wants_heartbeat(&objects, &source).is_ok_and(|wants| wants));
    let Some(tag) = objects.tag("windlass-heartbeat", (&introduction, bytes)) else {
        return;
    };
    let heard = read_heartbeat(&objects, &policy, &source, tag);
    assert!(matches!(heard, Ok(Err(_))), "nobody signed it");
}

/// `windlass.lock`.
pub(crate) fn lock(bytes: &[u8]) {
    if let Err(error) = LockFile::parse(bytes) {
        assert!(error.to_string().starts_with("windlass.lock"), "{error}");
    }
}

/// An archive whose digest somebody vouches for: no name in it leads elsewhere, and all of it can be read.
pub(crate) fn archive(bytes: &[u8]) {
    let Ok(files) = VerifiedFiles::open(bytes, &ContentDigest::of(bytes)) else {
        return;
    };
    for (path, content) in files.all() {
        let mut steps = path.split('/');
        assert!(
            steps.all(|step| !["", ".", ".."].contains(&step)),
            "{path:?}"
        );
        assert!(
            files.read(path).is_ok_and(|read| read == **content),
            "{path:?}"
        );
        let is_file = matches!(files.kind(path), Ok(Some(NodeKind::File)));
        assert!(is_file, "{path:?}");
    }
    assert!(files.list("").is_ok());
}

/// A key of cosign; and a text and its signature, one line each.
pub(crate) fn cosign(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = CosignKey::parse(&text);
    let known = CosignKey::parse(COSIGN);
    assert!(known.is_ok(), "the key is read");
    let (payload, signature) = text.split_once('\n').unwrap_or((&text, ""));
    for key in read.into_iter().chain(known) {
        let vouches = key.vouches(&ContentDigest::of(b"x"), payload.as_bytes(), signature);
        let in_bundle = key.vouches_in_bundle(&ContentDigest::of(b"x"), bytes);
        assert!(!vouches && !in_bundle, "nobody signed it");
    }
}

/// What `helm package --sign` wrote of a package: only that text counts, and only for that package.
pub(crate) fn provenance(bytes: &[u8]) {
    let known = (
        "web-1.2.3.tgz",
        PACKAGE.parse().unwrap_or(ContentDigest::of(b"")),
    );
    let verify = |text: &[u8], what| verify_provenance(text, RING, what, NOW);
    assert!(verify(PROVENANCE, known).is_ok(), "what was signed counts");
    if verify(bytes, known).is_ok() {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains(PACKAGE), "nobody signed it");
    }
    let other = (known.0, ContentDigest::of(b"x"));
    assert!(verify(bytes, other).is_err(), "nobody signed that package");
    drop(verify_provenance(PROVENANCE, bytes, known, NOW));
}

/// A text that somebody signed, with the public key; a moment after that.
const PROVENANCE: &[u8] = include_bytes!("../corpus/trust_provenance/web.prov");
const RING: &[u8] = include_bytes!("../corpus/trust_provenance/ring.gpg");
const NOW: i64 = 1_796_000_000;

/// The package that it is about.
const PACKAGE: &str = "sha256:999a4ea9712f713ee2fb4819d6e2cb00ab542bd7dd5ad62dd0182a2ea4717311";

/// A commit that is pinned, and an unsigned one on top of it, with these files in both.
fn two_commits(
    objects: &mut Objects,
    files: &[(&str, &[u8])],
) -> Option<(windlass_trust::Oid, windlass_trust::Oid)> {
    let mut tree = Vec::new();
    for (name, bytes) in files {
        let blob = objects.put(ObjectKind::Blob, bytes)?;
        tree.extend(format!("100644 {name}\0").bytes());
        tree.extend(blob.as_bytes());
    }
    let tree = objects.put(ObjectKind::Tree, &tree)?;
    let (_, rest) = HEADERS.split_once('\n')?;
    let text = format!("tree {tree}\n{rest}\nx\n");
    let introduction = objects.put(ObjectKind::Commit, text.as_bytes())?;
    let text = format!("tree {tree}\nparent {introduction}\n{rest}\nx\n");
    let head = objects.put(ObjectKind::Commit, text.as_bytes())?;
    Some((introduction, head))
}

fn unsigned_under(files: &[(&str, &[u8])]) {
    let mut objects = Objects::default();
    let Some((introduction, head)) = two_commits(&mut objects, files) else {
        return;
    };
    let policy = policy(Introduction::Commit(introduction));
    let verdict = verify(&objects, &policy, None, &head);
    assert!(
        !matches!(verdict, Ok(Verdict::Accepted(_))),
        "nobody signed it"
    );
}
