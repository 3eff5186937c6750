//! The state of a process that dies: at any moment, at every system call that changes the disk.

#[cfg(test)]
mod child;
#[cfg(test)]
mod crash;
