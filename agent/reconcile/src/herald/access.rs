//! The Secrets that a Provider names: read when something is sent, kept nowhere.

use std::collections::BTreeMap;

use windlass_api::meta::LocalReference;
use windlass_api::provider::ProviderSpec;
use windlass_cluster::Cluster;
use windlass_notify::Fields;
use windlass_wire::{ClientIdentity, Proxy};

use super::deliver::Problem;

/// What the Secrets of a Provider say.
#[derive(Default)]
pub(crate) struct Access {
    /// Those of `spec.secretRef`.
    pub(super) fields: Fields,
    pub(super) ca_bundle: Option<String>,
    pub(super) identity: Option<ClientIdentity>,
    pub(super) proxy: Option<Proxy>,
}

/// Reads the Secrets.
pub(super) async fn read(
    cluster: &Cluster,
    namespace: &str,
    spec: &ProviderSpec,
) -> Result<Access, Problem> {
    let mut read = BTreeMap::new();
    for reference in [
        &spec.secret_ref,
        &spec.cert_secret_ref,
        &spec.proxy_secret_ref,
    ] {
        if let Some(LocalReference { name }) = reference
            && !read.contains_key(name)
        {
            read.insert(name.clone(), fields(cluster, namespace, name).await?);
        }
    }
    let of =
        |reference: &Option<LocalReference>| reference.as_ref().and_then(|it| read.get(&it.name));
    let secret = of(&spec.secret_ref);
    let tls = of(&spec.cert_secret_ref);
    Ok(Access {
        ca_bundle: tls.and_then(|tls| text(tls, &["ca.crt", "caFile"])),
        identity: tls.map_or(Ok(None), identity)?,
        proxy: proxy(spec, secret, of(&spec.proxy_secret_ref))?,
        fields: secret.cloned().unwrap_or_default(),
    })
}

async fn fields(cluster: &Cluster, namespace: &str, name: &str) -> Result<Fields, Problem> {
    let read = crate::fields::read(cluster, namespace, name).await;
    let read = read.map_err(|error| {
        Problem::Later(format!(
            "failed to get secret '{namespace}/{name}': {error}"
        ))
    })?;
    read.ok_or_else(|| {
        Problem::NotThere(format!(
            "failed to get secret '{namespace}/{name}': secret \"{name}\" not found; create it"
        ))
    })
}

/// The first of these keys that is there.
fn text(fields: &Fields, keys: &[&str]) -> Option<String> {
    let found = keys.iter().find_map(|key| fields.get(*key));
    found.map(|value| value.expose().to_owned())
}

fn identity(fields: &Fields) -> Result<Option<ClientIdentity>, Problem> {
    let certificate = text(fields, &["tls.crt", "certFile"]);
    let key = text(fields, &["tls.key", "keyFile"]);
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(ClientIdentity {
            certificate,
            key: key.into(),
        })),
        (None, None) => Ok(None),
        _ => Err(Problem::Never(
            "the secret of spec.certSecretRef has only one of tls.crt and tls.key; give both"
                .to_owned(),
        )),
    }
}

/// `spec.proxySecretRef`, else the key `proxy` of the Secret, else `spec.proxy`.
fn proxy(
    spec: &ProviderSpec,
    secret: Option<&Fields>,
    own: Option<&Fields>,
) -> Result<Option<Proxy>, Problem> {
    let Some(own) = own else {
        let address = secret.and_then(|secret| text(secret, &["proxy"]));
        let address = address.map(|address| address.trim().to_owned());
        let address = address.or_else(|| spec.proxy.clone());
        return Ok(address.map(|address| Proxy {
            address,
            login: None,
        }));
    };
    let Some(address) = text(own, &["address"]).filter(|address| !address.is_empty()) else {
        let message = "the secret of spec.proxySecretRef has no address; add that key";
        return Err(Problem::Never(message.to_owned()));
    };
    let password = text(own, &["password"]).unwrap_or_default();
    let login = text(own, &["username"]).map(|username| (username, password.into()));
    Ok(Some(Proxy { address, login }))
}

#[cfg(test)]
mod tests {
    use windlass_notify::Secret;

    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), Secret::new(*value)))
            .collect()
    }

    #[test]
    fn the_proxy_of_its_own_secret_counts_before_the_others() {
        let spec: ProviderSpec = serde_json::from_value(serde_json::json!({
            "type": "generic", "proxy": "http://spec",
        }))
        .unwrap();
        let address = |secret: Option<&Fields>, own: Option<&Fields>| {
            proxy(&spec, secret, own).unwrap().unwrap().address
        };
        let secret = fields(&[("proxy", "http://secret\n")]);
        let own = fields(&[
            ("address", "http://own"),
            ("username", "me"),
            ("password", "word"),
        ]);
        assert_eq!(address(None, None), "http://spec");
        assert_eq!(address(Some(&secret), None), "http://secret");
        assert_eq!(address(Some(&secret), Some(&own)), "http://own");
        let (user, password) = proxy(&spec, None, Some(&own))
            .unwrap()
            .unwrap()
            .login
            .unwrap();
        assert_eq!((user.as_str(), password.expose()), ("me", "word"));
        assert!(matches!(
            proxy(&spec, None, Some(&Fields::new())),
            Err(Problem::Never(_))
        ));
    }

    #[test]
    fn certificates_may_have_the_names_of_an_older_flux_and_come_with_their_key() {
        let old = fields(&[("certFile", "C"), ("keyFile", "K")]);
        assert_eq!(identity(&old).unwrap().unwrap().certificate, "C");
        assert!(identity(&fields(&[("tls.crt", "C")])).is_err());
        assert!(identity(&Fields::new()).unwrap().is_none());
    }
}
