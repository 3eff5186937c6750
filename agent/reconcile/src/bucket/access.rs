//! How a bucket is reached: what its spec and its Secrets say.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_api::bucket::BucketSpec;
use windlass_api::meta::LocalReference;
use windlass_api::oci_repository::RegistryProvider;
use windlass_api::reasons;
use windlass_wire::{
    BucketAsk, BucketRequest, ClientIdentity, Credentials, DownloadRequest, Proxy, Secret,
};

use super::address;
use crate::context::Context;
use crate::named::Named;
use crate::registry::access::proxy;
use crate::repository::access::identity;
use crate::source::secret;
use crate::source::spec::Unusable;

/// What every request to a bucket has in common.
#[derive(Clone, Debug)]
pub(super) struct Access {
    url: String,
    region: Option<String>,
    credentials: Credentials,
    ca_bundle: Option<String>,
    identity: Option<ClientIdentity>,
    proxy: Option<Proxy>,
    timeout: Duration,
}

/// Reads the Secrets that a Bucket names.
pub(super) async fn read(
    context: &Context,
    name: &Named,
    spec: &BucketSpec,
) -> Result<Access, Unusable> {
    check(spec)?;
    let reason = reasons::AUTHENTICATION_FAILED;
    let fields = async |reference: Option<&LocalReference>, field| match reference {
        Some(reference) => secret::read(context, name, &reference.name, (field, reason)).await,
        None => Ok(BTreeMap::new()),
    };
    let way = fields(spec.proxy_secret_ref.as_ref(), "spec.proxySecretRef").await?;
    let tls = fields(spec.cert_secret_ref.as_ref(), "spec.certSecretRef").await?;
    let credentials = match &spec.secret_ref {
        None => Credentials::None,
        Some(reference) => {
            let keys = fields(Some(reference), "spec.secretRef").await?;
            keys_in(&keys, &reference.name)?
        }
    };
    Ok(Access {
        url: address(spec),
        region: spec.region.clone().filter(|region| !region.is_empty()),
        credentials,
        ca_bundle: tls.get("ca.crt").cloned(),
        identity: identity(&tls)?,
        proxy: proxy(&way, spec.proxy_secret_ref.is_some())?,
        timeout: spec.effective_timeout(),
    })
}

impl Access {
    /// The request for something in the bucket.
    pub(super) fn request(&self, ask: BucketAsk, byte_limit: u64) -> BucketRequest {
        BucketRequest {
            ask,
            region: self.region.clone(),
            download: DownloadRequest {
                url: self.url.clone(),
                accept: "*/*".to_owned(),
                credentials: self.credentials.clone(),
                ca_bundle: self.ca_bundle.clone(),
                identity: self.identity.clone(),
                proxy: self.proxy.clone(),
                etag: None,
                byte_limit,
                timeout_seconds: self.timeout.as_secs().max(1),
            },
        }
    }
}

#[cfg(test)]
impl Access {
    pub(super) fn anonymous(spec: &BucketSpec) -> Self {
        Access {
            url: address(spec),
            region: None,
            credentials: Credentials::None,
            ca_bundle: None,
            identity: None,
            proxy: None,
            timeout: spec.effective_timeout(),
        }
    }
}

/// Refuses by name what is not done here.
fn check(spec: &BucketSpec) -> Result<(), Unusable> {
    let stalled = |reason, message: String| Unusable {
        reason,
        message,
        stalled: true,
    };
    if let Some((what, instead)) = unsupported(spec) {
        return Err(stalled(
            reasons::AUTHENTICATION_FAILED,
            format!("{what} is not supported by windlass; {instead}"),
        ));
    }
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if spec.endpoint.is_empty() || !spec.endpoint.bytes().all(is_host) {
        return Err(stalled(
            reasons::URL_INVALID,
            format!(
                "spec.endpoint {:?} is no host; give it as host or host:port",
                spec.endpoint
            ),
        ));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let name = spec.bucket_name.as_str();
    let plain = name.bytes().all(is_name) && !name.contains("..") && !name.starts_with('.');
    if !plain || !(3..=63).contains(&name.len()) {
        return Err(stalled(
            reasons::INVALID_NAME,
            format!("spec.bucketName {name:?} is no name of a bucket"),
        ));
    }
    Ok(())
}

/// What of a spec asks for an identity that a node outside of clouds does not have, and what to do instead.
fn unsupported(spec: &BucketSpec) -> Option<(&'static str, &'static str)> {
    let provider = spec.provider.unwrap_or(RegistryProvider::Generic);
    match provider {
        RegistryProvider::Generic | RegistryProvider::Aws if spec.sts.is_some() => Some((
            "spec.sts",
            "give keys that last in spec.secretRef (accesskey and secretkey)",
        )),
        RegistryProvider::Aws if spec.secret_ref.is_none() => Some((
            "spec.provider aws without spec.secretRef",
            "give the keys of a user that may read the bucket in spec.secretRef (accesskey and secretkey)",
        )),
        RegistryProvider::Generic | RegistryProvider::Aws => None,
        RegistryProvider::Azure => Some((
            "spec.provider azure",
            "Azure's storage speaks no S3: push the files as an artifact (`flux push artifact`) and use an OCIRepository",
        )),
        RegistryProvider::Gcp => Some((
            "spec.provider gcp",
            "use provider generic, endpoint storage.googleapis.com, and an HMAC key of a service account in \
             spec.secretRef (accesskey and secretkey)",
        )),
    }
}

/// The two keys in a Secret.
fn keys_in(secret: &BTreeMap<String, String>, name: &str) -> Result<Credentials, Unusable> {
    match (secret.get("accesskey"), secret.get("secretkey")) {
        (Some(access), Some(key)) => Ok(Credentials::Basic {
            username: access.clone(),
            password: Secret::new(key.as_str()),
        }),
        _ => Err(Unusable {
            reason: reasons::AUTHENTICATION_FAILED,
            message: format!(
                "invalid '{name}' secret data: required fields 'accesskey' and 'secretkey'"
            ),
            stalled: false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(changes: &Value) -> Result<(), &'static str> {
        let mut spec =
            json!({"bucketName": "apps", "endpoint": "minio.lan:9000", "interval": "1m"});
        let fields = changes.as_object().unwrap().clone();
        spec.as_object_mut().unwrap().extend(fields);
        let spec: BucketSpec = serde_json::from_value(spec).unwrap();
        check(&spec).map_err(|unusable| {
            assert!(unusable.stalled);
            unusable.reason
        })
    }

    #[test]
    fn what_is_not_done_here_is_refused_by_name() {
        assert_eq!(checked(&json!({})), Ok(()));
        let keys = json!({"provider": "aws", "secretRef": {"name": "keys"}});
        assert_eq!(checked(&keys), Ok(()));
        for provider in ["aws", "gcp", "azure"] {
            let refused = checked(&json!({ "provider": provider }));
            assert_eq!(refused, Err(reasons::AUTHENTICATION_FAILED), "{provider}");
        }
        let sts = json!({"sts": {"provider": "ldap", "endpoint": "https://h"}});
        assert_eq!(checked(&sts), Err(reasons::AUTHENTICATION_FAILED));
        for endpoint in ["", "https://h", "h/x", "me@h", "h?x", "h #"] {
            let refused = checked(&json!({ "endpoint": endpoint }));
            assert_eq!(refused, Err(reasons::URL_INVALID), "{endpoint}");
        }
    }

    #[test]
    fn t22_a_name_that_is_none_is_refused() {
        let long = "x".repeat(300);
        for name in ["..", ".", "/x", "a/b", "a..b", "\u{2025}", &long, ""] {
            let refused = checked(&json!({ "bucketName": name }));
            assert_eq!(refused, Err(reasons::INVALID_NAME), "{name:?}");
        }
    }

    #[test]
    fn half_a_pair_of_keys_is_refused() {
        let half = BTreeMap::from([("accesskey".to_owned(), "me".to_owned())]);
        let error = keys_in(&half, "keys").unwrap_err();
        assert!(error.message.contains("'accesskey' and 'secretkey'"));
    }
}
