//! Job: the event loop: one short chain of stages per kind, leadership, and the one place that writes status.
//! Takes → gives: events → outcomes.
//! May touch: the world only through the rooms below.
//! Never: decides trust, parses YAML or speaks HTTP itself.
