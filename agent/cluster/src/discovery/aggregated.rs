//! Everything the API server serves, in the one answer that it gives to those who ask for it so.

use http::Method;
use http::header::HeaderValue;
use serde::Deserialize;
use windlass_object::GroupVersionKind;

use super::Resource;
use crate::call::Call;
use crate::cluster::Cluster;
use crate::error::{ErrorClass, RequestError};

/// All groups in one answer; API servers since 1.30 give the second version, since 1.27 the first.
const AGGREGATED: HeaderValue = HeaderValue::from_static(
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
);

/// Where the kinds of the core are, and those of all other groups.
const PATHS: [&str; 2] = ["/api", "/apis"];

#[derive(Deserialize)]
struct GroupDiscoveryList {
    items: Vec<GroupDiscovery>,
}

#[derive(Deserialize)]
struct GroupDiscovery {
    #[serde(default)]
    metadata: GroupName,
    #[serde(default)]
    versions: Vec<VersionDiscovery>,
}

#[derive(Default, Deserialize)]
struct GroupName {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct VersionDiscovery {
    version: String,
    #[serde(default)]
    resources: Vec<KindDiscovery>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KindDiscovery {
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    /// The plural, as in paths.
    #[serde(default)]
    resource: String,
    #[serde(default)]
    singular_resource: String,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
    /// What it is called as a subresource.
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    subresources: Vec<KindDiscovery>,
}

#[derive(Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

// === impl GroupDiscoveryList ===

impl GroupDiscoveryList {
    fn names(&self, names: &mut Vec<String>) {
        for group in &self.items {
            for served in &group.versions {
                let version = match group.metadata.name.as_str() {
                    "" => served.version.clone(),
                    name => format!("{name}/{}", served.version),
                };
                let kinds = served
                    .resources
                    .iter()
                    .flat_map(|resource| std::iter::once(resource).chain(&resource.subresources));
                let kinds = kinds.filter_map(|kind| kind.response_kind.as_ref());
                names.extend(kinds.map(|kind| format!("{version}/{}", kind.kind)));
                names.push(version);
            }
        }
    }
}

// === impl GroupDiscovery ===

impl GroupDiscovery {
    /// The first kind that a word means, in the version that the server prefers.
    fn named(&self, word: &str) -> Option<Resource> {
        let group = &self.metadata.name;
        self.versions.iter().find_map(|served| {
            let version = &served.version;
            let word = [format!(".{version}.{group}"), format!(".{group}")]
                .iter()
                .find_map(|end| word.strip_suffix(end.as_str()))
                .unwrap_or(word);
            let kind = served.resources.iter().find(|kind| kind.is_called(word))?;
            kind.resource(group, version)
        })
    }
}

// === impl KindDiscovery ===

impl KindDiscovery {
    /// Whether a word is its plural, its singular, its kind or one of its short names.
    fn is_called(&self, word: &str) -> bool {
        let kind = self.response_kind.as_ref().map(|it| it.kind.as_str());
        let words = [self.resource.as_str(), &self.singular_resource];
        let words = words.into_iter().chain(kind);
        let short = self.short_names.iter().map(String::as_str);
        words
            .chain(short)
            .any(|own| !own.is_empty() && own.eq_ignore_ascii_case(word))
    }

    fn resource(&self, group: &str, version: &str) -> Option<Resource> {
        let can = |verb: &str| self.verbs.iter().any(|has| has == verb);
        let kind = self.response_kind.as_ref()?.kind.clone();
        Some(Resource {
            gvk: GroupVersionKind {
                group: group.to_owned(),
                version: version.to_owned(),
                kind,
            },
            plural: self.resource.clone(),
            namespaced: self.scope == "Namespaced",
            watchable: can("list") && can("watch"),
            has_status: self
                .subresources
                .iter()
                .any(|below| below.subresource == "status"),
        })
    }
}

// === impl Cluster ===

impl Cluster {
    /// Every version of every group that the API server serves (`apps/v1`), and every kind in it (`apps/v1/Deployment`).
    ///
    /// # Errors
    /// The answer of the server, or that there is none.
    pub async fn api_versions(&self) -> Result<Vec<String>, RequestError> {
        let mut versions = Vec::new();
        for path in PATHS {
            self.everything(path).await?.names(&mut versions);
        }
        versions.sort_unstable();
        versions.dedup();
        Ok(versions)
    }

    /// The kind that a person means by a word, as kubectl takes it: `deployments`, `deployment`, `Deployment`, `deploy`,
    /// `deployments.apps` or `deployments.v1.apps`, in any capitals. Of several kinds it is that of the group that the API
    /// server lists first, the core's before all others.
    ///
    /// # Errors
    /// Class `UnknownKind` when the server has no such kind; the answer of the server, or that there is none.
    pub async fn resource_called(&self, word: &str) -> Result<Resource, RequestError> {
        for path in PATHS {
            let groups = self.everything(path).await?.items;
            if let Some(found) = groups.iter().find_map(|group| group.named(word)) {
                return Ok(found);
            }
        }
        let message = format!("the server doesn't have a resource type {word:?}");
        let unknown = ErrorClass::UnknownKind;
        Err(RequestError::local("discover", word, unknown, message))
    }

    async fn everything(&self, path: &str) -> Result<GroupDiscoveryList, RequestError> {
        let call = Call::at("discover", Method::GET, path.to_owned(), path.to_owned());
        let answer = self.as_itself().read(call.accept(AGGREGATED)).await?;
        serde_json::from_value(answer).map_err(|error| {
            let message = format!("the answer is not an APIGroupDiscoveryList: {error}");
            RequestError::local("discover", path, ErrorClass::Server, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPS: &str = r#"{"metadata": {"name": "apps"}, "versions": [
        {"version": "v1", "resources": [
            {"resource": "deployments", "singularResource": "deployment", "shortNames": ["deploy"],
             "scope": "Namespaced", "verbs": ["get", "list", "watch"],
             "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
             "subresources": [{"subresource": "status", "responseKind": {"kind": "Deployment"}}]}]},
        {"version": "v1beta1", "resources": [
            {"resource": "deployments", "scope": "Namespaced", "responseKind": {"kind": "Deployment"}}]}]}"#;

    #[test]
    fn a_word_means_a_kind_in_the_version_that_comes_first() {
        let apps: GroupDiscovery = serde_json::from_str(APPS).unwrap();
        for word in [
            "deployments",
            "deployment",
            "Deployment",
            "DEPLOY",
            "deploy.apps",
            "deployments.v1.apps",
        ] {
            let found = apps.named(word).expect(word);
            assert_eq!(found.gvk, GroupVersionKind::new("apps/v1", "Deployment"));
            assert!(
                found.namespaced && found.watchable && found.has_status,
                "{word}"
            );
        }
        let older = apps.named("deployments.v1beta1.apps").unwrap();
        assert_eq!(older.gvk.version, "v1beta1");
        for word in ["", "deploymentss", "deployments.batch", "status"] {
            assert_eq!(apps.named(word), None, "{word:?}");
        }
    }
}
