//! Manifests (OCI image specification, "Image Manifest"): which layers an artifact has.

use std::collections::BTreeMap;

use serde::Deserialize;
use windlass_state::BlobDigest;

/// The manifests that are read, and the index, to say what it is.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json;q=0.1";

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) digest: BlobDigest,
    pub(crate) layers: Vec<Layer>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// An artifact that an index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) artifact_type: String,
    /// Of its manifest, as it is written.
    pub(crate) digest: String,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) media_type: String,
    pub(crate) digest: BlobDigest,
    pub(crate) size: u64,
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    layers: Vec<WrittenLayer>,
    /// Only an index has them.
    #[serde(default)]
    manifests: Option<Vec<serde::de::IgnoredAny>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenLayer {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct WrittenIndex {
    #[serde(default)]
    manifests: Vec<WrittenEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenEntry {
    #[serde(default)]
    artifact_type: String,
    digest: String,
}

/// The media type of an index.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Reads the index of what refers to an artifact.
pub(super) fn referrers(bytes: &[u8]) -> Result<Vec<Listed>, String> {
    let written: WrittenIndex = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let listed = written.manifests.into_iter().map(|entry| Listed {
        artifact_type: entry.artifact_type,
        digest: entry.digest,
    });
    Ok(listed.collect())
}

impl Manifest {
    /// Reads a manifest whose bytes have this digest.
    pub(super) fn parse(bytes: &[u8], digest: BlobDigest) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if written.manifests.is_some() {
            return Err(
                "it is an index of several artifacts; name one of them by its digest".to_owned(),
            );
        }
        let layers = written.layers.into_iter().map(|layer| {
            let WrittenLayer {
                media_type,
                digest,
                size,
                annotations,
            } = layer;
            let digest = digest
                .parse()
                .map_err(|_| format!("layer {digest:?} is not named by a SHA-256"))?;
            Ok(Layer {
                media_type,
                digest,
                size,
                annotations: annotations.unwrap_or_default(),
            })
        });
        Ok(Manifest {
            digest,
            layers: layers.collect::<Result<_, String>>()?,
            annotations: written.annotations.unwrap_or_default(),
        })
    }

    /// The first layer of a media type.
    pub(crate) fn layer(&self, media_type: &str) -> Option<&Layer> {
        self.layers
            .iter()
            .find(|layer| layer.media_type == media_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, String> {
        Manifest::parse(text.as_bytes(), BlobDigest::of(text.as_bytes()))
    }

    #[test]
    fn the_layers_are_those_of_the_manifest_in_its_order() {
        let digests = ["a", "b"].map(|text| BlobDigest::of(text.as_bytes()));
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{}},"layers":[{{"mediaType":"x/y","digest":"{}","size":3}},
                {{"mediaType":"z","digest":"{}","size":4}}],"annotations":{{"k":"v"}}}}"#,
            digests[0], digests[1]
        );
        let manifest = parse(&text).unwrap();
        assert_eq!(
            manifest.layer("z").map(|layer| (layer.digest, layer.size)),
            Some((digests[1], 4))
        );
        assert_eq!(manifest.layer("w"), None);
        assert_eq!(manifest.layers[0].digest, digests[0]);
        assert_eq!(manifest.annotations["k"], "v");
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "{\"layers\":3}",
            r#"{"layers":[{"digest":"sha512:00","size":1}]}"#,
            r#"{"layers":[{"digest":"sha256:00","size":1}]}"#,
            r#"{"layers":[{"size":1}]}"#,
            &"[".repeat(100_000),
            &format!("{{\"layers\":{}", "[".repeat(100_000)),
        ] {
            assert!(parse(text).is_err(), "{}", text.get(..50).unwrap_or(text));
        }
        let index = parse(r#"{"manifests":[{"digest":"sha256:00"}]}"#).unwrap_err();
        assert!(index.contains("index"), "{index}");
        assert_eq!(parse("{}").unwrap().layers, []);
    }
}
