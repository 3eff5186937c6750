use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn check(selector: &str, pairs: &[(&str, &str)], expected: bool) {
    let parsed = LabelSelector::parse(selector).unwrap();
    assert_eq!(
        parsed.matches(&labels(pairs)),
        expected,
        "{selector} on {pairs:?}"
    );
}

fn refused(selector: &str) -> String {
    LabelSelector::parse(selector).expect_err(selector).problem
}

#[test]
fn equality_compares_the_value_and_inequality_holds_for_an_absent_label() {
    for selector in ["app=web", "app==web", " app = web ", "app in (web)"] {
        check(selector, &[("app", "web")], true);
        check(selector, &[("app", "db")], false);
        check(selector, &[], false);
    }
    for selector in ["app!=web", "app notin (web)"] {
        check(selector, &[("app", "web")], false);
        check(selector, &[("app", "db")], true);
        check(selector, &[], true);
    }
    check("app=", &[("app", "")], true);
    check("app=,tier=x", &[("app", ""), ("tier", "x")], true);
}

#[test]
fn existence_looks_at_the_key_only() {
    check("app", &[("app", "")], true);
    check("app", &[], false);
    check("!app", &[("app", "x")], false);
    check("! app", &[], true);
    check("in", &[("in", "x")], true);
    check("in in (in,notin)", &[("in", "notin")], true);
}

#[test]
fn sets_take_empty_places_as_the_empty_value() {
    check("app in (a,b)", &[("app", "b")], true);
    check("app in (a, b)", &[("app", "c")], false);
    check("app in (a,)", &[("app", "")], true);
    check("app in ()", &[("app", "")], true);
    check("app in (,a)", &[("app", "")], true);
}

#[test]
fn every_requirement_must_hold_and_none_select_everything() {
    check("a=1,b!=2,c,!d", &[("a", "1"), ("c", "")], true);
    check("a=1,b!=2,c,!d", &[("a", "1"), ("b", "2"), ("c", "")], false);
    check("", &[("a", "1")], true);
    check("  ", &[], true);
    assert!(LabelSelector::default().matches(&labels(&[])));
}

#[test]
fn numbers_are_compared_as_numbers() {
    check("n>9", &[("n", "10")], true);
    check("n>9", &[("n", "9")], false);
    check("n<9", &[("n", "-1")], true);
    check("n<9", &[("n", "x")], false);
    check("n<9", &[], false);
}

#[test]
fn broken_selectors_are_refused_with_the_place() {
    assert!(refused("a=1,").contains("it ends where a label key must stand"));
    assert!(refused(",a").contains("\",\" stands where a label key must"));
    assert!(refused("a b").contains("\"b\" stands where one of"));
    assert!(refused("a=1 b").contains("where a comma must"));
    assert!(refused("a in b").contains("an opening parenthesis"));
    assert!(refused("a in (b").contains("a comma or a closing parenthesis"));
    assert!(refused("a in (b c)").contains("a comma or a closing parenthesis"));
    assert!(refused("a=(b)").contains("a label value"));
    assert!(refused("a>x").contains("no whole number"));
    assert!(refused("a=-b").contains("the value"));
    assert!(refused("A.b/c").contains("no DNS name"));
    assert!(refused("a/").contains("the key"));
    assert!(refused("-a").contains("the key"));
    assert!(refused(&format!("a={}", "x".repeat(64))).contains("the value"));
    assert!(refused("!a=b").contains("where a comma must"));
}
