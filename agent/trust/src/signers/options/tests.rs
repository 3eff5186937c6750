use super::*;

fn options(text: &str) -> Options {
    Options::parse(text).unwrap()
}

#[track_caller]
fn refused(text: &str, because: &str) {
    let error = Options::parse(text).unwrap_err();
    assert!(error.contains(because), "{text}: {error}");
}

#[test]
fn validity_is_read_in_utc_to_the_second() {
    // Each figure is what `date -u -d ... +%s` prints.
    for (text, seconds) in [
        ("19700101Z", 0),
        ("20000229Z", 951_782_400),
        ("20240229Z", 1_709_164_800),
        ("20240301Z", 1_709_251_200),
        ("20231231235959Z", 1_704_067_199),
        ("202401010000Z", 1_704_067_200),
        ("21000301Z", 4_107_542_400),
        ("99991231235959Z", 253_402_300_799),
    ] {
        let read = options(&format!("valid-before=\"{text}\"")).valid_before;
        assert_eq!(read, Some(seconds), "{text}");
    }
}

#[test]
fn a_time_that_does_not_exist_or_has_no_zone_is_refused() {
    for time in [
        "20230229Z",
        "20241301Z",
        "20240100Z",
        "20240431Z",
        "2024Z",
        "202401012400Z",
        "20240101006Z",
        "+2024011Z",
        "Z",
        "",
    ] {
        assert!(
            Options::parse(&format!("valid-after=\"{time}\"")).is_err(),
            "{time}"
        );
    }
    refused("valid-after=\"20240101\"", "write it in UTC with a Z");
    refused("valid-after=20240101Z", "double quotes");
    refused("valid-after", "\"valid-after\" is not known");
}

#[test]
fn an_interval_must_hold_a_second() {
    refused(
        "valid-after=\"20240102Z\",valid-before=\"20240101Z\"",
        "not later",
    );
    refused(
        "valid-after=\"20240101Z\",valid-before=\"20240101Z\"",
        "not later",
    );
    let both = options("valid-after=\"20240101Z\",namespaces=\"git\",valid-before=\"20240102Z\"");
    assert_eq!(
        both.valid_before.unwrap() - both.valid_after.unwrap(),
        86_400
    );
    assert!(both.signs_git);
}

#[test]
fn what_a_security_key_must_show_can_be_set() {
    let plain = options("");
    assert!(!plain.no_touch_required && !plain.verify_required);
    assert!(options("no-touch-required").no_touch_required);
    assert!(options("Verify-Required,namespaces=\"git\"").verify_required);
    refused("no-touch-required,no-touch-required", "there twice");
    refused("verify-required=\"yes\"", "is not known");
}

#[test]
fn a_login_line_says_what_its_security_key_must_show() {
    for (text, no_touch, verify) in [
        ("", false, false),
        ("no-pty,No-Touch-Required,command=\"a,b\"", true, false),
        ("verify-required", false, true),
        ("command=\"a,no-touch-required,b\"", false, false),
        ("command=\"a\\\",no-touch-required,b\"", false, false),
    ] {
        let options = Options::of_login(text);
        let read = (options.no_touch_required, options.verify_required);
        assert_eq!(read, (no_touch, verify), "{text}");
        assert!(options.signs_git);
    }
}

#[test]
fn wildcards_match_as_in_openssh() {
    for (pattern, matches) in [
        ("git", true),
        ("*", true),
        ("g?t", true),
        ("*t*", true),
        ("**git**", true),
        ("", false),
        ("gi", false),
        ("git?", false),
        ("?", false),
        ("*x", false),
    ] {
        assert_eq!(wildcard(pattern.as_bytes(), b"git"), matches, "{pattern}");
    }
}
