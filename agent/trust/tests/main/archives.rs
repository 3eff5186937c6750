//! Archives nobody thought of: what we take of them is what Go's archive/tar takes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use windlass_trust::{ContentDigest, Listed, VerifiedFiles};

/// As many as the row of the faults asks for.
const ARCHIVES: usize = 100_000;

/// Sent to Go at once.
const BATCH: usize = 5_000;

const BLOCK: usize = 512;

/// What Go says of one archive.
#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    error: String,
    files: BTreeMap<String, String>,
    directories: Vec<String>,
    twice: bool,
    others: usize,
}

/// Numbers that are the same each time (SplitMix64, Steele, Lea and Flood 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Good ones, and after them such that are refused; most archives have none of these.
const NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "d/e",
    "f/g/h.yaml",
    "./i",
    "dir/",
    "dir/j",
    "k.yaml",
    "l/m.yaml",
    "ü",
    "n",
    "o",
    "p/q",
    "./",
    "very/long/name/of/a/directory/that/goes/on/and/on/file.yaml",
];
const BAD_NAMES: &[&str] = &["a/", ".", "", "/a", "../a", "a/../b", "a//b", "a\\b", "a/b"];
const KINDS: &[u8] = b"00000000000000555\0xxxgL";
const BAD_KINDS: &[u8] = b"K12347SV";
const KEYS: &[&str] = &[
    "path",
    "path",
    "size",
    "size",
    "linkpath",
    "mtime",
    "uid",
    "uname",
    "comment",
    "GNU.sparse.major",
    "GNU.sparse.size",
    "SCHILY.xattr.user.x",
    "",
];
const VALUES: &[&str] = &[
    "a",
    "b/c",
    "0",
    "5",
    "512",
    "1024",
    "-1",
    "+5",
    "1.5",
    "..",
    "",
    "x\0y",
    "9999999999999999999",
];

fn record(numbers: &mut Numbers) -> Vec<u8> {
    let (key, value) = (numbers.pick(KEYS), numbers.pick(VALUES));
    let bare = key.len() + value.len() + 3;
    let right = (bare..).find(|length| length.to_string().len() + bare == *length);
    let length = match numbers.one_in(20) {
        true => numbers.below(40),
        false => right.unwrap(),
    };
    format!("{length} {key}={value}\n").into_bytes()
}

fn content(numbers: &mut Numbers, kind: u8) -> Vec<u8> {
    match kind {
        b'x' | b'g' => {
            let records = 1 + numbers.below(3);
            (0..records).flat_map(|_| record(numbers)).collect()
        }
        b'L' | b'K' => {
            let end = numbers.pick(&["", "\0", "\0\0", "\0x"]);
            format!("{}{end}", numbers.pick(NAMES)).into_bytes()
        }
        b'5' if !numbers.one_in(20) => Vec::new(),
        _ => {
            let length = numbers.pick(&[0, 0, 1, 5, 511, 512, 513, 1024]);
            (0..length).map(|at| (at % 251) as u8).collect()
        }
    }
}

fn seal(header: &mut [u8]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// An entry as it should be, or with something of it otherwise.
fn entry(numbers: &mut Numbers) -> Vec<u8> {
    let is_bad = numbers.one_in(12);
    let kind = numbers.pick(if is_bad { BAD_KINDS } else { KINDS });
    let is_bad = numbers.one_in(12);
    let name = numbers.pick(if is_bad { BAD_NAMES } else { NAMES });
    let name = match (kind, name.strip_suffix('/')) {
        (b'0', Some(plain)) if plain != "." && !numbers.one_in(10) => plain,
        _ => name,
    };
    let content = content(numbers, kind);
    let mut header = [0; BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    for at in [100, 108, 116] {
        header[at..at + 7].copy_from_slice(b"0000644");
    }
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = kind;
    let is_gnu = matches!(kind, b'L' | b'K') || numbers.one_in(6);
    let magic: &[u8; 8] = if is_gnu { b"ustar  \0" } else { b"ustar\x0000" };
    header[257..265].copy_from_slice(magic);
    if numbers.one_in(12) {
        header[345..348].copy_from_slice(b"pre");
    }
    if numbers.one_in(12) {
        // One byte of the fields that say something.
        let at = numbers.pick(&[
            0, 99, 100, 107, 124, 130, 134, 135, 136, 156, 257, 262, 263, 264, 329, 345, 476, 500,
            508,
        ]);
        header[at] = numbers.pick(&[0, b' ', b'0', b'7', b'9', b'/', 0x80, 0xff, b'x']);
    }
    if numbers.one_in(40) {
        header[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\0\0\0\0\x05");
    }
    if numbers.one_in(60) {
        header[508..512].copy_from_slice(b"tar\0");
    }
    seal(&mut header);
    if numbers.one_in(60) {
        header[numbers.below(BLOCK)] ^= 1;
    }
    let mut bytes = header.to_vec();
    bytes.extend(content);
    if !numbers.one_in(40) {
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes
}

fn archive(numbers: &mut Numbers) -> Vec<u8> {
    let entries = 1 + numbers.below(4);
    let mut bytes: Vec<u8> = (0..entries).flat_map(|_| entry(numbers)).collect();
    let zeros = numbers.pick(&[2, 2, 2, 2, 2, 2, 2, 0, 1, 3, 20]);
    bytes.resize(bytes.len() + zeros * BLOCK, 0);
    if numbers.one_in(30) {
        bytes.truncate(numbers.below(bytes.len()));
    }
    bytes
}

/// What we take of an archive; none where we refuse it.
fn ours(archive: &[u8]) -> Option<VerifiedFiles> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(archive).unwrap();
    let packed = encoder.finish().unwrap();
    VerifiedFiles::open(&packed, &ContentDigest::of(&packed)).ok()
}

fn go(program: &str, archives: &[Vec<u8>]) -> Vec<Listing> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let framed = archives.iter().flat_map(|archive| {
        let length = u32::try_from(archive.len()).unwrap().to_be_bytes();
        [&length[..], archive].concat()
    });
    let framed: Vec<u8> = framed.collect();
    let writer = std::thread::spawn(move || input.write_all(&framed).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let lines = output.stdout.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn is_directory(files: &VerifiedFiles, path: &str) -> bool {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let listed = files.list(parent).unwrap();
    listed.contains(&(name.to_owned(), Listed::Directory))
}

#[test]
fn t20_what_is_taken_of_an_archive_is_what_go_takes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracles/tar.sh");
    let built = Command::new(script).output().unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let program = String::from_utf8(built.stdout).unwrap();
    let mut numbers = Numbers(20);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..ARCHIVES / BATCH {
        let archives: Vec<_> = (0..BATCH).map(|_| archive(&mut numbers)).collect();
        let listings = go(program.trim(), &archives);
        assert_eq!(listings.len(), BATCH);
        for (archive, listing) in archives.iter().zip(listings) {
            let Some(files) = ours(archive) else {
                refused += 1;
                continue;
            };
            taken += 1;
            let shown = String::from_utf8_lossy(archive).replace('\0', "");
            assert_eq!(listing.error, "", "{shown:?}");
            assert!(!listing.twice && listing.others == 0, "{shown:?}");
            let digest = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
            let found = files
                .all()
                .map(|(path, bytes)| (path.to_owned(), digest(bytes)));
            assert_eq!(
                found.collect::<BTreeMap<_, _>>(),
                listing.files,
                "{shown:?}"
            );
            let mut directories = listing.directories.iter().filter(|path| *path != ".");
            assert!(
                directories.all(|path| is_directory(&files, path)),
                "{shown:?}"
            );
        }
    }
    // Neither side of the comparison is empty.
    assert!(
        taken > ARCHIVES / 10 && refused > ARCHIVES / 10,
        "{taken} taken, {refused} refused"
    );
}
