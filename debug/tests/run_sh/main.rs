//! run.sh as its users meet it, with real QEMU and real GDB. Where a machine is to lack something, a private PATH lacks it.

mod arguments;
mod install;
mod kills;
mod life;
mod log;
mod losses;
mod moved;
mod places;
mod reverse;
mod script;
mod steps;
mod wait;
use testkit::{kernels, processes};
