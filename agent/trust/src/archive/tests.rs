use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// One entry: its header with a right checksum, and its content.
fn entry(kind: u8, name: &str, content: &[u8]) -> Vec<u8> {
    with(kind, name, content, |_| {})
}

/// The same with something of the header set otherwise, before the checksum is.
fn with(kind: u8, name: &str, content: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut header = [0; BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut header);
    seal(&mut header);
    let mut bytes = header.to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn seal(header: &mut [u8]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let bare = key.len() + value.len() + 3;
    let length = (bare..).find(|length| length.to_string().len() + bare == *length);
    format!("{} {key}={value}\n", length.unwrap()).into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn ended(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 2 * BLOCK]].concat()
}

fn archive(entries: &[Vec<u8>]) -> Result<Unpacked, ArchiveError> {
    unpack(&gzip(&ended(entries)))
}

fn names(unpacked: &Unpacked) -> Vec<&str> {
    unpacked.files.keys().map(String::as_str).collect()
}

fn refused(what: &str, entries: &[Vec<u8>]) {
    let error = archive(entries).expect_err(what).to_string();
    assert!(error.contains(what), "{what}: {error}");
}

const GNU: fn(&mut [u8]) = |header| header[257..265].copy_from_slice(b"ustar  \0");

#[test]
fn files_and_directories_are_read_as_all_tools_write_them() {
    let long = format!("deep/{}/file.yaml", "long".repeat(50));
    let split = with(b'0', "file.yaml", b"split", |header| {
        header[345..351].copy_from_slice(b"prefix");
    });
    let gnu = [
        with(b'L', "././@LongLink", format!("{long}\0").as_bytes(), GNU),
        with(b'0', "deep/lo", b"gnu", GNU),
    ];
    let pax = [record("path", "pax/ü.yaml"), record("mtime", "1.5")].concat();
    let entries = [
        entry(b'g', "pax_global_header", &record("comment", "abc")),
        entry(b'5', "./", b""),
        entry(b'5', "./apps/", b""),
        entry(b'0', "./apps/web.yaml", b"a: b\n"),
        entry(0, "old.yaml", b"old"),
        split,
        gnu.concat(),
        entry(b'x', "PaxHeaders.0/x", &pax),
        entry(b'0', "u.yaml", b"pax"),
        entry(b'0', "empty", b""),
    ];
    let unpacked = archive(&entries).unwrap();
    let all = [
        "apps/web.yaml",
        &long,
        "empty",
        "old.yaml",
        "pax/ü.yaml",
        "prefix/file.yaml",
    ];
    assert_eq!(names(&unpacked), all);
    assert_eq!(&*unpacked.files["apps/web.yaml"], b"a: b\n");
    assert_eq!(&*unpacked.files[&long], b"gnu");
    assert_eq!(unpacked.directories, ["apps"]);
}

#[test]
fn t19_links_devices_and_names_that_lead_elsewhere_are_refused() {
    refused("hard link", &[entry(b'1', "shadow", b"")]);
    refused("symbolic link", &[entry(b'2', "link", b"")]);
    for kind in [b'3', b'4', b'6'] {
        refused("is a device", &[entry(kind, "null", b"")]);
    }
    for kind in [b'7', b'S', b'V', b'K', 0xff] {
        refused("neither a file nor a directory", &[entry(kind, "odd", b"")]);
    }
    refused("not relative", &[entry(b'0', "/etc/passwd", b"x")]);
    refused("not relative", &[entry(b'0', "a\\..\\b", b"x")]);
    for name in ["..", "../x", "a/../../x", "a/.."] {
        refused("leads out", &[entry(b'0', name, b"x")]);
        refused("leads out", &[entry(b'5', name, b"")]);
    }
    // Behind a record or a long name it is no other.
    let record = record("path", "../x");
    refused(
        "leads out",
        &[entry(b'x', "x", &record), entry(b'0', "x", b"")],
    );
    let long = with(b'L', "l", b"/etc/passwd\0", GNU);
    refused("not relative", &[long, with(b'0', "x", b"", GNU)]);
    refused(
        "is there twice",
        &[entry(b'0', "a", b"1"), entry(b'0', "./a", b"2")],
    );
    refused(
        "both a file and a directory",
        &[entry(b'0', "a", b"1"), entry(b'0', "a/b", b"2")],
    );
    refused(
        "is there twice",
        &[entry(b'0', "a/b", b"1"), entry(b'0', "a", b"2")],
    );
    refused(
        "both a file and a directory",
        &[entry(b'0', "a", b"1"), entry(b'5', "a/", b"")],
    );
    refused("control characters", &[entry(b'0', "a\nb", b"")]);
    refused("name of a directory", &[entry(b'0', "a/", b"x")]);
    refused("directory with content", &[entry(b'5', "a/", b"x")]);
}

#[test]
fn t20_what_two_readers_might_read_in_two_ways_is_refused() {
    let size = |text: &str| entry(b'x', "x", &record("size", text));
    let file = || entry(b'0', "a", b"hello");
    assert!(archive(&[size("5"), file()]).is_ok());
    refused("given two sizes", &[size("0"), file()]);
    refused("given two sizes", &[size("512"), file()]);
    refused("no number", &[size("-5"), file()]);
    refused("no number", &[size("+5"), file()]);
    let twice = [record("path", "a"), record("path", "b")].concat();
    refused("twice", &[entry(b'x', "x", &twice), file()]);
    refused("second", &[size("5"), size("5"), file()]);
    refused("does not come", &[file(), size("5")]);
    refused(
        "all entries",
        &[entry(b'g', "g", &record("path", "b")), file()],
    );
    let comment = entry(b'g', "g", &record("comment", "b"));
    refused("does not come", &[size("5"), comment, file()]);
    let named = entry(b'x', "x", &record("path", "b"));
    let long = with(b'L', "l", b"c\0", GNU);
    refused(
        "two names",
        &[named, long.clone(), with(b'0', "a", b"", GNU)],
    );
    refused(
        "more behind it",
        &[with(b'L', "l", b"c\0d\0", GNU), with(b'0', "a", b"", GNU)],
    );
    refused(
        "holes",
        &[entry(b'x', "x", &record("GNU.sparse.major", "1")), file()],
    );
    refused("no records", &[entry(b'x', "x", b"99 path=b\n"), file()]);
    refused("no records", &[entry(b'x', "x", b"9 path=b"), file()]);
}

#[test]
fn t20_headers_that_readers_differ_about_and_what_is_no_whole_archive_are_refused() {
    let file = || entry(b'0', "a", b"hello");
    let star = with(b'0', "a", b"", |header| {
        header[508..512].copy_from_slice(b"tar\0")
    });
    refused("star", &[star]);
    let v7 = with(b'0', "a", b"", |header| header[257..265].fill(0));
    refused("no kind", &[v7]);
    let times = with(b'0', "a", b"", |header| {
        GNU(header);
        header[345] = b'1';
    });
    refused("only GNU tar", &[times]);
    let mut wrong = file();
    wrong[0] = b'b';
    refused("checksum", &[wrong]);
    let number = with(b'0', "a", b"", |header| {
        header[108..111].copy_from_slice(b"0x1")
    });
    refused("no number", &[number]);
    refused("zeros before the end", &[vec![0; BLOCK], file()]);
    let behind = [ended(&[file()]), file()].concat();
    assert!(unpack(&gzip(&behind)).is_err());
    // Cut off, or without an end.
    for bytes in [&ended(&[file()])[..700], &file()[..], b""] {
        assert!(matches!(
            unpack(&gzip(bytes)),
            Err(ArchiveError::Damaged(_))
        ));
    }
    let mut damaged = gzip(&ended(&[file()]));
    let last = damaged.len() - 8;
    damaged[last] ^= 1;
    assert!(unpack(&damaged).is_err(), "the checksum is looked at");
}

/// Runs something on this thread, which may take two seconds of a processor.
#[expect(
    clippy::disallowed_methods,
    reason = "the kernel counts processor time"
)]
fn in_two_seconds(run: impl FnOnce()) {
    let used = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        let nanoseconds = text.split(' ').next().unwrap().parse().unwrap();
        std::time::Duration::from_nanos(nanoseconds)
    };
    let before = used();
    run();
    let took = used() - before;
    assert!(took.as_secs_f64() < 2.0, "{took:?}");
}

#[test]
fn t21_an_archive_that_bursts_is_left_at_its_bound() {
    // Zeros shrink to a thousandth, the most that deflate can.
    let zeros = vec![0; 32 << 20];
    let bytes = gzip(&ended(&[entry(b'0', "zeros", &zeros)]));
    in_two_seconds(|| {
        let error = unpack(&bytes).unwrap_err().to_string();
        assert!(error.contains("200 times its size"), "{error}");
    });
    let promised = with(b'0', "a", b"", |header| {
        header[124..135].copy_from_slice(b"77777777777");
    });
    refused("200 times its size", &[promised]);
    let directory = |at: usize| entry(b'5', &format!("{at}/"), b"");
    let many: Vec<_> = (0..=ENTRY_LIMIT).map(directory).collect();
    let bytes = gzip(&ended(&many));
    in_two_seconds(|| {
        let error = unpack(&bytes).unwrap_err().to_string();
        assert!(error.contains("more than 50000 entries"), "{error}");
    });
    assert!(archive(&many[..ENTRY_LIMIT]).is_ok());
}

#[test]
fn t21_a_large_archive_that_does_not_burst_is_left_at_its_bound_too() {
    let noise = noise(8 << 20);
    let file = |at: usize| entry(b'0', &format!("{at}"), &noise);
    let files: Vec<_> = (0..13).map(file).collect();
    let bytes = stored(&ended(&files));
    in_two_seconds(|| {
        let error = unpack(&bytes).unwrap_err().to_string();
        assert!(error.contains("more than 104857600 bytes"), "{error}");
    });
    assert!(unpack(&stored(&ended(&files[..12]))).is_ok());
}

/// Bytes that do not shrink, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
