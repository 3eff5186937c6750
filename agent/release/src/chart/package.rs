//! Files to a `.tgz`, the same for the same files on every node.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};
use windlass_helm::File;

/// Packs the files below a folder with the chart's name, as `helm package` does: sorted, with owner and time 0.
///
/// # Errors
/// A name does not fit into an archive.
pub fn package(name: &str, mut files: Vec<File>) -> io::Result<Vec<u8>> {
    files.sort_by(|one, other| one.name.cmp(&other.name));
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for file in files {
        let mut header = Header::new_gnu();
        header.set_size(file.data.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, format!("{name}/{}", file.name), &*file.data)?;
    }
    let mut bytes = archive.into_inner()?.finish()?;
    bytes.flush()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use windlass_helm::load_archive;

    use super::*;

    fn file(name: &str, text: &str) -> File {
        File {
            name: name.to_owned(),
            data: text.as_bytes().into(),
        }
    }

    #[test]
    fn the_same_files_in_any_order_are_the_same_package_and_it_is_a_chart() {
        let long = format!("templates/{}.yaml", "long".repeat(60));
        let chart = file("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
        let files = vec![chart, file(&long, "a: b\n"), file("values.yaml", "a: 1\n")];
        let turned = files.iter().rev().cloned().collect();
        let package = |files| package("web", files).unwrap();
        let bytes = package(files.clone());
        assert_eq!(bytes, package(turned));
        let loaded = load_archive(&bytes).unwrap();
        assert_eq!(loaded.name(), "web");
        let names: Vec<&str> = loaded
            .templates
            .iter()
            .map(|file| file.name.as_str())
            .collect();
        assert_eq!(names, [long.as_str()]);
    }
}
