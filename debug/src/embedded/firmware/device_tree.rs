//! Writes the device tree that a1 points to. It describes only the devices that the embedded machine has.

use std::ops::Range;

use vm_fdt::{Error, FdtWriter};

use crate::embedded::board::INSTRUCTIONS_PER_TICK;
use crate::embedded::bus::map;
use crate::embedded::conditions::Conditions;
use crate::riscv::{Extension, Isa, Xlen, board};

/// A tick of the `time` CSR is 100 ns, as on QEMU's board.
const TICKS_PER_SECOND: u32 = 10_000_000;
const CLOCK: u32 = TICKS_PER_SECOND * INSTRUCTIONS_PER_TICK as u32;
/// Handles by which nodes name each other: first each hart's and its interrupt controller's, then these.
const PLIC: u32 = 1;
const FINISHER: u32 = 2;
/// The interrupts of a hart, by their numbers in its interrupt controller.
const SUPERVISOR_EXTERNAL: u32 = 9;
const MACHINE_SOFTWARE: u32 = 3;
const MACHINE_TIMER: u32 = 7;
const MACHINE_EXTERNAL: u32 = 11;
/// What OpenSBI writes in place of an interrupt that is not the kernel's.
const NOT_CONNECTED: u32 = u32::MAX;

/// What differs from one machine to another.
#[derive(Clone, Debug, Default)]
pub struct Contents<'a> {
    /// In bytes.
    pub ram_size: u64,
    /// The ids of the harts.
    pub harts: Vec<u64>,
    /// What the hart executes.
    pub isa: Isa,
    /// The kernel's command line (`bootargs`).
    pub command_line: Option<&'a str>,
    /// Where the initrd lies, physically.
    pub initrd: Option<Range<u64>>,
    /// It is the kernel's, as a firmware in the host leaves it; else it is the board's own.
    pub is_handed_over: bool,
}

/// The blob for a machine.
///
/// # Errors
/// Where the command line holds a zero byte.
pub fn build(contents: &Contents<'_>, conditions: &Conditions) -> Result<Vec<u8>, Error> {
    let mut tree = FdtWriter::new()?;
    let root = tree.begin_node("")?;
    tree.property_u32("#address-cells", 2)?;
    tree.property_u32("#size-cells", 2)?;
    tree.property_string("compatible", "riscv-virtio")?;
    tree.property_string("model", "riscv-virtio,embedded")?;
    write_chosen(&mut tree, contents)?;
    write_memory(&mut tree, contents.ram_size, conditions)?;
    if contents.is_handed_over {
        write_reserved(&mut tree)?;
    }
    write_harts(&mut tree, contents, conditions)?;
    write_devices(&mut tree, contents)?;
    tree.end_node(root)?;
    tree.finish()
}

/// The handles of hart `number`, and of its interrupt controller.
fn hart(number: usize) -> u32 {
    2 * number as u32 + 1
}

fn interrupt_controller(number: usize) -> u32 {
    hart(number) + 1
}

impl Contents<'_> {
    fn handle(&self, of: u32) -> u32 {
        2 * self.harts.len() as u32 + of
    }
}

/// What the firmware tells the kernel (Devicetree Specification, section "/chosen Node"; QEMU, hw/riscv/boot.c).
fn write_chosen(tree: &mut FdtWriter, contents: &Contents<'_>) -> Result<(), Error> {
    let chosen = tree.begin_node("chosen")?;
    tree.property_string("stdout-path", "/soc/serial@10000000")?;
    if let Some(command_line) = contents.command_line {
        tree.property_string("bootargs", command_line)?;
    }
    if let Some(initrd) = &contents.initrd {
        tree.property_u64("linux,initrd-start", initrd.start)?;
        tree.property_u64("linux,initrd-end", initrd.end)?;
    }
    tree.end_node(chosen)
}

fn write_memory(tree: &mut FdtWriter, ram_size: u64, conditions: &Conditions) -> Result<(), Error> {
    let memory = tree.begin_node("memory@80000000")?;
    tree.property_string("device_type", "memory")?;
    if conditions.memory_in_pieces {
        let half = ram_size / 2;
        tree.property_array_u64("reg", &[map::RAM_BASE, half, map::RAM_BASE + half, ram_size - half])?;
    } else {
        tree.property_array_u64("reg", &[map::RAM_BASE, ram_size])?;
    }
    tree.end_node(memory)
}

/// The memory that the firmware keeps to itself.
fn write_reserved(tree: &mut FdtWriter) -> Result<(), Error> {
    let reserved = tree.begin_node("reserved-memory")?;
    tree.property_u32("#address-cells", 2)?;
    tree.property_u32("#size-cells", 2)?;
    tree.property_null("ranges")?;
    let firmware = tree.begin_node("mmode_resv0@80000000")?;
    tree.property_array_u64("reg", &[map::RAM_BASE, map::FIRMWARE_END - map::RAM_BASE])?;
    tree.property_null("no-map")?;
    tree.end_node(firmware)?;
    tree.end_node(reserved)
}

fn write_harts(tree: &mut FdtWriter, contents: &Contents<'_>, conditions: &Conditions) -> Result<(), Error> {
    let isa = shown_isa(contents.isa, conditions);
    let cpus = tree.begin_node("cpus")?;
    tree.property_u32("#address-cells", 1)?;
    tree.property_u32("#size-cells", 0)?;
    tree.property_u32("timebase-frequency", TICKS_PER_SECOND)?;
    for (number, id) in contents.harts.iter().enumerate() {
        write_hart(tree, (number, *id), isa, conditions)?;
    }
    let map = tree.begin_node("cpu-map")?;
    let cluster = tree.begin_node("cluster0")?;
    for number in 0..contents.harts.len() {
        let core = tree.begin_node(&format!("core{number}"))?;
        tree.property_u32("cpu", hart(number))?;
        tree.end_node(core)?;
    }
    tree.end_node(cluster)?;
    tree.end_node(map)?;
    tree.end_node(cpus)
}

fn write_hart(
    tree: &mut FdtWriter,
    (number, id): (usize, u64),
    isa: Isa,
    conditions: &Conditions,
) -> Result<(), Error> {
    let node = tree.begin_node(&format!("cpu@{id}"))?;
    tree.property_string("device_type", "cpu")?;
    tree.property_u32("reg", id as u32)?;
    tree.property_string("status", "okay")?;
    tree.property_string("compatible", "riscv")?;
    tree.property_u32("clock-frequency", CLOCK)?;
    tree.property_phandle(hart(number))?;
    let (letters, mut names) = isa.names();
    if conditions.no_marking {
        names.push("svade");
    }
    // What every hart has by single letters, and by names: Devicetree binding riscv/extensions.yaml.
    tree.property_string("riscv,isa-base", isa.base())?;
    let all = letters.chars().map(String::from).chain(names.iter().map(|name| (*name).into()));
    tree.property_string_list("riscv,isa-extensions", all.collect())?;
    let separated: String = names.iter().flat_map(|name| ["_", name]).collect();
    tree.property_string("riscv,isa", &format!("rv{}{letters}{separated}", isa.xlen.bits()))?;
    for (extension, name) in [
        (Extension::Zicbom, "riscv,cbom-block-size"),
        (Extension::Zicbop, "riscv,cbop-block-size"),
        (Extension::Zicboz, "riscv,cboz-block-size"),
    ] {
        if isa.has(extension) {
            tree.property_u32(name, board::CACHE_BLOCK as u32)?;
        }
    }
    let widest = match isa.xlen {
        Xlen::Rv32 => "riscv,sv32",
        Xlen::Rv64 => "riscv,sv57",
    };
    tree.property_string("mmu-type", widest)?;
    let controller = tree.begin_node("interrupt-controller")?;
    tree.property_u32("#interrupt-cells", 1)?;
    tree.property_null("interrupt-controller")?;
    tree.property_string("compatible", "riscv,cpu-intc")?;
    tree.property_phandle(interrupt_controller(number))?;
    tree.end_node(controller)?;
    tree.end_node(node)
}

/// What this machine has of what the hart is to have. Vectors it has not, and under some conditions it has less.
fn shown_isa(isa: Isa, conditions: &Conditions) -> Isa {
    let is_less = [
        (Extension::Vector, true),
        (Extension::Zicntr, conditions.no_counters),
        (Extension::Svadu, conditions.no_marking),
    ];
    let without = is_less.into_iter().filter(|(_, is_less)| *is_less);
    let extensions = without.fold(isa.extensions, |set, (extension, _)| set.with(extension, false));
    Isa { extensions, ..isa }
}

fn write_devices(tree: &mut FdtWriter, contents: &Contents<'_>) -> Result<(), Error> {
    let soc = tree.begin_node("soc")?;
    tree.property_u32("#address-cells", 2)?;
    tree.property_u32("#size-cells", 2)?;
    tree.property_string("compatible", "simple-bus")?;
    tree.property_null("ranges")?;
    let plic = contents.handle(PLIC);

    let clock = tree.begin_node("rtc@101000")?;
    write_interrupt(tree, plic, board::CLOCK_INTERRUPT)?;
    tree.property_array_u64("reg", &[board::CLOCK, 0x1000])?;
    tree.property_string("compatible", "google,goldfish-rtc")?;
    tree.end_node(clock)?;

    let uart = tree.begin_node("serial@10000000")?;
    write_interrupt(tree, plic, board::UART_INTERRUPT)?;
    tree.property_string("compatible", "ns16550a")?;
    // QEMU's has 8 bytes too, and says so.
    tree.property_array_u64("reg", &[map::UART, 0x100])?;
    tree.property_u32("clock-frequency", 3_686_400)?;
    tree.end_node(uart)?;

    let finisher = tree.begin_node("test@100000")?;
    tree.property_string_list("compatible", vec!["sifive,test1".into(), "sifive,test0".into(), "syscon".into()])?;
    tree.property_array_u64("reg", &[map::FINISHER, map::FINISHER_SIZE])?;
    tree.property_phandle(contents.handle(FINISHER))?;
    tree.end_node(finisher)?;
    write_virtio(tree, plic)?;
    write_interrupt_controllers(tree, contents)?;
    tree.end_node(soc)?;

    for (name, compatible, value) in
        [("poweroff", "syscon-poweroff", board::FINISHER_PASS), ("reboot", "syscon-reboot", board::FINISHER_RESET)]
    {
        let node = tree.begin_node(name)?;
        tree.property_string("compatible", compatible)?;
        tree.property_u32("value", value)?;
        tree.property_u32("offset", 0)?;
        tree.property_u32("regmap", contents.handle(FINISHER))?;
        tree.end_node(node)?;
    }
    Ok(())
}

/// The interrupt that a device raises.
fn write_interrupt(tree: &mut FdtWriter, plic: u32, source: u32) -> Result<(), Error> {
    tree.property_u32("interrupts", source)?;
    tree.property_u32("interrupt-parent", plic)
}

/// All slots, whether there is a device or not; the last first, as on QEMU.
fn write_virtio(tree: &mut FdtWriter, plic: u32) -> Result<(), Error> {
    for slot in (0..board::VIRTIO_SLOTS).rev() {
        let address = board::VIRTIO + slot as u64 * board::VIRTIO_STRIDE;
        let node = tree.begin_node(&format!("virtio_mmio@{address:x}"))?;
        write_interrupt(tree, plic, board::VIRTIO_INTERRUPT + slot as u32)?;
        tree.property_array_u64("reg", &[address, board::VIRTIO_STRIDE])?;
        tree.property_string("compatible", "virtio,mmio")?;
        tree.end_node(node)?;
    }
    Ok(())
}

/// The PLIC, and the CLINT, which the firmware keeps to itself.
fn write_interrupt_controllers(tree: &mut FdtWriter, contents: &Contents<'_>) -> Result<(), Error> {
    let controllers = || (0..contents.harts.len()).map(interrupt_controller);
    let plic = tree.begin_node("plic@c000000")?;
    tree.property_phandle(contents.handle(PLIC))?;
    tree.property_u32("riscv,ndev", board::INTERRUPT_SOURCES)?;
    tree.property_array_u64("reg", &[board::INTERRUPT_CONTROLLER, board::INTERRUPT_CONTROLLER_SIZE])?;
    let of_machine = if contents.is_handed_over { NOT_CONNECTED } else { MACHINE_EXTERNAL };
    let contexts = controllers().flat_map(|hart| [hart, of_machine, hart, SUPERVISOR_EXTERNAL]);
    tree.property_array_u32("interrupts-extended", &contexts.collect::<Vec<_>>())?;
    tree.property_null("interrupt-controller")?;
    tree.property_string_list("compatible", vec!["sifive,plic-1.0.0".into(), "riscv,plic0".into()])?;
    tree.property_u32("#address-cells", 0)?;
    tree.property_u32("#interrupt-cells", 1)?;
    tree.end_node(plic)?;

    let clint = tree.begin_node("clint@2000000")?;
    let interrupts = controllers().flat_map(|hart| [hart, MACHINE_SOFTWARE, hart, MACHINE_TIMER]);
    tree.property_array_u32("interrupts-extended", &interrupts.collect::<Vec<_>>())?;
    tree.property_array_u64("reg", &[board::CLINT, board::CLINT_SIZE])?;
    tree.property_string_list("compatible", vec!["sifive,clint0".into(), "riscv,clint0".into()])?;
    tree.end_node(clint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_with_the_magic_and_its_own_length() {
        let tree =
            build(&Contents { ram_size: 128 << 20, harts: vec![0], ..Contents::default() }, &Conditions::default())
                .unwrap();
        assert_eq!(tree[..4], board::DEVICE_TREE_MAGIC.to_be_bytes());
        assert_eq!(tree[4..8], (tree.len() as u32).to_be_bytes());
    }

    #[test]
    fn a_command_line_that_a_tree_cannot_hold_is_an_error() {
        let contents = Contents { ram_size: 128 << 20, command_line: Some("quiet\0"), ..Contents::default() };
        assert!(build(&contents, &Conditions::default()).is_err());
    }
}
