//! The room as its users see it: goldens made by kustomize, Flux's own rules, bad input.

mod errors;
mod flux;
mod goldens;
mod support;
