//! windlass as it is installed: `install.sh`, the units, the reboot.

mod install;
mod life;
mod node;
