//! Job: the machine: systemd, journal, configuration, clock.
//! Takes → gives: files and environment → settings; states → notifications.
//! May touch: /etc/windlass, the folder of manifests, the environment, systemd's sockets.
//! Never: interprets what a setting means for a cluster.

pub mod changes;
pub mod clock;
pub mod config;
pub mod files;
pub mod folder;
pub mod identity;
pub mod log;
pub mod saved;
pub mod systemd;
