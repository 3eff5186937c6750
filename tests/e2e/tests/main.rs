//! The program as its users meet it, on a real control plane.

mod bad_input;
mod commands;
mod crd_corpus;
mod faults;
mod features;
mod house;
mod leadership;
mod left_out;
mod main_job;
mod node;
mod older_flux;
mod status;
mod tenant;
mod transport;
mod uninstall;
