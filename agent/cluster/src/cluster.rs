//! The handle on one API server.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::connect::{Connect, ConnectError};
use crate::discovery::Discovery;
use crate::error::RequestError;
use crate::event::EventLog;
use crate::identity::ServiceAccount;
use crate::kubeconfig;
use crate::own::{Endpoint, OwnKubeconfig};
use crate::transport::Transport;

/// One API server, spoken to as the kubeconfig's user or as a service account that it impersonates.
/// Cheap to clone: all clones share connections and discovery.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
    impersonated: Option<Arc<ServiceAccount>>,
}

struct Shared {
    transport: Transport,
    discovery: Discovery,
    events: EventLog,
}

// === impl Cluster ===

impl Cluster {
    /// Takes where the kubeconfig is and gives the handle. Nothing is connected yet, so it works
    /// while the API server is gone; must be used inside a tokio runtime.
    ///
    /// # Errors
    /// The kubeconfig cannot be read, or asks for something that is refused (exec plugins,
    /// unverified TLS, ...).
    pub fn connect(connect: Connect) -> Result<Self, ConnectError> {
        Ok(Self::over(Transport::new(connect)?))
    }

    /// Takes the text of a kubeconfig that an object holds, what messages call it, and a user agent,
    /// and gives the handle. Nothing is connected yet.
    ///
    /// # Errors
    /// As [`Cluster::connect`]; besides, a file that it names and a server without TLS are refused.
    pub fn from_kubeconfig(
        text: &[u8],
        place: &str,
        user_agent: &str,
    ) -> Result<Self, ConnectError> {
        let access = kubeconfig::given(text, place)?;
        Ok(Self::over(Transport::to(access, user_agent)?))
    }

    /// Takes a server's URL, the PEM certificates to believe it by (without them the system's), a
    /// bearer token, what messages call all this, and a user agent, and gives the handle.
    ///
    /// # Errors
    /// The URL or the certificates cannot be used.
    pub fn from_token(
        server: &str,
        authority: Option<&str>,
        token: &str,
        place: &str,
        user_agent: &str,
    ) -> Result<Self, ConnectError> {
        let access = kubeconfig::bearer(server, authority, token, place)?;
        Ok(Self::over(Transport::to(access, user_agent)?))
    }

    fn over(transport: Transport) -> Self {
        Self {
            shared: Arc::new(Shared {
                transport,
                discovery: Discovery::default(),
                events: EventLog::default(),
            }),
            impersonated: None,
        }
    }

    /// Takes a service account's namespace and name and gives a handle whose every request is made
    /// as that account (`Impersonate-User`; the API server adds the account's groups by itself).
    ///
    /// # Errors
    /// Class `Invalid` when either part is empty or not a Kubernetes name.
    pub fn as_service_account(&self, namespace: &str, name: &str) -> Result<Self, RequestError> {
        Ok(self.impersonating(ServiceAccount::new(namespace, name)?))
    }

    /// Like [`Cluster::as_service_account`], with an identity that was checked before.
    #[must_use]
    pub fn impersonating(&self, service_account: ServiceAccount) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            impersonated: Some(Arc::new(service_account)),
        }
    }

    /// The service account that requests are made as.
    #[must_use]
    pub fn impersonated(&self) -> Option<&ServiceAccount> {
        self.impersonated.as_deref()
    }

    /// The API server's URL, for people to read.
    #[must_use]
    pub fn server(&self) -> String {
        self.shared.transport.server()
    }

    /// How it is reached and believed, for another kubeconfig to say.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.shared.transport.endpoint()
    }

    /// The kubeconfig as it is now, if it is a node's own identity.
    #[must_use]
    pub fn own(&self) -> Option<OwnKubeconfig> {
        self.shared.transport.own()
    }

    /// Changes whenever the server refuses the credential, or is not to be believed by the kubeconfig.
    #[must_use]
    pub fn refused(&self) -> watch::Receiver<()> {
        self.shared.transport.refused()
    }

    /// Has the kubeconfig read again before the next request.
    pub fn renew_credentials(&self) {
        self.shared.transport.renew_credentials();
    }

    /// The same API server as the kubeconfig's own user.
    #[must_use]
    pub fn as_itself(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            impersonated: None,
        }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    pub(crate) fn events(&self) -> &EventLog {
        &self.shared.events
    }

    pub(crate) fn discovery(&self) -> &Discovery {
        &self.shared.discovery
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self
            .impersonated
            .as_ref()
            .map(|account| format!("{}/{}", account.namespace(), account.name()));
        formatter
            .debug_struct("Cluster")
            .field("server", &self.server())
            .field("impersonated", &account)
            .finish()
    }
}
