//! The program as its users meet it, on a real control plane.

mod house;
mod main_job;
