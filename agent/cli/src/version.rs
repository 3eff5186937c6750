//! `version`: this program's, the cluster's and the leading node's.

use serde_json::{Map, Value};
use windlass_object::yaml;

use crate::arguments::{DataOutput, VersionArguments};
use crate::error::CommandError;
use crate::lease::lead;
use crate::screen::Screen;
use crate::session::Session;

/// Runs the command; without a session only this program's version is shown.
pub(crate) async fn run(
    session: Option<&Session>,
    screen: &mut Screen<'_>,
    arguments: &VersionArguments,
) -> Result<(), CommandError> {
    let mut versions = vec![("windlass", env!("CARGO_PKG_VERSION").to_owned())];
    versions.push(("flux", windlass_api::names::FLUX_VERSION.to_owned()));
    if let Some(session) = session {
        versions.push(("kubernetes", session.cluster.version().await?));
        if let Some(version) = lead(session).await?.and_then(|lead| lead.status.version) {
            versions.push(("agent", version));
        }
    }
    Ok(screen.print(&render(versions, arguments.output))?)
}

fn render(versions: Vec<(&str, String)>, output: DataOutput) -> String {
    let pairs = versions
        .into_iter()
        .map(|(name, version)| (name.to_owned(), version.into()));
    let value = Value::Object(pairs.collect::<Map<_, _>>());
    match output {
        DataOutput::Json => format!("{value:#}\n"),
        DataOutput::Yaml => yaml::to_string(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_data() {
        let versions = || {
            vec![
                ("windlass", "0.1.0".to_owned()),
                ("flux", "v2.9.5".to_owned()),
            ]
        };
        assert_eq!(
            render(versions(), DataOutput::Yaml),
            "flux: v2.9.5\nwindlass: 0.1.0\n"
        );
        let json: Value = serde_json::from_str(&render(versions(), DataOutput::Json)).unwrap();
        assert_eq!(json["windlass"], "0.1.0");
    }
}
