//! Repositories on the node, read in place.

use windlass_wire::{Answer, FailureClass, Reference};

use crate::agent::{Net, main_at, request};
use crate::git::{Repository, git};

#[test]
fn a_path_is_read_without_any_server() {
    let repository = Repository::with_files(&[("a/one.yaml", "one"), ("two.yaml", "two")]);
    let old = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["tag", "-a", "-m", "one", "v1.0.0"]);
    let new = repository.commit(&[("two.yaml", "changed")]);
    let net = Net::start_reading(&[repository.root.path()]);
    for path in [&repository.bare, &repository.work] {
        for url in [
            path.display().to_string(),
            format!("file://{}", path.display()),
        ] {
            let mut request = request(&url);
            let fetched = net.fetch(&request);
            assert_eq!(
                fetched.head,
                Some((new.clone(), "refs/heads/main".to_owned()))
            );
            assert_eq!(fetched.oids(), repository.objects_between(&new, &[]));
            fetched.assert_order();
            request.have = vec![old.clone(), "1".repeat(40)];
            assert_eq!(
                net.fetch(&request).oids(),
                repository.objects_between(&new, &[&old])
            );
            request.known = main_at(&new);
            assert_eq!(
                net.fetch(&request).end,
                Answer::Unchanged { oid: new.clone() }
            );
        }
    }
    let mut request = request(&repository.work.display().to_string());
    for (reference, head) in [
        (Reference::Tag("v1.0.0".into()), &old),
        (Reference::Semver("*".into()), &old),
        (Reference::Commit(old.clone()), &old),
        (Reference::Name("HEAD".into()), &new),
    ] {
        request.reference = reference.clone();
        assert_eq!(net.fetch(&request).head(), head, "{reference:?}");
    }
    request.reference = Reference::Branch("nothing".into());
    assert_eq!(
        net.fetch(&request).failure().0,
        FailureClass::NoSuchReference
    );
    request.reference = Reference::Commit("1".repeat(40));
    assert_eq!(
        net.fetch(&request).failure().0,
        FailureClass::NoSuchReference
    );
    assert!(
        std::fs::read_dir(&net.cache_dir).unwrap().next().is_none(),
        "nothing is cached"
    );
}

#[test]
fn a_packed_repository_is_read_too() {
    let repository = Repository::with_files(&[("a", "a")]);
    repository.git(&["tag", "-a", "-m", "one", "v1.0.0"]);
    let head = repository.commit(&[("b", "b")]);
    repository.push(&["--tags"]);
    git(&repository.bare, &["gc", "-q", "--aggressive"]);
    git(&repository.bare, &["pack-refs", "--all"]);
    let net = Net::start_reading(&[&repository.bare]);
    let mut request = request(&repository.bare.display().to_string());
    assert_eq!(
        net.fetch(&request).oids(),
        repository.objects_between(&head, &[])
    );
    request.reference = Reference::Semver("1.x".into());
    assert_eq!(
        net.fetch(&request).oids(),
        repository.objects_between("v1.0.0", &[])
    );
}

#[test]
fn a_damaged_object_is_never_handed_out() {
    let repository = Repository::with_files(&[("a", "a")]);
    let blob = repository.git(&["rev-parse", "HEAD:a"]);
    let file = repository
        .work
        .join(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
    let other = repository.git(&["rev-parse", "HEAD^{tree}"]);
    let other = repository
        .work
        .join(format!(".git/objects/{}/{}", &other[..2], &other[2..]));
    std::fs::remove_file(&file).unwrap();
    std::fs::copy(other, &file).unwrap();
    let net = Net::start_reading(&[&repository.work]);
    let fetched = net.fetch(&request(&repository.work.display().to_string()));
    assert_eq!(fetched.failure().0, FailureClass::Protocol);
    assert!(fetched.failure().1.contains("git fsck"));
    assert!(!fetched.oids().contains(&blob));
    std::fs::remove_file(&file).unwrap();
    let fetched = net.fetch(&request(&repository.work.display().to_string()));
    assert!(fetched.failure().1.contains("missing"), "{:?}", fetched.end);
}

#[test]
fn what_is_no_repository_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let net = Net::start_reading(&[empty.path()]);
    for path in ["/nonexistent/fleet", empty.path().to_str().unwrap()] {
        assert_eq!(
            net.fetch(&request(path)).failure().0,
            FailureClass::NotFound,
            "{path}"
        );
    }
}

#[test]
fn a_repository_outside_the_walls_is_named_with_the_option_that_lets_it_in() {
    let repository = Repository::with_files(&[("a", "a")]);
    let net = Net::start();
    let fetched = net.fetch(&request(&repository.bare.display().to_string()));
    if fetched.head.is_some() {
        eprintln!("SKIPPED, NOT TESTED: this kernel has no Landlock");
        return;
    }
    let (class, message) = fetched.failure();
    assert_eq!(class, FailureClass::NotFound);
    assert!(
        message.contains(&format!("--read {}", repository.bare.display())),
        "{message}"
    );
}
