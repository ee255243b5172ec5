//! Starts the machine that a check asks for, and checks the boot on it. It does not show findings.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use debug::checks::{self, Finding, Layout, MemoryMap, Options};
use debug::embedded::Firmware;
use debug::{Embedded, Machine, Qemu, embedded, qemu};

use super::GRACE;
use super::keeper::Keeper;
use crate::cli::kernel::Kernel;
use crate::cli::machine_arg::MachineArg;
use crate::cli::narration;

/// The embedded machine as a companion, with as many harts where it can have them; `None` if the kernel does not fit into it.
pub fn companion(on: &MachineArg, kernel: &Kernel) -> Option<Embedded> {
    if !matches!(on, MachineArg::Qemu | MachineArg::Stub(_)) {
        return None;
    }
    let start = |options: &embedded::Options| Embedded::load(&kernel.image, options);
    start(&kernel.options).or_else(|_| start(&kernel.on_one_hart())).ok()
}

pub fn on_embedded(keeper: &Keeper<'_>, layout: &Layout, options: Options<'_>) -> anyhow::Result<Vec<Finding>> {
    let kernel = keeper.kernel;
    let (image, timeout) = (&kernel.image, options.timeout);
    match embedded(kernel) {
        Ok(mut machine) => {
            if let Some(replay) = keeper.replay {
                replay.recording.follow_clock(&mut machine);
            }
            let findings = checks::check(&mut machine, image, layout, options)?;
            keeper.keep(&mut machine, &findings, true)?;
            kernel.devices.finish(machine)?;
            Ok(findings)
        }
        Err(error) if error.is_about_the_kernel() => {
            let mut machine =
                Embedded::load(&debug::image::neutral_image(image.xlen()), &without_initrd(&kernel.options))?;
            let memory = MemoryMap::of_neutral(&mut machine, timeout)?;
            Ok(checks::refused(image, layout, memory.as_ref(), machine.name(), &error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

pub fn on_qemu(kernel: &Kernel, layout: &Layout, options: Options<'_>) -> anyhow::Result<Vec<Finding>> {
    let (image, timeout) = (&kernel.image, options.timeout);
    kernel.devices.check_for_qemu()?;
    narration::tell_machine(kernel.machine(), true);
    let mut qemu = match Qemu::start_machine(kernel.machine(), timeout + GRACE) {
        Ok(qemu) => qemu,
        Err(error) => match second_start(kernel, error, timeout)? {
            SecondStart::Refused { memory, words } => {
                return Ok(checks::refused(image, layout, memory.as_ref(), "qemu", &words));
            }
            SecondStart::Started(qemu) => *qemu,
        },
    };
    let findings = checks::check(qemu.machine(), image, layout, options);
    findings.with_context(|| last_words(&qemu))
}

/// What came of starting QEMU again after it had failed with the kernel.
enum SecondStart {
    /// QEMU starts with another kernel, and not with this one: it is the kernel. These are QEMU's words, and what memory there is.
    Refused { memory: Option<MemoryMap>, words: String },
    /// It was not the kernel.
    Started(Box<Qemu>),
}

/// Finds out whether it is because of the kernel that QEMU gave up.
///
/// # Errors
/// QEMU's own, where it does not start with another kernel either.
fn second_start(kernel: &Kernel, error: qemu::Error, timeout: Duration) -> anyhow::Result<SecondStart> {
    if !matches!(error, qemu::Error::Failed { .. }) {
        return Err(error.into());
    }
    // If no other kernel can be written, report QEMU's own reason.
    let Ok(mut neutral) = tempfile::NamedTempFile::new() else { return Err(error.into()) };
    if neutral.write_all(&debug::image::neutral(kernel.image.xlen())).is_err() {
        return Err(error.into());
    }
    let machine =
        qemu::MachineOptions { kernel: Some(neutral.path().to_owned()), initrd: None, ..kernel.machine().clone() };
    let Ok(mut qemu) = Qemu::start_machine(&machine, timeout + GRACE) else { return Err(error.into()) };
    let memory = MemoryMap::of_neutral(qemu.machine(), timeout)?;
    drop(qemu);
    match Qemu::start_machine(kernel.machine(), timeout + GRACE) {
        Ok(qemu) => Ok(SecondStart::Started(Box::new(qemu))),
        Err(qemu::Error::Failed { words, .. }) => Ok(SecondStart::Refused { memory, words }),
        Err(error) => Err(error.into()),
    }
}

pub fn embedded(kernel: &Kernel) -> Result<Embedded, embedded::Error> {
    Embedded::load(&kernel.image, &embedded::Options { races: true, ..kernel.options.clone() })
}

fn without_initrd(options: &embedded::Options) -> embedded::Options {
    embedded::Options { initrd: None, harts: 1, boot_hart: None, ..options.clone() }
}

/// Compares QEMU with the embedded machine. QEMU is the reference.
pub fn lockstep(kernel: &Kernel, layout: &Layout, timeout: Duration) -> anyhow::Result<Finding> {
    kernel.devices.check_for_qemu()?;
    let mut qemu = Qemu::start_machine(kernel.machine(), timeout + GRACE)?;
    // A firmware's calls are one step here: on QEMU it is left out.
    let options = embedded::Options { firmware: Firmware::Host, ..kernel.options.clone() };
    let mut other = Embedded::load(&kernel.image, &options)?;
    let finding = checks::lockstep::lockstep([qemu.machine(), &mut other], &kernel.image, layout, timeout);
    finding.with_context(|| last_words(&qemu))
}

/// Adds QEMU's own messages to an error, because they may be the reason.
fn last_words(qemu: &Qemu) -> String {
    let words = qemu.words();
    let words: Vec<&str> = words.lines().filter(|line| !line.starts_with("+ ")).collect();
    match words.is_empty() {
        true => "no verdict".into(),
        false => format!("no verdict; QEMU said: {}", words.join("\n")),
    }
}
