//! Check `handoff`: does the firmware enter the kernel as the SBI's boot protocol requires?
//!
//! Sources: the Linux RISC-V boot protocol that OpenSBI follows (a0 = hart id, a1 = device tree, satp = 0), the RISC-V
//! privileged manual (sstatus.SIE, sie), the Devicetree Specification (section "Header": magic, big endian).

use super::boot_run::layout::Layout;
use super::boot_run::optional;
use super::finding::{Finding, Status};
use crate::image::Image;
use crate::machine::{Address, Error, Machine, Register, csr};
use crate::riscv::board::DEVICE_TREE_MAGIC;
use crate::riscv::status::{SUPERVISOR_MODE, sstatus};
use crate::setting::Setting;

pub const NAME: &str = "handoff";

/// Checks a machine that is at the kernel's entry.
pub fn check(machine: &mut dyn Machine, image: &Image, layout: &Layout) -> Result<Finding, Error> {
    let mut finding = Finding::new(NAME);
    finding.expected = "S-mode, a0 = hart id, a1 = device tree, satp = 0, interrupts off".into();
    finding.location = Some(image.place(layout.entry));
    let registers = machine.registers()?;
    let (hart, tree) = (registers.a0(), Address(registers.a1()));
    let mut seen = Vec::new();
    let mut faults = Vec::new();

    // What starts where RAM begins has no firmware and is in M-mode. Its CSRs are shown as those of S-mode.
    if let Some(mode) = optional(machine.read_register(Register::Priv))? {
        seen.push(mode_name(mode).to_owned());
        if mode != SUPERVISOR_MODE {
            faults.push(format!("the hart is in {}", mode_name(mode)));
        }
    }
    seen.push(format!("a0 = {hart}"));
    if let Some(id) = optional(machine.read_register(csr::MHARTID))?.filter(|id| *id != hart) {
        faults.push(format!("a0 is {hart:#x}, but the hart's id (mhartid) is {id}"));
    }
    match device_tree(machine, tree)? {
        Ok(bytes) => {
            seen.push(format!("a1 = {tree}, a device tree of {bytes} bytes"));
            finding.set("device_tree_bytes", bytes);
        }
        Err(fault) => {
            seen.push(format!("a1 = {tree}"));
            faults.push(fault);
        }
    }
    for (register, name, bits, what) in [
        (csr::SATP, "satp", u64::MAX, "addresses are translated"),
        (csr::SSTATUS, "sstatus", sstatus::SIE, "interrupts are on"),
        (csr::SIE, "sie", u64::MAX, "interrupts are enabled"),
    ] {
        if let Some(value) = optional(machine.read_register(register))? {
            seen.push(format!("{name} = {value:#x}"));
            if value & bits != 0 {
                faults.push(format!("{what}: {name} is {value:#x}"));
            }
        }
    }

    finding.found = seen.join(", ");
    finding.set("hart", hart);
    let harts = machine.harts();
    finding.set("harts", harts);
    let of_several = if harts > 1 { format!(" of {harts}") } else { String::new() };
    finding.set("device_tree", tree);
    match faults.is_empty() {
        true => {
            finding.status = Status::Pass;
            finding.summary = format!("S-mode, hart {hart}{of_several}, device tree at {tree}, satp 0, interrupts off");
        }
        false => finding.summary = format!("boot protocol violated at entry: {}", faults.join("; ")),
    }
    Ok(finding)
}

/// What happened instead of the arrival of the awaited hart.
pub struct NoArrival {
    /// The id of the awaited hart; any hart if it is `None`.
    pub boot_hart: Option<u64>,
    /// The ids of the harts that arrived.
    pub others: Vec<u64>,
    /// pc of the hart that stopped last.
    pub pc: Address,
}

impl NoArrival {
    /// Whether the hart at the entry is not the awaited one; records it.
    pub fn is_another(&mut self, machine: &mut dyn Machine) -> Result<bool, Error> {
        let Some(wanted) = self.boot_hart else { return Ok(false) };
        let id = match optional(machine.read_register(csr::MHARTID))? {
            Some(id) => id,
            None => machine.registers()?.a0(),
        };
        if id != wanted && !self.others.contains(&id) {
            self.others.push(id);
        }
        Ok(id != wanted)
    }
}

/// The finding for a kernel that the firmware did not enter, or not on the awaited hart.
pub fn never_arrived(image: &Image, layout: &Layout, missing: &NoArrival) -> Finding {
    let mut finding = Finding::new(NAME);
    let entry = &layout.names.entry;
    finding.summary = match (missing.boot_hart, &missing.others[..]) {
        (Some(wanted), []) => {
            format!("the firmware never jumped to {entry}: no hart arrived there, and hart {wanted} was awaited")
        }
        (Some(wanted), others) => {
            let others: Vec<_> = others.iter().map(u64::to_string).collect();
            let others = others.join(", ");
            finding.advice = Some(format!("without {}, because the firmware chooses the hart", Setting::BootHart));
            format!("hart {wanted} never reached {entry}, but hart {others} did")
        }
        (None, _) => format!("the firmware never jumped to {entry}"),
    };
    finding.expected = format!("the hart at {}", image.place(layout.entry));
    finding.found = format!("the hart at {}", image.place(missing.pc));
    finding.location = Some(image.place(missing.pc));
    finding
}

/// The size in bytes of the device tree at `address`, or a message about what is there instead.
fn device_tree(machine: &mut dyn Machine, address: Address) -> Result<Result<u32, String>, Error> {
    let mut header = [0; 8];
    match machine.read_memory(address, &mut header) {
        Err(Error::Refused { .. }) => return Ok(Err(format!("a1 is {address}, where there is no memory"))),
        read => read?,
    }
    let [magic, size] =
        [0, 4].map(|at| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
    Ok(if magic == DEVICE_TREE_MAGIC {
        Ok(size)
    } else {
        Err(format!(
            "a1 is {address}, but the word there is {magic:#010x}, not a device tree's {DEVICE_TREE_MAGIC:#010x}"
        ))
    })
}

fn mode_name(mode: u64) -> &'static str {
    match mode {
        0 => "U-mode",
        SUPERVISOR_MODE => "S-mode",
        3 => "M-mode",
        _ => "a mode that does not exist",
    }
}
