//! How a registry is reached: what the spec of a source and its Secrets say.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use windlass_api::helm_repository::HelmRepositorySpec;
use windlass_api::meta::LocalReference;
use windlass_api::oci_repository::{OciRepositorySpec, RegistryProvider};
use windlass_api::reasons;
use windlass_object::GroupVersionKind;
use windlass_wire::{ClientIdentity, Credentials, Proxy, Secret};

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
    /// Whose pull secrets are used, too.
    account: Option<&'a str>,
    proxy: Option<&'a LocalReference>,
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
        account: None,
        proxy: None,
    };
    wanted.read(context, name).await
}

/// Reads the Secrets that an OCIRepository names.
pub(crate) async fn of_oci_repository(
    context: &Context,
    name: &Named,
    spec: &OciRepositorySpec,
) -> Result<Access, Unusable> {
    let account = spec.service_account_name.as_deref();
    let wanted = Wanted {
        url: &spec.url,
        insecure: spec.insecure,
        timeout: spec.effective_timeout(),
        provider: spec.provider,
        secret: spec.secret_ref.as_ref(),
        certificates: spec.cert_secret_ref.as_ref(),
        account: account.filter(|account| !account.is_empty()),
        proxy: spec.proxy_secret_ref.as_ref(),
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
        let way = fields(self.proxy, "spec.proxySecretRef").await?;
        let mut found = credentials(&login, self.url)?;
        if let (Credentials::None, Some(account)) = (&found, self.account) {
            found = self.of_account(context, name, account).await?;
        }
        Ok(Access {
            insecure: self.insecure,
            credentials: found,
            ca_bundle: tls.get("ca.crt").cloned(),
            identity: identity(&tls)?,
            proxy: proxy(&way, self.proxy.is_some())?,
            timeout: self.timeout,
        })
    }

    /// The first of the pull secrets of a service account that has a login for the registry.
    async fn of_account(
        &self,
        context: &Context,
        name: &Named,
        account: &str,
    ) -> Result<Credentials, Unusable> {
        let field = "spec.serviceAccountName";
        for secret in pull_secrets(context, name, account).await? {
            let reason = reasons::AUTHENTICATION_FAILED;
            let fields = secret::read(context, name, &secret, (field, reason)).await?;
            let found = credentials(&fields, self.url)?;
            if found != Credentials::None {
                return Ok(found);
            }
        }
        Ok(Credentials::None)
    }
}

/// The names of the pull secrets of a service account.
async fn pull_secrets(
    context: &Context,
    name: &Named,
    account: &str,
) -> Result<Vec<String>, Unusable> {
    let cluster = &context.cluster;
    let failed = |error: windlass_cluster::RequestError| unusable(error.to_string());
    let accounts = GroupVersionKind::new("v1", "ServiceAccount");
    let accounts = cluster.resolve(&accounts).await.map_err(failed)?;
    let found = cluster.get(&accounts, &name.namespace, account).await;
    let found = found.map_err(failed)?.ok_or_else(|| {
        let namespace = &name.namespace;
        unusable(format!(
            "service account '{namespace}/{account}' of spec.serviceAccountName not found; create it"
        ))
    })?;
    let secrets = found.pointer("/imagePullSecrets").and_then(Value::as_array);
    let names = secrets.into_iter().flatten();
    let names = names.filter_map(|secret| secret.get("name")?.as_str());
    Ok(names.map(str::to_owned).collect())
}

/// How the registry is reached through another server.
pub(crate) fn proxy(
    secret: &BTreeMap<String, String>,
    is_named: bool,
) -> Result<Option<Proxy>, Unusable> {
    let address = secret.get("address").filter(|address| !address.is_empty());
    let Some(address) = address.cloned() else {
        return match is_named {
            false => Ok(None),
            true => Err(unusable(
                "the secret of spec.proxySecretRef has no address; add that key".to_owned(),
            )),
        };
    };
    let password = secret.get("password").cloned().unwrap_or_default();
    let login = secret.get("username").cloned();
    let login = login.map(|username| (username, Secret::from(password)));
    Ok(Some(Proxy { address, login }))
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
