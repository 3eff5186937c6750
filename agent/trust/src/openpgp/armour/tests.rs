use super::*;

const LABEL: &str = "PGP SIGNATURE";

/// `printf windlass | gpg --enarmor`, under another label.
const GOOD: &str = "-----BEGIN PGP SIGNATURE-----\nComment: by hand\n\nd2luZGxhc3M=\n=CRC4\n-----END PGP SIGNATURE-----\n";

fn good() -> String {
    let [_, sum @ ..] = crc24(b"windlass").to_be_bytes();
    GOOD.replace("CRC4", &STANDARD.encode(sum))
}

#[test]
fn the_check_sum_is_the_one_of_the_standard() {
    // The check value of CRC-24/OPENPGP.
    assert_eq!(crc24(b"123456789"), 0x0021_cf02);
}

#[test]
fn a_block_is_taken_off_and_the_rest_is_left() {
    let text = format!("{}more", good());
    let (bytes, rest) = take(text.as_bytes(), LABEL).unwrap();
    assert_eq!(
        (bytes.as_slice(), rest),
        (b"windlass".as_slice(), b"more".as_slice())
    );
    let crlf = good().replace('\n', "\r\n");
    assert!(take(crlf.as_bytes(), LABEL).is_ok());
    let without_sum: String = good()
        .lines()
        .filter(|line| !line.starts_with('='))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(take(without_sum.as_bytes(), LABEL).is_ok());
    let without_header = good().replace("Comment: by hand\n", "");
    assert!(take(without_header.as_bytes(), LABEL).is_ok());
}

#[test]
fn a_broken_block_is_refused() {
    let good = good();
    for (bad, why) in [
        (
            good.replace("BEGIN PGP", "BEGIN PG"),
            "its first line is broken",
        ),
        (format!("x\n{good}"), "its first line is broken"),
        (
            good.replace("\n\n", "\n"),
            "an empty line is missing before its digits",
        ),
        (good.replace("d2lu", "d2l*"), "it is not base64"),
        (good.replace("d2lu", "d2lv"), "its check sum is wrong"),
        (good.replace("c3M=", "c3N="), "it is not base64"),
        (
            good.replace("d2lu", "d2lu\n\n"),
            "an empty line stands among its digits",
        ),
        (
            good.replace("-----END", "x\n-----END"),
            "a line follows its check sum",
        ),
        (
            good.replace("END PGP", "END PGQ"),
            "a line follows its check sum",
        ),
        (
            good.split("\n=").next().unwrap().to_owned(),
            "its last line is missing",
        ),
        (
            good.replace("by hand", &"x".repeat(MAX_LINE)),
            "an empty line is missing before its digits",
        ),
        (String::new(), "its first line is broken"),
    ] {
        assert_eq!(take(bad.as_bytes(), LABEL).unwrap_err(), why, "{bad}");
    }
}
