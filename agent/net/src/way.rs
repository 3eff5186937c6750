//! How a server is reached: which certificates are trusted, who we say we are, and through which proxy.

use ureq::{Agent, ProxyProtocol};
use windlass_wire::{ClientIdentity, DisplayUrl, Proxy};

use crate::failure::Failure;
use crate::http::tls::tls_config;
use crate::limits;
use crate::origin::{Origin, Remote};

const USER_AGENT: &str = concat!("windlass/", env!("CARGO_PKG_VERSION"));

/// The way to a server.
pub(crate) struct Way<'a> {
    pub(crate) ca_bundle: Option<&'a str>,
    pub(crate) identity: Option<&'a ClientIdentity>,
    pub(crate) proxy: Option<&'a Proxy>,
}

impl Way<'_> {
    /// A client that follows no redirect and takes no status for a failure.
    pub(crate) fn agent(&self, tls: bool) -> Result<Agent, Failure> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(self.proxy()?)
            .user_agent(USER_AGENT)
            .accept_encoding("identity")
            .timeout_connect(Some(limits::CONNECT_TIMEOUT))
            .max_response_header_size(limits::HTTP_HEADER_BYTES);
        if tls || self.proxy.is_some() {
            config = config.tls_config(tls_config(self.ca_bundle, self.identity)?);
        }
        Ok(config.build().new_agent())
    }

    fn proxy(&self) -> Result<Option<ureq::Proxy>, Failure> {
        let Some(proxy) = self.proxy else {
            return Ok(None);
        };
        let unusable = || {
            let address = DisplayUrl(&proxy.address);
            Failure::invalid_request(format!(
                "the proxy {address} cannot be used; give it as http://host:port or https://host:port"
            ))
        };
        let Ok(Origin::Remote(Remote::Http(address))) = Origin::parse(&proxy.address) else {
            return Err(unusable());
        };
        let protocol = match address.authority.tls {
            true => ProxyProtocol::Https,
            false => ProxyProtocol::Http,
        };
        let mut builder = ureq::Proxy::builder(protocol)
            .host(&address.authority.host)
            .port(address.authority.port);
        if let Some((user, password)) = proxy.login.as_ref().or(address.userinfo.as_ref()) {
            builder = builder.username(user).password(password.expose());
        }
        builder.build().map(Some).map_err(|_| unusable())
    }
}
