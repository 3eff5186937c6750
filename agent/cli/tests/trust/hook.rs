//! The pre-push hook as it is written; tests/e2e pushes through it.

use super::{Place, text};

#[test]
fn the_hook_is_ours_to_replace_and_nobody_elses_is_lost() {
    let mut place = Place::new();
    place.unsigned("Begin");
    place
        .trust(&["hook", "install", "."])
        .failed()
        .says(&["which keys may sign is not known"]);
    place.trust(&["init", ".", "--yes"]).done();
    place
        .trust(&["hook", "install", "."])
        .done()
        .says(&["checks each push to main", "--no-verify"]);
    let file = place.repo.path().join(".git/hooks/pre-push");
    let read = || std::fs::read_to_string(&file).unwrap();
    assert!(
        read().contains("refs/heads/main") && read().contains("--mode path"),
        "{}",
        read()
    );
    place
        .trust(&["hook", "install", ".", "--branch", "it's", "--mode", "all"])
        .done();
    assert!(
        read().contains("'refs/heads/it'\\''s'") && read().contains("--mode all"),
        "{}",
        read()
    );

    std::fs::write(&file, "#!/bin/sh\nmake lint\n").unwrap();
    place
        .trust(&["hook", "install", "."])
        .failed()
        .says(&["is there already, and is not ours", "--force"]);
    assert!(read().contains("make lint"));
    place.trust(&["hook", "install", ".", "--force"]).done();
    let kept = std::fs::read_to_string(file.with_extension("old")).unwrap();
    assert!(kept.contains("make lint") && read().contains("windlass trust hook install"));
}

#[test]
fn a_clone_that_pins_no_introduction_takes_the_other_side_as_accepted() {
    let mut place = Place::new();
    place.signed("Begin");
    let signers = place.signers();
    place
        .trust(&["hook", "install", ".", "--signers", text(&signers)])
        .done();
    let hook = std::fs::read_to_string(place.repo.path().join(".git/hooks/pre-push")).unwrap();
    assert!(
        hook.contains("..$new") && hook.contains(text(&signers)),
        "{hook}"
    );
}
