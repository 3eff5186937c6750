//! Job: the machine: systemd, journal, configuration, clock.
//! Takes → gives: files and environment → settings; states → notifications.
//! May touch: /etc/windlass, the environment, systemd's sockets.
//! Never: interprets what a setting means for a cluster.
