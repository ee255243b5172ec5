//! Watches a RISC-V kernel boot: reads its image, runs it on a machine, and judges what happens.
//!
//! - [`Image`]: a kernel's file, with its symbols, segments, source lines and backtraces.
//! - [`Machine`]: registers, memory, breakpoints, watchpoints, steps. [`Qemu`] starts one, [`Remote`] attaches to one.
//! - [`Embedded`]: a deterministic machine in this process, with its whole history.
//! - [`checks`]: the seven checks of a boot; [`report`] writes their findings.
//!
//! It does not print and does not exit; the command `cargo debug` in `main.rs` does.
//!
//! ```no_run
//! use debug::checks::{self, Layout, Names, Options, Status};
//! use debug::{Image, Qemu};
//! use std::{path::Path, time::Duration};
//!
//! let kernel = Path::new("hypervisor.elf");
//! let image = Image::open(kernel)?;
//! let layout = Layout::of(&image, Names::default())?;
//! let mut qemu = Qemu::start(kernel, Duration::from_secs(20))?;
//! let findings = checks::check(qemu.machine(), &image, &layout, Options::default())?;
//! for finding in findings.iter().filter(|finding| finding.status != Status::Pass) {
//!     println!("{}: {}", finding.name, finding.summary);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::unwrap_used)]
#![warn(missing_docs)]

pub mod ask;
pub mod checks;
pub mod embedded;
pub mod endpoint;
pub mod guardian;
pub mod image;
pub mod machine;
pub mod output;
pub mod profile;
pub mod qemu;
pub mod recording;
pub mod remote;
pub mod report;
pub mod riscv;
pub mod rsp;
pub mod serve;
pub mod setting;

pub use embedded::Embedded;
pub use endpoint::Endpoint;
pub use image::Image;
pub use machine::Machine;
pub use qemu::Qemu;
pub use remote::Remote;
pub use riscv::Address;

/// The examples of README.md and docs/ci.md are compiled as the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/ci.md")]
struct Pages;
