//! `windlass.policy`: who beside the roots may change what. T42 of the matrix, and the rules of paths.

use windlass_trust::Introduction::FirstSigned;
use windlass_trust::{
    Found, Mode, ObjectKind, Policy, RefusalReason, Selector, Verdict, verify_reference,
};

use crate::charted::{Charted, EVERY, Files, ada, eve, principal, revoked, tree};
use crate::house::House;
use crate::kit::{Key, accepted, refused};

#[test]
fn t42_a_signer_of_the_policy_changes_its_own_paths_and_nothing_else() {
    let mut it = Charted::new();
    let start = it.start;
    let own = it.change(&eve(), &[start], "apps/web.yaml", "web: 2\n");
    it.accepts(own);
    let new = it.change(&eve(), &[own], "apps/shop/shop.yaml", "shop: 1\n");
    it.accepts(new);
    let foreign = it.change(&eve(), &[new], "infra/net.yaml", "net: 2\n");
    let reason = it.refuses(foreign, "PathNotAllowed", foreign);
    let (principal, path) = ("eve".to_owned(), "infra/net.yaml".to_owned());
    assert_eq!(reason, RefusalReason::PathNotAllowed { principal, path });
    // A root takes the change on, and it is in.
    let vouched = it.commit(&ada(), &[new, foreign], "countersigned");
    for mode in [Mode::Path, Mode::FirstParent] {
        let policy = it.house.policy(mode);
        accepted(&it.house.history.objects, &policy, None, vouched);
    }
}

#[test]
fn t42_taking_a_file_away_and_putting_a_directory_in_its_place_are_changes() {
    for gone in ["infra/net.yaml", "apps/web.yaml"] {
        let mut it = Charted::new();
        let start = it.start;
        it.files.remove(gone);
        let head = it.commit(&eve(), &[start], "gone");
        if gone.starts_with("apps") {
            it.accepts(head);
        } else {
            it.refuses(head, "PathNotAllowed", head);
        }
    }
    let mut it = Charted::new();
    let start = it.start;
    it.files.remove("infra/net.yaml");
    let head = it.change(&eve(), &[start], "infra/net.yaml/apps/x.yaml", "x");
    it.refuses(head, "PathNotAllowed", head);
}

#[test]
fn t42_nobody_grants_anything_to_themselves() {
    let mut it = Charted::new();
    let start = it.start;
    let wide = format!("version = 2\n{}", principal("eve", &eve(), &["**"]));
    let grab = it.change(&eve(), &[start], "windlass.policy", &wide);
    it.refuses(grab, "PolicyNeedsRoot", grab);
    // Nor may a key that nobody knows, nor what is not signed.
    let stranger = it.commit(&Key::new(9), &[start], "grab");
    it.refuses(stranger, "UnknownKey", stranger);
    // What a root grants counts from the next commit on.
    let granted = it.commit(&ada(), &[start], "grant");
    it.accepts(granted);
    let used = it.change(&eve(), &[granted], "infra/net.yaml", "net: 3\n");
    it.accepts(used);
    // The policy file itself is never among anybody's paths.
    let again = format!("version = 3\n{}", principal("eve", &eve(), &["**"]));
    let grab = it.change(&eve(), &[used], "windlass.policy", &again);
    it.refuses(grab, "PolicyNeedsRoot", grab);
}

#[test]
fn t42_a_policy_only_moves_forward_even_for_a_root() {
    let eve_line = principal("eve", &eve(), &["apps/**"]);
    let both = format!("{eve_line}{}", revoked(&Key::new(7), "hard"));
    let softer = format!("{eve_line}{}", revoked(&Key::new(7), "soft"));
    for (text, code) in [
        (
            format!("version = 5\n{eve_line}# other bytes\n"),
            "PolicyNotNewer",
        ),
        (format!("version = 4\n{both}"), "PolicyNotNewer"),
        (format!("version = 0\n{both}"), "PolicyInvalid"),
        (
            format!("version = 6\nthreshold = 0\n{both}"),
            "PolicyInvalid",
        ),
        (format!("version = 6\n{both}{eve_line}"), "PolicyInvalid"),
        ("version = 6\n[[principal]]\n".to_owned(), "PolicyInvalid"),
        ("\0".to_owned(), "PolicyInvalid"),
        (format!("version = 6\n{eve_line}"), "RevocationDropped"),
        (format!("version = 6\n{softer}"), "RevocationDropped"),
    ] {
        let mut it = Charted::new();
        let start = it.start;
        let now = format!("version = 5\n{both}");
        let now = it.change(&ada(), &[start], "windlass.policy", &now);
        it.accepts(now);
        let head = it.change(&ada(), &[now], "windlass.policy", &text);
        it.refuses(head, code, head);
    }
}

#[test]
fn t42_a_policy_is_never_taken_away() {
    let mut it = Charted::new();
    let start = it.start;
    let policy = it.files.remove("windlass.policy").unwrap();
    let gone = it.commit(&ada(), &[start], "gone");
    it.refuses(gone, "PolicyRemoved", gone);
    let moved = it.change(&ada(), &[start], "windlass.policy/windlass.policy", &policy);
    it.refuses(moved, "PolicyRemoved", moved);
    it.files.remove("windlass.policy/windlass.policy");
    // A symbolic link reads otherwise somewhere else.
    let objects = &mut it.house.history.objects;
    let target = objects.put(ObjectKind::Blob, b"apps/web.yaml");
    it.house.history.tree = objects.tree(&[("120000", "windlass.policy", target)]);
    let link = it.house.history.signed(&ada(), &[start], "link");
    it.refuses(link, "PolicyRemoved", link);
}

#[test]
fn a_soft_revocation_counts_from_its_commit_on_and_a_hard_one_for_all_that_is_new() {
    for (how, accepted_before) in [("soft", true), ("hard", false)] {
        let mut it = Charted::new();
        let start = it.start;
        let before = it.change(&eve(), &[start], "apps/web.yaml", "web: 2\n");
        it.accepts(before);
        let eve_line = principal("eve", &eve(), &["apps/**"]);
        let text = format!("version = 2\n{eve_line}{}", revoked(&eve(), how));
        let revoking = it.change(&ada(), &[before], "windlass.policy", &text);
        if accepted_before {
            it.accepts(revoking);
        } else {
            it.refuses(revoking, "RevokedByPolicy", before);
            // What was accepted before stays, and a root gets past the commit.
            let ratchet = accepted(
                &it.house.history.objects,
                &it.house.policy(Mode::All),
                None,
                before,
            );
            let ratchet = ratchet.ratchet;
            accepted(
                &it.house.history.objects,
                &it.house.policy(Mode::All),
                Some(&ratchet),
                revoking,
            );
            let past = it.commit(&ada(), &[start, revoking], "past");
            accepted(
                &it.house.history.objects,
                &it.house.policy(Mode::Path),
                None,
                past,
            );
        }
        let after = it.change(&eve(), &[revoking], "apps/web.yaml", "web: 3\n");
        let at = if accepted_before { after } else { before };
        it.refuses(after, "RevokedByPolicy", at);
    }
}

#[test]
fn a_root_that_the_policy_revokes_softly_signs_nothing_after_that() {
    let mut it = Charted::new();
    let start = it.start;
    let text = format!("version = 2\n{}", revoked(&ada(), "soft"));
    let revoking = it.change(&ada(), &[start], "windlass.policy", &text);
    it.accepts(revoking);
    let after = it.change(&ada(), &[revoking], "apps/web.yaml", "web: 3\n");
    it.refuses(after, "RevokedByPolicy", after);
    // Nor does its tag vouch for anything.
    let unsigned = it.house.bad(&[revoking], "unsigned");
    let tag = it.house.signed_tag("v1", unsigned);
    let (reference, selector) = ("refs/tags/v1", Selector::Tag("v1".to_owned()));
    let found = Found {
        target: tag,
        reference,
    };
    for introduction in [it.house.policy(Mode::Path).introduction, FirstSigned] {
        let policy = Policy {
            introduction,
            ..it.house.policy(Mode::Path)
        };
        let objects = &it.house.history.objects;
        let verdict = verify_reference(objects, &policy, None, &selector, &found).unwrap();
        let Verdict::Refused(refusal) = verdict else {
            panic!("accepted");
        };
        let text = refusal.to_string();
        assert!(text.contains("revoked by windlass.policy"), "{text}");
    }
}

#[test]
fn a_merge_is_judged_by_what_it_brings() {
    let mut it = Charted::new();
    let start = it.start;
    // A root's side branch, merged by a signer: under mode all each side was judged before.
    let main = it.change(&eve(), &[start], "apps/web.yaml", "web: 2\n");
    it.files.insert("apps/web.yaml", "web: 1\n".to_owned());
    let side = it.change(&ada(), &[start], "infra/net.yaml", "net: 2\n");
    it.files.insert("apps/web.yaml", "web: 2\n".to_owned());
    let merge = it.commit(&eve(), &[main, side], "merge");
    let objects = &it.house.history.objects;
    accepted(objects, &it.house.policy(Mode::All), None, merge);
    // On one way the merge brings the other side: only the root's way is within the signer's paths.
    accepted(objects, &it.house.policy(Mode::Path), None, merge);
    let first = refused(objects, &it.house.policy(Mode::FirstParent), None, merge);
    assert_eq!(first.reason.code(), "PathNotAllowed");
    // An unsigned side with a foreign change comes in under no mode.
    it.files.insert("infra/net.yaml", "net: evil\n".to_owned());
    let objects = &mut it.house.history.objects;
    it.house.history.tree = tree(objects, &it.files, "");
    let unsigned = it.house.bad(&[start], "side");
    for parents in [[main, unsigned], [unsigned, main]] {
        let merge = it.commit(&eve(), &parents, "merge");
        for mode in EVERY {
            let policy = it.house.policy(mode);
            let refusal = refused(&it.house.history.objects, &policy, None, merge);
            assert!(["Unsigned", "PathNotAllowed"].contains(&refusal.reason.code()));
        }
    }
}

#[test]
fn a_merge_does_not_take_a_part_of_each_side() {
    let mut it = Charted::new();
    let start = it.start;
    // A root opens the net and guards it; the signer's side has neither.
    it.files
        .insert("infra/guard.yaml", "guard: on\n".to_owned());
    let main = it.change(&ada(), &[start], "infra/net.yaml", "net: open\n");
    it.files.remove("infra/guard.yaml");
    it.files.insert("infra/net.yaml", "net: 1\n".to_owned());
    let side = it.change(&eve(), &[start], "apps/web.yaml", "web: 2\n");
    // The net from one, no guard from the other.
    it.files.insert("infra/net.yaml", "net: open\n".to_owned());
    for parents in [[main, side], [side, main]] {
        let merge = it.commit(&eve(), &parents, "merge");
        it.refuses(merge, "PathNotAllowed", merge);
    }
    it.files
        .insert("infra/guard.yaml", "guard: on\n".to_owned());
    let merge = it.commit(&eve(), &[main, side], "merge");
    it.accepts(merge);
}

#[test]
fn without_a_policy_only_roots_count_and_a_first_one_needs_a_root() {
    let mut house = House::new();
    let policy = format!("version = 1\n{}", principal("eve", &eve(), &["**"]));
    let files = Files::from([("windlass.policy", policy)]);
    house.history.tree = tree(&mut house.history.objects, &files, "");
    let base = house.base;
    let head = house.foreign(&[base], "grab");
    for mode in EVERY {
        let refusal = refused(&house.history.objects, &house.policy(mode), None, head);
        assert_eq!(refusal.reason.code(), "UnknownKey");
    }
}

/// Random lines of commits by random people, against rules written down once more in a few lines.
#[test]
fn t42_no_commit_is_accepted_that_no_rule_allows() {
    let paths = ["apps/web.yaml", "apps/a/b.yaml", "infra/net.yaml"];
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    for _ in 0..200 {
        let mut it = Charted::new();
        let (mut head, mut version, mut grant) = (it.start, 1_u64, "apps/**");
        let mut expected = Ok(head);
        for number in 0..6 {
            let signer = Key::new([1, 1, 2, 2, 9][next(5)]);
            let by_root = signer.line("x") == ada().line("x");
            let by_eve = signer.line("x") == eve().line("x");
            let allowed = if next(4) == 0 {
                let to = version.wrapping_add_signed(next(3) as i64 - 1).max(1);
                let wide = ["apps/**", "**"][next(2)];
                let text = format!(
                    "version = {to}\n# {number}\n{}",
                    principal("eve", &eve(), &[wide])
                );
                head = it.change(&signer, &[head], "windlass.policy", &text);
                let newer = to > version;
                (version, grant) = (to, wide);
                by_root && newer
            } else {
                let path = paths[next(paths.len())];
                head = it.change(&signer, &[head], path, &format!("n: {number}\n"));
                by_root || (by_eve && (grant == "**" || path.starts_with("apps/")))
            };
            if expected.is_ok() {
                expected = if allowed { Ok(head) } else { Err(head) };
            }
        }
        match expected {
            Ok(_) => it.accepts(head),
            Err(at) => {
                for mode in EVERY {
                    let refusal = refused(
                        &it.house.history.objects,
                        &it.house.policy(mode),
                        None,
                        head,
                    );
                    assert_eq!(refusal.commit, at, "{refusal}");
                }
            }
        }
    }
}

#[test]
fn t42_another_introduction_brings_no_older_policy_back() {
    for how in ["soft", "hard"] {
        let mut it = Charted::new();
        let (start, before) = (it.start, it.files.clone());
        let gone = format!("version = 2\n{}", revoked(&eve(), how));
        let out = it.change(&ada(), &[start], "windlass.policy", &gone);
        let next = it.change(&ada(), &[out], "infra/net.yaml", "net: 2\n");
        it.files = before;
        let side = it.change(&eve(), &[start], "apps/web.yaml", "web: 2\n");
        let back = it.commit(&eve(), &[side, next], "what was before");
        let objects = &it.house.history.objects;
        for mode in [Mode::Path, Mode::FirstParent] {
            let pinned = |commit| Policy {
                introduction: windlass_trust::Introduction::Commit(commit),
                ..it.house.policy(mode)
            };
            let ratchet = accepted(objects, &pinned(start), None, out).ratchet;
            let anew = pinned(it.house.base);
            let refusal = refused(objects, &anew, Some(&ratchet), back);
            assert_eq!(
                (refusal.reason.code(), refusal.commit),
                ("PolicyNotNewer", back),
                "{how} {mode}"
            );
            let moved = accepted(objects, &anew, Some(&ratchet), next).ratchet;
            assert_eq!((moved.head, moved.introduction), (next, it.house.base));
        }
    }
}
