mod faults;
mod leading;
mod proxy;
mod reading;
mod support;
mod watching;
mod writing;
