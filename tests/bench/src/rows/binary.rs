//! How large the program is.

use windlass_kit::agent::binary;

use super::Scene;
use crate::report::{Reach, Row};

pub(super) const SCENE: Scene = Scene {
    what: "the size of the release binary",
    rows: &["binary_size"],
    run,
};

fn run() -> Vec<Row> {
    let file = binary();
    let metadata = std::fs::metadata(&file);
    let bytes = metadata
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        .len();
    vec![Row {
        name: "binary_size",
        value: bytes as f64 / 1e6,
        unit: "MB",
        reach: Reach::AtMost(40.0),
        note: "stripped".to_owned(),
    }]
}
