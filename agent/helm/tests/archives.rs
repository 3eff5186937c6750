//! Packaged charts that want out of their folder, or more than there is.

use std::io::Write;

use crate::support::{Oracle, Request, agree};

const CHART: &str = "apiVersion: v2\nname: probe\nversion: 1.2.3\n";

fn packed(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, kind, data) in entries {
        let mut header = tar::Header::new_old();
        // The builder's own check would refuse the paths that matter here.
        let name = &mut header.as_old_mut().name;
        name.iter_mut()
            .zip(path.bytes())
            .for_each(|(slot, byte)| *slot = byte);
        header.set_entry_type(*kind);
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *data).unwrap();
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&archive.into_inner().unwrap()).unwrap();
    packer.finish().unwrap()
}

fn request(archive: Vec<u8>) -> Request {
    Request {
        archive,
        ..Request::default()
    }
}

fn error(archive: Vec<u8>) -> String {
    let answer = request(archive).answer();
    let error = answer.get("error").and_then(|error| error.as_str());
    error.unwrap_or_default().to_owned()
}

#[test]
fn archives_are_taken_and_refused_as_helm_does() {
    let Some(mut oracle) = Oracle::start() else {
        return;
    };
    let paths = [
        "probe/templates/a.yaml",
        "probe/./templates//a.yaml",
        "probe/x/../templates/a.yaml",
        "probe/../a.yaml",
        "probe/../../a.yaml",
        "../a.yaml",
        "/etc/passwd",
        "a.yaml",
        "probe\\templates\\a.yaml",
        "probe/c:/a.yaml",
        "probe//etc/passwd",
        "Chart.yaml",
        "other/templates/a.yaml",
    ];
    for path in paths {
        let archive = packed(&[
            (
                "probe/Chart.yaml",
                tar::EntryType::Regular,
                CHART.as_bytes(),
            ),
            (path, tar::EntryType::Regular, b"a: b\n"),
        ]);
        let request = request(archive);
        let (helm, ours) = (oracle.ask(&request.to_json()), request.answer());
        assert!(agree(&helm, &ours, true), "{path}\n{helm}\n{ours}");
    }
}

#[test]
fn links_and_devices_in_archives_are_refused_by_name() {
    let kinds = [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Fifo,
        tar::EntryType::Char,
    ];
    for kind in kinds {
        let archive = packed(&[
            (
                "probe/Chart.yaml",
                tar::EntryType::Regular,
                CHART.as_bytes(),
            ),
            ("probe/link", kind, b""),
        ]);
        assert!(error(archive).contains("\"probe/link\", which is no plain file"));
    }
}

#[test]
fn an_archive_that_unpacks_to_more_than_helm_takes_is_refused() {
    let zeros = vec![0; 101 << 20];
    let archive = packed(&[
        (
            "probe/Chart.yaml",
            tar::EntryType::Regular,
            CHART.as_bytes(),
        ),
        ("probe/zeros", tar::EntryType::Regular, &zeros),
    ]);
    assert!(archive.len() < 2 << 20);
    assert!(error(archive).contains("larger than the maximum size"));
}
