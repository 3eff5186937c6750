//! Which servers there are, how the kubeconfig is read again, and whether what it says still counts.

use std::sync::{Arc, PoisonError};

use http::Uri;
use tokio::sync::watch;

use super::{Transport, TransportError, dial};
use crate::kubeconfig::{Access, Trust, load};
use crate::own::{Endpoint, OwnKubeconfig, own};

// === impl Transport ===

impl Transport {
    /// Notes that the server refused the credentials: they may be others by now.
    pub(crate) fn refuse(&self) {
        self.renew_credentials();
        self.refused.send_replace(());
    }

    /// Changes with every refusal.
    pub(crate) fn refused(&self) -> watch::Receiver<()> {
        self.refused.subscribe()
    }

    /// The kubeconfig as it is now, if it is a node's own identity.
    pub(crate) fn own(&self) -> Option<OwnKubeconfig> {
        self.files.as_ref().and_then(own)
    }

    /// How the API server is reached and believed.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let access = self.access();
        let authority = match &access.trust {
            Trust::Authority(pem) => Some(String::from_utf8_lossy(pem).into_owned()),
            Trust::System | Trust::Anybody => None,
        };
        let url = |uri: &Uri| uri.to_string().trim_end_matches('/').to_owned();
        Endpoint {
            servers: access.servers().map(url).collect(),
            server_name: access.server_name.clone(),
            authority,
        }
    }

    /// Reads the kubeconfig again, as certificates and keys are replaced on disk (k3s does it at a restart), and tries
    /// each of its servers, the last good one first.
    pub(super) async fn reach(&self) -> Result<dial::Dialled, TransportError> {
        let mut access = self.access();
        if let Some(connect) = &self.files {
            let read = load(connect).map_err(|error| TransportError::Connect(error.to_string()))?;
            access = self.replace(read.beginning_with(&access.server));
        }
        let mut failures = Vec::new();
        for _ in 0..=access.others.len() {
            match dial::dial(&access).await {
                Ok(dialled) => return Ok(dialled),
                Err(error) => failures.push(error),
            }
            if !access.others.is_empty() {
                access = self.replace(access.next());
            }
        }
        if let Some(untrusted) = failures
            .iter()
            .find(|error| matches!(error, TransportError::Untrusted(_)))
        {
            self.refused.send_replace(());
            return Err(untrusted.clone());
        }
        let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
        Err(TransportError::Connect(failures.join("; ")))
    }

    fn replace(&self, access: Access) -> Arc<Access> {
        let access = Arc::new(access);
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&access);
        access
    }
}
