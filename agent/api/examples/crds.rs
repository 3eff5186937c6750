//! Writes packaging/crds from the types: `cargo run -p windlass-api --example crds`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/crds");
    std::fs::create_dir_all(&directory)?;
    for (name, text) in windlass_api::crd_files() {
        std::fs::write(directory.join(name), text)?;
    }
    Ok(())
}
