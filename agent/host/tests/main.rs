//! The room against the real thing: systemd's own tools and a service manager's sockets.

#[cfg(test)]
mod service_manager;
#[cfg(test)]
mod units;
