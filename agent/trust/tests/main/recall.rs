//! Going back under an override that roots signed: what counts, what does not, and that it counts once.

#![expect(clippy::result_large_err, reason = "a verdict of a test")]

use windlass_trust::{
    Introduction, Mode, ObjectKind, Oid, Policy, Ratchet, Recall, Recalled, Refusal, recall_tag,
    verify_recall,
};

use crate::charted::{Charted, ada, eve, principal, revoked};
use crate::house::House;
use crate::kit::{Key, accepted, policy, refused};

/// A house that stands at the last of three commits, and may go back to the first.
struct Standing {
    house: House,
    to: Oid,
    between: Oid,
    ratchet: Ratchet,
}

impl Standing {
    fn new() -> Self {
        let mut house = House::new();
        let to = house.good(&[house.base], "one");
        let between = house.good(&[to], "two");
        let head = house.good(&[between], "three");
        let ratchet = ratchet(house.base, head);
        Self {
            house,
            to,
            between,
            ratchet,
        }
    }

    fn recall(&self) -> Recall {
        Recall {
            from: vec![self.ratchet.head, self.between],
            to: self.to,
            reason: "the boiler burns".to_owned(),
        }
    }

    fn judged(&self, tag: Oid) -> Result<Recalled, Refusal> {
        let policy = self.house.policy(Mode::Path);
        verdict(&self.house, &policy, &self.ratchet, (self.to, tag))
    }

    #[track_caller]
    fn refuses(&self, tag: Oid, part: &str) {
        let refusal = self.judged(tag).unwrap_err();
        let text = refusal.to_string();
        assert_eq!(refusal.reason.code(), "OverrideNotTrusted", "{text}");
        assert!(text.contains(part), "{text}");
    }
}

fn ratchet(introduction: Oid, head: Oid) -> Ratchet {
    Ratchet {
        head,
        introduction,
        counter: 7,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    }
}

fn verdict(
    house: &House,
    policy: &Policy,
    ratchet: &Ratchet,
    way: (Oid, Oid),
) -> Result<Recalled, Refusal> {
    verify_recall(&house.history.objects, policy, ratchet, way).unwrap()
}

/// A tag with a message, over a commit or another tag.
fn tag(house: &mut House, key: Option<&Key>, name: &str, target: Oid, message: &str) -> Oid {
    let kind = house.history.objects.0[&target].kind.as_str();
    let payload = format!(
        "object {target}\ntype {kind}\ntag {name}\ntagger Ada <ada@example.com> 1800000000 +0000\n\n{message}"
    );
    let armour = key.map(|key| key.armour("git", payload.as_bytes()));
    let text = payload + &armour.unwrap_or_default();
    house.history.objects.put(ObjectKind::Tag, text.as_bytes())
}

/// The tag of an override as the command makes it.
fn signed(house: &mut House, key: &Key, target: Oid, recall: &Recall) -> Oid {
    let name = recall_tag(&recall.to);
    tag(house, Some(key), &name, target, &recall.message())
}

#[test]
fn t40_a_root_takes_nodes_back_once() {
    let mut it = Standing::new();
    let policy = it.house.policy(Mode::Path);
    let objects = &it.house.history.objects;
    let plain = refused(objects, &policy, Some(&it.ratchet), it.to);
    assert_eq!(plain.reason.code(), "NotFastForward");
    let word = it.recall();
    let over = signed(&mut it.house, &ada(), it.to, &word);
    let recalled = it.judged(over).unwrap();
    assert_eq!(recalled.recall, word);
    assert_eq!(recalled.signers, ["ada"]);
    assert_eq!(recalled.accepted.source.commit(), it.to);
    let ratchet = recalled.accepted.ratchet;
    assert_eq!((ratchet.head, ratchet.counter), (it.to, 8));
    assert_eq!(ratchet.spent.len(), 1);
    // What it left is known from then on, also after the next step.
    assert_eq!(ratchet.left, word.from);
    let next = it.house.good(&[it.to], "four");
    let on = accepted(&it.house.history.objects, &policy, Some(&ratchet), next).ratchet;
    assert_eq!(
        (on.left, on.spent),
        (ratchet.left.clone(), ratchet.spent.clone())
    );

    // A node that was a commit behind goes back, too.
    let behind = Ratchet {
        head: it.between,
        ..it.ratchet.clone()
    };
    verdict(&it.house, &policy, &behind, (it.to, over)).unwrap();

    // Whoever holds the forge pushes what was left again, and then the override: it is spent, whoever signs it again.
    it.ratchet = Ratchet {
        head: it.ratchet.head,
        ..ratchet
    };
    it.refuses(over, "only once");
    let again = signed(&mut it.house, &ada(), over, &word);
    it.refuses(again, "only once");
}

#[test]
fn t40_what_is_left_must_be_where_the_node_stands() {
    let mut it = Standing::new();
    let mut word = it.recall();
    word.from = vec![it.between];
    let over = signed(&mut it.house, &ada(), it.to, &word);
    it.refuses(over, "where this node stands");
}

#[test]
fn t40_nobody_but_a_root_takes_nodes_back() {
    let mut it = Standing::new();
    let word = it.recall();
    let (name, message) = (recall_tag(&it.to), word.message());
    let unsigned = tag(&mut it.house, None, &name, it.to, &message);
    it.refuses(unsigned, "not signed");
    let foreign = signed(&mut it.house, &eve(), it.to, &word);
    it.refuses(foreign, "not in the allowed signers");
    // A stranger's tag over a root's is in nobody's way.
    let by_root = signed(&mut it.house, &ada(), it.to, &word);
    let stacked = signed(&mut it.house, &eve(), by_root, &word);
    it.judged(stacked).unwrap();
}

#[test]
fn t40_a_tag_that_says_something_else_takes_nobody_back() {
    let mut it = Standing::new();
    let (to, word) = (it.to, it.recall());
    let (name, message) = (recall_tag(&to), word.message());
    let elsewhere = Recall {
        to: it.between,
        ..word.clone()
    };
    let cases = [
        (name.as_str(), elsewhere.message(), "another commit"),
        (
            name.as_str(),
            "Go back\n".to_owned(),
            "not that of an override",
        ),
        ("v1", message.clone(), "another name or message"),
    ];
    for (name, message, part) in cases {
        let over = tag(&mut it.house, Some(&ada()), name, to, &message);
        it.refuses(over, part);
    }
    // Two roots that say different things.
    let inner = signed(&mut it.house, &ada(), to, &word);
    let other = message.replace("burns", "is fine");
    let outer = tag(&mut it.house, Some(&ada()), &name, inner, &other);
    it.refuses(outer, "another name or message");
    // A tag over another commit, and no tag at all.
    let beside = tag(&mut it.house, Some(&ada()), &name, it.between, &message);
    it.refuses(beside, "over something else");
    it.refuses(to, "no tag");
    let mut deep = inner;
    for _ in 0..20 {
        deep = signed(&mut it.house, &ada(), deep, &word);
    }
    it.refuses(deep, "too many");
}

#[test]
fn a_commit_that_would_not_be_accepted_is_not_gone_back_to() {
    let mut it = Standing::new();
    it.to = it.house.bad(&[it.house.base], "unsigned");
    let word = it.recall();
    let over = signed(&mut it.house, &ada(), it.to, &word);
    assert_eq!(it.judged(over).unwrap_err().reason.code(), "Unsigned");
    // Nor a commit of another history.
    it.to = it.house.good(&[], "elsewhere");
    let word = it.recall();
    let over = signed(&mut it.house, &ada(), it.to, &word);
    let refusal = it.judged(over).unwrap_err();
    assert_eq!(refusal.reason.code(), "NotDescendantOfIntroduction");
}

#[test]
fn what_lies_before_a_newer_introduction_is_not_gone_back_to() {
    let mut it = Standing::new();
    let word = it.recall();
    let over = signed(&mut it.house, &ada(), it.to, &word);
    // The nodes pin another commit than the one under which the head was accepted.
    it.house.base = it.between;
    let refusal = it.judged(over).unwrap_err();
    assert_eq!(refusal.reason.code(), "NotDescendantOfIntroduction");
}

/// A house whose policy asks for so many roots, that stands at a commit after it; and where it may go back to.
fn with_policy(policy: &str) -> (Charted, Oid, Ratchet) {
    let mut it = Charted::with(policy, &[("apps/web.yaml", "web: 1\n")]);
    let start = it.start;
    // The introduction brings the policy, so nobody has to sign it.
    it.house.base = start;
    let to = it.change(&ada(), &[start], "apps/web.yaml", "web: 2\n");
    let head = it.change(&ada(), &[to], "apps/web.yaml", "web: 3\n");
    let ratchet = ratchet(start, head);
    (it, to, ratchet)
}

fn two_roots(house: &House) -> Policy {
    let signers = format!("{}{}", ada().line("ada"), Key::new(3).line("spare"));
    Policy {
        mode: Mode::Path,
        ..policy(&signers, Introduction::Commit(house.base))
    }
}

#[test]
fn as_many_roots_sign_as_the_policy_asks_for() {
    let (mut it, to, ratchet) = with_policy("version = 1\nthreshold = 2\n");
    let word = Recall {
        from: vec![ratchet.head],
        to,
        reason: "a test".to_owned(),
    };
    let house = &mut it.house;
    let policy = two_roots(house);
    let one = signed(house, &ada(), to, &word);
    let twice = signed(house, &ada(), one, &word);
    let both = signed(house, &Key::new(3), one, &word);
    for tag in [one, twice] {
        let refusal = verdict(house, &policy, &ratchet, (to, tag)).unwrap_err();
        assert_eq!(refusal.reason.code(), "OverrideNeedsMore");
    }
    let recalled = verdict(house, &policy, &ratchet, (to, both)).unwrap();
    assert_eq!(recalled.signers, ["spare", "ada"]);
}

#[test]
fn a_root_that_the_policy_revokes_takes_nobody_back() {
    for how in ["soft", "hard"] {
        let spare = revoked(&Key::new(3), how);
        let (mut it, to, ratchet) = with_policy(&format!("version = 1\n{spare}"));
        let word = Recall {
            from: vec![ratchet.head],
            to,
            reason: "a test".to_owned(),
        };
        let policy = two_roots(&it.house);
        let tag = signed(&mut it.house, &Key::new(3), to, &word);
        let refusal = verdict(&it.house, &policy, &ratchet, (to, tag)).unwrap_err();
        assert!(refusal.to_string().contains("revoked"), "{refusal}");
    }
}

#[test]
fn a_policy_does_not_go_back() {
    let mut it = Charted::new();
    let start = it.start;
    let text = format!(
        "version = 2\n{}{}",
        principal("eve", &eve(), &["apps/**"]),
        revoked(&Key::new(9), "hard")
    );
    let head = it.change(&ada(), &[start], "windlass.policy", &text);
    let ratchet = ratchet(it.house.base, head);
    let word = Recall {
        from: vec![head],
        to: start,
        reason: "a test".to_owned(),
    };
    let policy = it.house.policy(Mode::Path);
    let tag = signed(&mut it.house, &ada(), start, &word);
    let refusal = verdict(&it.house, &policy, &ratchet, (start, tag)).unwrap_err();
    assert!(
        refusal.to_string().contains("does not go back"),
        "{refusal}"
    );
}
