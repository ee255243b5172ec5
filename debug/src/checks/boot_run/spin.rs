//! What a loop that changes no state waits for: the word in memory, or the register of a device, that decides whether it is left; or a
//! register that the loop never loads. It does not judge.
//!
//! The loop is followed with the origin of each register's value. A branch out of the loop whose condition was loaded
//! depends on that word.

use std::collections::{BTreeMap, BTreeSet};

use super::deeds::uart_register;
use super::event::{BootEnd, Spin};
use super::{BootRun, PATIENCE, firmware};
use crate::machine::{Address, Error, Register, Registers, Stop};
use crate::riscv::{self, Computation, Effect, Kind, Operands, board};

/// The longest loop that is followed, in instructions.
const LONGEST: u64 = 1024;
/// Registers of the UART that say whether there is input, by their offset (PC16550D, "Registers").
const RECEIVER: u64 = 0;
const INTERRUPT_IDENTITY: u64 = 2;
const LINE_STATUS: u64 = 5;
/// The register of a virtio slot that says which device it has, by its offset (virtio 1.2, "MMIO Device Register Layout"); 0 is none.
const DEVICE_ID: u64 = 0x8;

/// In bytes.
pub const WFI_LENGTH: u64 = 4;

/// What following a loop shows.
#[derive(Debug, PartialEq, Eq)]
pub enum Followed {
    /// The hart has left it: another hart has changed what it waited for.
    Left,
    /// `None` if nothing decides whether it is left, or if that is not known.
    Stays(Option<Decider>),
}

/// What decides whether a loop is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// A word, and where the hart goes then.
    Word(Spin, Address),
    /// A register from which the condition is computed, which the loop does not load, and the branch.
    Register(Register, Address),
}

/// Follows two rounds, each of so many instructions, of a loop that changes no state.
pub fn follow(run: &mut BootRun<'_>, instructions: u64) -> Result<Followed, Error> {
    const UNKNOWN: Followed = Followed::Stays(None);
    if instructions > LONGEST || run.in_user_mode()? {
        return Ok(UNKNOWN);
    }
    let others = run.machine.harts() > 1;
    let (mut origins, mut stored) = ([None::<Spin>; 32], BTreeMap::new());
    let (mut seen, mut ways_out) = (BTreeSet::new(), Vec::new());
    let (mut sources, mut by_registers) = (std::array::from_fn(Source::before), Vec::new());
    let mut registers = run.machine.registers()?;
    let start = registers.clone();
    // The first round gathers the origins of what is in registers where it begins.
    for number in 0..2 * instructions {
        if others && number == instructions && registers != start {
            return Ok(Followed::Left);
        }
        let pc = Address(registers.pc);
        seen.insert(pc);
        let bytes = run.instruction(pc)?;
        let Some(operation) = riscv::decode(run.image.xlen(), &bytes) else { return Ok(UNKNOWN) };
        let at = |base: u8, offset: i64| Address(registers.x[usize::from(base)].wrapping_add_signed(offset));
        let behind = pc + u64::from(operation.length);
        let mut loaded = None;
        let effect = operation.effect();
        match effect {
            // Some stubs cannot step one.
            Effect::Wfi if others && run.trace.is_none() => return Ok(UNKNOWN),
            Effect::Load { base, offset, bytes } => {
                let address = at(base, offset);
                let word = Spin::new(pc, address, bytes, matches!(operation.kind, Kind::LoadReserved(_)));
                // What the loop itself stored there is no news.
                loaded = Some(stored.get(&address).copied().unwrap_or(Some(word)));
            }
            Effect::Atomic { base, bytes } if matches!(operation.kind, Kind::Atomic(..)) => {
                loaded = Some(Some(Spin::new(pc, at(base, 0), bytes, true)));
            }
            Effect::Store { base, offset, .. } => {
                stored.insert(at(base, offset), origins[usize::from(operation.rs2)]);
            }
            _ if operation.reads_what_changes_by_itself() => {
                loaded = run.asked_software_interrupt(pc, &operation)?.map(Some);
            }
            _ => {}
        }
        if let Some(operands) = operation.operands() {
            let [one, other] = operands.sources.map(|source| origins[usize::from(source)]);
            origins[usize::from(operands.destination)] = loaded.unwrap_or(one.or(other));
            sources[usize::from(operands.destination)] = match loaded {
                Some(_) => Source::Unknown,
                None => Source::of(&operands, &sources),
            };
        }
        if effect == Effect::Wfi {
            pass(run, pc)?;
        } else if run.step(1, PATIENCE)?.1 != Stop::Stepped {
            return Ok(UNKNOWN);
        }
        registers = run.machine.registers()?;
        if let Effect::Branch { offset } = effect {
            let other = if registers.pc == behind.0 { Address(pc.0.wrapping_add_signed(offset)) } else { behind };
            let by = [operation.rs1, operation.rs2].into_iter().find_map(|source| origins[usize::from(source)]);
            ways_out.extend(by.map(|word| (other, word)));
            let [one, other_one] = [operation.rs1, operation.rs2].map(|source| sources[usize::from(source)]);
            if let Source::Register(register) = one.with(other_one)
                && number >= instructions
                && operation.rs1 != operation.rs2
            {
                by_registers.push((other, Decider::Register(Register::Gpr(register), pc)));
            }
        }
    }
    if others && registers != start {
        return Ok(Followed::Left);
    }
    let mut words = ways_out.iter().filter(|(other, _)| !seen.contains(other)).map(|(other, word)| (*word, *other));
    let word = words.clone().find(|(word, _)| word.is_lock).or_else(|| words.next());
    let register = by_registers.into_iter().find(|(other, _)| !seen.contains(other)).map(|(_, register)| register);
    Ok(Followed::Stays(word.map(|(word, way_out)| Decider::Word(word, way_out)).or(register)))
}

/// Lets a `wfi` return, as it may at any time.
pub fn pass(run: &mut BootRun<'_>, wfi: Address) -> Result<(), Error> {
    run.machine.write_register(Register::Pc, wfi.0 + WFI_LENGTH)
}

/// What the value of a register was computed from, after a round or more of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Constant,
    /// What this register held before the loop, and constants.
    Register(u8),
    /// Memory, a CSR, or something else that may change.
    Unknown,
}

impl Source {
    fn before(register: usize) -> Source {
        if register == 0 { Source::Constant } else { Source::Register(register as u8) }
    }

    /// Of the value that an instruction computes, which does not load.
    fn of(operands: &Operands, sources: &[Source; 32]) -> Source {
        let [one, other] = operands.sources.map(|source| sources[usize::from(source)]);
        match operands.computation {
            Computation::Upper => Source::Constant,
            Computation::AddImmediate | Computation::AddOrSubtract => one.with(other),
            Computation::Other if operands.sources != [0; 2] => one.with(other),
            _ => Source::Unknown,
        }
    }

    fn with(self, other: Source) -> Source {
        match (self, other) {
            (Source::Unknown, _) | (_, Source::Unknown) => Source::Unknown,
            (Source::Register(register), _) | (_, Source::Register(register)) => Source::Register(register),
            _ => Source::Constant,
        }
    }
}

/// The end of a kernel that polls: it waits for input, unless input would not change what it does.
pub fn confirm(run: &mut BootRun<'_>, end: BootEnd) -> Result<BootEnd, Error> {
    let BootEnd::Polls { at: Some(at) } = end else { return Ok(end) };
    let Effect::Load { base, offset, bytes } = run.effect(at)? else { return Ok(end) };
    if Address(run.machine.registers()?.pc) != at && firmware::run_to(run, &[at], PATIENCE)? != Stop::Breakpoint {
        return Ok(end);
    }
    let before = run.machine.registers()?;
    if Address(before.pc) != at {
        return Ok(end);
    }
    let address = Address(before.x[usize::from(base)].wrapping_add_signed(offset));
    let receives = match run.device_at(address)?.and_then(uart_register) {
        Some(offset) => leaves_with_input(run, &before, offset)?,
        None => receives(run, address)?,
    };
    Ok(if receives { end } else { BootEnd::Spins(Spin::new(at, address, bytes, false)) })
}

/// Whether a round that begins at the load takes another way if the register that it loads says that there is input. The hart is as
/// before then.
fn leaves_with_input(run: &mut BootRun<'_>, before: &Registers, offset: u64) -> Result<bool, Error> {
    let mut usual = Vec::new();
    for _ in 0..LONGEST {
        if run.step(1, PATIENCE)?.1 != Stop::Stepped {
            return Ok(true);
        }
        usual.push(run.machine.registers()?.pc);
        if usual.last() == Some(&before.pc) {
            break;
        }
    }
    let at = run.machine.registers()?;
    if at.pc != before.pc {
        return Ok(true);
    }
    let bytes = run.instruction(Address(at.pc))?;
    let Some(operands) = riscv::decode(run.image.xlen(), &bytes).and_then(|load| load.operands()) else {
        return Ok(true);
    };
    let mut leaves = false;
    for (index, pc) in usual.iter().enumerate() {
        run.step(1, PATIENCE)?;
        if index == 0 {
            let loaded = Register::Gpr(operands.destination);
            let value = run.machine.read_register(loaded)?;
            run.machine.write_register(loaded, with_input(offset, value))?;
        }
        if run.machine.registers()?.pc != *pc {
            leaves = true;
            break;
        }
    }
    let now = run.machine.registers()?;
    for number in (1..32).filter(|number| now.x[usize::from(*number)] != at.x[usize::from(*number)]) {
        run.machine.write_register(Register::Gpr(number), at.x[usize::from(number)])?;
    }
    run.machine.write_register(Register::Pc, at.pc)?;
    Ok(leaves)
}

/// What a register of the UART holds when there is input, by its value without.
fn with_input(offset: u64, value: u64) -> u64 {
    const FIFOS: u64 = 0xc0;
    match offset {
        RECEIVER => b'a'.into(),
        INTERRUPT_IDENTITY => value & FIFOS | 4,
        LINE_STATUS => value | 1,
        _ => value,
    }
}

/// Whether something from outside the machine can change this register of a device, or memory: the interrupt controller's registers do
/// when a key is typed, and so do those of a virtio device that receives, and the memory that it stores to.
pub fn receives(run: &mut BootRun<'_>, address: Address) -> Result<bool, Error> {
    let Some(register) = run.device_at(address)? else {
        return Ok(slots().any(|slot| is_receiver(run, slot)));
    };
    if let Some(slot) = slot_of(register) {
        return Ok(is_receiver(run, slot));
    }
    let in_controller = register.wrapping_sub(board::INTERRUPT_CONTROLLER) < board::INTERRUPT_CONTROLLER_SIZE;
    Ok(uart_register(register).is_some() || in_controller)
}

/// Whether a device works beside the hart, and may answer a request a little later.
pub fn has_started_device(run: &mut BootRun<'_>) -> bool {
    slots().any(|slot| started_device(run, slot).is_some())
}

/// The same of the slot with this number.
pub fn has_started_device_in(run: &mut BootRun<'_>, slot: u32) -> bool {
    slots().nth(slot as usize).is_some_and(|slot| started_device(run, slot).is_some())
}

/// Whether this is a register of a slot for a virtio device that has none.
pub fn is_empty_slot(run: &mut BootRun<'_>, address: Address) -> Result<bool, Error> {
    let slot = run.device_at(address)?.and_then(slot_of);
    Ok(slot.is_some_and(|slot| read(run, slot + DEVICE_ID) == Some(0)))
}

fn slot_of(register: u64) -> Option<Address> {
    slots().find(|slot| (slot.0..slot.0 + board::VIRTIO_STRIDE).contains(&register))
}

fn slots() -> impl Iterator<Item = Address> {
    (0..board::VIRTIO_SLOTS as u64).map(|slot| Address(board::VIRTIO + slot * board::VIRTIO_STRIDE))
}

fn is_receiver(run: &mut BootRun<'_>, slot: Address) -> bool {
    const RECEIVERS: [u32; 4] = [1, 3, 18, 19];
    started_device(run, slot).is_some_and(|device| RECEIVERS.contains(&device))
}

/// The kind of the virtio device in this slot (virtio 1.2, "Device Types"), if its driver has started it.
fn started_device(run: &mut BootRun<'_>, slot: Address) -> Option<u32> {
    const STATUS: u64 = 0x70;
    const DRIVER_OK: u32 = 4;
    let device = read(run, slot + DEVICE_ID)?;
    read(run, slot + STATUS).filter(|status| status & DRIVER_OK != 0).map(|_| device)
}

/// A word at a physical address.
fn read(run: &mut BootRun<'_>, address: Address) -> Option<u32> {
    let mut word = [0; 4];
    run.machine.read_physical(address, &mut word).ok().map(|()| u32::from_le_bytes(word))
}
