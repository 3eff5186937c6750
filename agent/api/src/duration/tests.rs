use std::time::Duration;

use super::*;

fn check(text: &str, nanoseconds: u64, printed: &str) {
    let duration: GoDuration = text.parse().unwrap();
    assert_eq!(duration.0, Duration::from_nanos(nanoseconds), "{text}");
    assert_eq!(duration.to_string(), printed, "{text}");
    assert_eq!(printed.parse::<GoDuration>().unwrap(), duration, "{text}");
}

#[test]
fn a_duration_reads_and_prints_as_go_does() {
    check("0", 0, "0s");
    check("0s", 0, "0s");
    check("-0s", 0, "0s");
    check("10m", 600_000_000_000, "10m0s");
    check("1h", 3_600_000_000_000, "1h0m0s");
    check("1h30m", 5_400_000_000_000, "1h30m0s");
    check("90s", 90_000_000_000, "1m30s");
    check("1.5s", 1_500_000_000, "1.5s");
    check(".5s", 500_000_000, "500ms");
    check("5.s", 5_000_000_000, "5s");
    check("0.1h", 360_000_000_000, "6m0s");
    check("1.001ms", 1_001_000, "1.001ms");
    check("1500us", 1_500_000, "1.5ms");
    check("2\u{b5}s", 2_000, "2\u{b5}s");
    check("3\u{3bc}s", 3_000, "3\u{b5}s");
    check("15ns", 15, "15ns");
    check("+3m0.000000001s", 180_000_000_001, "3m0.000000001s");
    check(
        "2562047h47m16.854775807s",
        i64::MAX as u64,
        "2562047h47m16.854775807s",
    );
}

#[test]
fn a_text_that_is_no_duration_says_how_to_write_one() {
    for text in [
        "", " ", "-", "5", "m", ".s", "1d", "1h ", "1,5s", "1m-1s", "\u{664}s", "1.1.1s",
    ] {
        let error = text.parse::<GoDuration>().unwrap_err();
        assert_eq!(error, DurationError::Syntax(text.to_owned()));
        assert!(
            error
                .to_string()
                .ends_with("write it like 90s, 10m or 1h30m")
        );
    }
}

#[test]
fn a_negative_duration_is_refused() {
    assert_eq!(
        "-1s".parse::<GoDuration>(),
        Err(DurationError::Negative("-1s".to_owned()))
    );
}

#[test]
fn a_duration_beyond_go_is_refused_whatever_its_length() {
    for text in [
        "2562047h47m16.854775808s",
        "99999999999999999999999999999999999999999999h",
    ] {
        assert_eq!(
            text.parse::<GoDuration>(),
            Err(DurationError::TooLong(text.to_owned()))
        );
    }
    let endless = "9".repeat(1_000_000);
    assert!(endless.parse::<GoDuration>().unwrap_err().to_string().len() < 300);
}
