//! The room as its users see it: goldens made by kustomize, Flux's own rules, bad input.

#[cfg(test)]
mod differential;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod flux;
#[cfg(test)]
mod goldens;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod secret_files;
#[cfg(test)]
mod substitution;
#[cfg(test)]
mod support;
mod threads;
