//! The sections that open ports: none is open unless the config says so.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::config::inputs::{Located, SectionReader};

/// `[receiver]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverSettings {
    /// Where webhooks come in; nowhere unless it is set.
    pub listen: Option<SocketAddr>,
}

/// `[metrics]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricsSettings {
    /// Where Prometheus asks; nowhere unless it is set.
    pub listen: Option<SocketAddr>,
}

/// `[peers]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeersSettings {
    /// Where the other nodes ask for copies.
    pub listen: PeersListen,
}

/// Where the other nodes ask for copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeersListen {
    /// At the address at which the cluster knows this node, as soon as there are others.
    #[default]
    Node,
    /// There.
    At(SocketAddr),
    /// Nowhere, and this node asks nobody.
    Off,
}

/// The port where nodes ask each other, unless the config says another.
pub const PEERS_PORT: u16 = 9294;

/// `[page]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSettings {
    /// Where a browser asks for the status page; nowhere unless it is set.
    pub listen: Option<SocketAddr>,
    /// What a browser has to know; not asked for where only this node reaches the port.
    pub token_file: Option<PathBuf>,
}

pub(super) fn page(section: &mut SectionReader<'_>) -> PageSettings {
    let token_file = section.path("token_file").map(|path| path.value);
    let written = section.text("listen").map(|listen| listen.origin);
    let address = listen(section);
    let is_open = address.is_some_and(|address| !address.ip().is_loopback());
    if let Some(origin) = written.filter(|_| is_open && token_file.is_none()) {
        let message = "is an address that others reach, so token_file has to name a file with a token: make one with \
             `openssl rand -hex 16`, or listen at 127.0.0.1";
        section.wrong(&origin, "listen", message);
    }
    PageSettings {
        listen: address,
        token_file,
    }
}

pub(super) fn peers(section: &mut SectionReader<'_>) -> PeersSettings {
    let is_off = section
        .text("listen")
        .is_some_and(|listen| listen.value == "off");
    let listen = match is_off {
        true => PeersListen::Off,
        false => listen(section).map_or(PeersListen::Node, PeersListen::At),
    };
    PeersSettings { listen }
}

pub(super) fn metrics(section: &mut SectionReader<'_>) -> MetricsSettings {
    MetricsSettings {
        listen: listen(section),
    }
}

pub(super) fn receiver(section: &mut SectionReader<'_>) -> ReceiverSettings {
    ReceiverSettings {
        listen: listen(section),
    }
}

/// An address of this node and a port, such as `0.0.0.0:9292` or `[::]:9292`.
fn listen(section: &mut SectionReader<'_>) -> Option<SocketAddr> {
    let Located { value, origin } = section.text("listen")?;
    let address = value.parse::<SocketAddr>().ok();
    let address = address.filter(|address| address.port() != 0);
    if address.is_none() {
        let message = format!(
            "must be an address of this node and a port, such as \"0.0.0.0:9292\", not {value:?}"
        );
        section.wrong(&origin, "listen", &message);
    }
    address
}

/// How the rest of the cluster reaches this node: an address that others can use.
pub(super) fn address(section: &mut SectionReader<'_>) -> Option<IpAddr> {
    let Located { value, origin } = section.text("address")?;
    let address = value.parse::<IpAddr>().ok();
    let address = address.filter(|address| !address.is_loopback() && !address.is_unspecified());
    if address.is_none() {
        let message =
            format!("must be an IP address at which the cluster reaches this node, not {value:?}");
        section.wrong(&origin, "address", &message);
    }
    address
}
