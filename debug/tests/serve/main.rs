//! `cargo debug serve` with real GDB, and with clients that are worse: travel in time, stops, monitor commands, endings.
//!
//! `GDB=...` runs them with another GDB than the first that knows RISC-V.

mod check;
mod client;
mod clients;
mod console;
mod gdb;
mod harts;
mod hostile;
mod numbers;
mod rom;
mod run_sh;
mod server;
mod stops;
mod terminal;
mod travel;
mod walk;
use testkit::kernels;
