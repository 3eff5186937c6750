//! How a registry is reached: what the spec of a source and its Secrets say.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_api::helm_repository::HelmRepositorySpec;
use windlass_api::meta::LocalReference;
use windlass_api::oci_repository::RegistryProvider;
use windlass_api::reasons;
use windlass_wire::{ClientIdentity, Credentials, Proxy};

use super::docker_config;
use crate::context::Context;
use crate::named::Named;
use crate::repository::access::{identity, login};
use crate::source::secret;
use crate::source::spec::Unusable;

/// The key of a docker config in a Secret.
const DOCKER_CONFIG: &str = ".dockerconfigjson";

/// What every request to a registry has in common.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(super) insecure: bool,
    pub(super) credentials: Credentials,
    pub(super) ca_bundle: Option<String>,
    pub(super) identity: Option<ClientIdentity>,
    pub(super) proxy: Option<Proxy>,
    pub(super) timeout: Duration,
}

/// What a spec says of how its registry is reached.
struct Wanted<'a> {
    url: &'a str,
    insecure: bool,
    timeout: Duration,
    provider: Option<RegistryProvider>,
    secret: Option<&'a LocalReference>,
    certificates: Option<&'a LocalReference>,
}

/// Reads the Secrets that a HelmRepository names.
pub(crate) async fn of_helm_repository(
    context: &Context,
    name: &Named,
    spec: &HelmRepositorySpec,
) -> Result<Access, Unusable> {
    let wanted = Wanted {
        url: &spec.url,
        insecure: spec.insecure,
        timeout: spec.effective_timeout(),
        provider: spec.provider,
        secret: spec.secret_ref.as_ref(),
        certificates: spec.cert_secret_ref.as_ref(),
    };
    wanted.read(context, name).await
}

impl Wanted<'_> {
    async fn read(&self, context: &Context, name: &Named) -> Result<Access, Unusable> {
        if let Some(provider) = self
            .provider
            .filter(|provider| *provider != RegistryProvider::Generic)
        {
            return Err(Unusable {
                stalled: true,
                ..unusable(format!(
                    "spec.provider {provider:?} is not supported by this version of windlass; give a secretRef"
                ))
            });
        }
        let reason = reasons::AUTHENTICATION_FAILED;
        let fields = async |reference: Option<&LocalReference>, field| match reference {
            Some(reference) => secret::read(context, name, &reference.name, (field, reason)).await,
            None => Ok(BTreeMap::new()),
        };
        let login = fields(self.secret, "spec.secretRef").await?;
        let tls = fields(self.certificates, "spec.certSecretRef").await?;
        Ok(Access {
            insecure: self.insecure,
            credentials: credentials(&login, self.url)?,
            ca_bundle: tls.get("ca.crt").cloned(),
            identity: identity(&tls)?,
            proxy: None,
            timeout: self.timeout,
        })
    }
}

fn unusable(message: String) -> Unusable {
    Unusable {
        reason: reasons::AUTHENTICATION_FAILED,
        message,
        stalled: false,
    }
}

/// A docker config, or one login for whatever registry it is.
fn credentials(secret: &BTreeMap<String, String>, url: &str) -> Result<Credentials, Unusable> {
    let Some(config) = secret.get(DOCKER_CONFIG) else {
        return login(secret);
    };
    docker_config::credentials(config, url).map_err(|why| {
        unusable(format!(
            "{DOCKER_CONFIG} in the secret of spec.secretRef {why}"
        ))
    })
}
