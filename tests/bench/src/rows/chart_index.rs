//! A large index of a chart repository, read for the versions of one chart.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use windlass_release::index::versions;

use super::Scene;
use crate::range::peak_bytes;
use crate::report::{Reach, Row};

/// Charts of the index, and versions of each: sixty megabytes, as the largest public one had before it was split.
const CHARTS: usize = 300;
const VERSIONS: usize = 250;

/// What this program is called with to read one index in a process of its own.
pub(crate) const COMMAND: &str = "--read-index";

pub(super) const SCENE: Scene = Scene {
    what: "an index of 60 MB, read for one of its 300 charts",
    rows: &["index_memory", "index_read"],
    run,
};

fn run() -> Vec<Row> {
    let folder =
        tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the index: {error}"));
    let path = folder.path().join("index.yaml");
    let megabytes = write_index(&path) as f64 / 1e6;
    let idle = child(Path::new(""));
    let read = child(&path);
    vec![
        Row {
            name: "index_memory",
            value: (read.0 - idle.0) as f64 / 1e6,
            unit: "MB",
            reach: Reach::AtMost(16.0),
            note: format!("above a process that reads nothing; the index has {megabytes:.1} MB"),
        },
        Row {
            name: "index_read",
            value: read.1,
            unit: "ms",
            reach: Reach::AtMost(1000.0),
            note: "for the last chart of the index".to_owned(),
        },
    ]
}

/// Peak of resident memory, in bytes, and milliseconds of a process that reads an index; with an empty path it reads none.
fn child(path: &Path) -> (i64, f64) {
    let own = std::env::current_exe().unwrap_or_else(|error| panic!("this program: {error}"));
    let ran = Command::new(own).arg(COMMAND).arg(path).output();
    let ran = ran.unwrap_or_else(|error| panic!("this program: {error}"));
    assert!(ran.status.success(), "{ran:?}");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let mut numbers = said.split_whitespace();
    let peak = numbers.next().and_then(|text| text.parse().ok());
    let time = numbers.next().and_then(|text| text.parse().ok());
    peak.zip(time).unwrap_or_else(|| panic!("it says {said}"))
}

/// Reads one index and prints what that took.
pub(crate) fn read_one(path: &str) {
    let start = Instant::now();
    if !path.is_empty() {
        let file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let chart = format!("chart-{:03}", CHARTS - 1);
        let found = versions(&mut BufReader::new(file), &chart);
        let found = found.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(found.map(|found| found.len()), Some(VERSIONS));
    }
    println!("{} {}", peak_bytes(), start.elapsed().as_secs_f64() * 1e3);
}

/// Writes an index as `helm repo index` lays it out; gives its bytes.
fn write_index(path: &Path) -> u64 {
    let written = (|| {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "apiVersion: v1\nentries:")?;
        for chart in 0..CHARTS {
            writeln!(file, "  chart-{chart:03}:")?;
            for version in (0..VERSIONS).rev() {
                write!(file, "{}", entry(chart, version))?;
            }
        }
        file.flush()?;
        Ok::<u64, std::io::Error>(path.metadata()?.len())
    })();
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn entry(chart: usize, version: usize) -> String {
    let digest = format!("{chart:032x}{version:032x}");
    let text = "A chart with a description as long as people write them, of what it installs and for whom. ";
    format!(
        "  - apiVersion: v2\n    appVersion: 1.{version}.0\n    created: \"2026-01-01T00:00:00.000000000Z\"\n    dependencies:\n\
         \x20   - name: common\n      repository: https://charts.example.org/stable\n      version: 2.x.x\n\
         \x20   description: {description}\n    digest: {digest}\n    home: https://example.org/charts/{chart}\n    keywords:\n    - web\n    - example\n\
         \x20   maintainers:\n    - email: somebody@example.org\n      name: somebody\n    name: chart-{chart:03}\n    sources:\n\
         \x20   - https://example.org/sources/{chart}\n    urls:\n    - https://charts.example.org/stable/chart-{chart:03}-1.{version}.0.tgz\n\
         \x20   version: 1.{version}.0\n",
        description = text.repeat(2)
    )
}
