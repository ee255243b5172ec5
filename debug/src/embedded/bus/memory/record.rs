//! Records loads, stores and changes of sp for an observer, in order. It does not know the observer.

use std::ops::Range;

use super::{At, Memory, from_bytes};
use crate::embedded::bus::dma::Moment;
use crate::embedded::bus::map::Region;
use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::decode::{Kind, Operation};
use crate::embedded::hart::state::{Hart, Privilege};
use crate::machine::{
    Address, CameBack, HartEvent, Interest, Jump, JumpKind, Load, OtherHart, StackPointerMove, Store, TakenTrap,
};
use crate::riscv::{Register, board};

/// How many events are recorded before the run pauses and passes them on.
const AT_ONCE: usize = 4096;
/// Within so many instructions of a read of the clock, another instruction reads a part of the same time.
const PARTS: u64 = 32;

/// What was observed of one instruction.
#[derive(Clone, Debug)]
pub enum Observation {
    Store(Store),
    Load(Load),
    OtherStore(OtherHart, Store),
    OtherLoad(OtherHart, Load),
    StackPointer(StackPointerMove),
    OtherStackPointer(OtherHart, StackPointerMove),
    Jump(Jump),
    Hart(HartEvent),
    CameBack(Box<CameBack>),
}

pub struct Record {
    interest: Interest,
    events: Vec<Observation>,
    /// It is time to show what was gathered.
    due: bool,
    /// The last read of the clock that was told: its instruction, and its icount.
    clock_read: Option<(Address, u64)>,
}

impl Record {
    pub fn set_due(&mut self) {
        self.due = true;
    }

    /// Whether a store to one of so many bytes is wanted; `by_other`: one of a hart that is not observed.
    fn wants_store(&self, by_other: bool, physical: u64, length: usize) -> bool {
        let wanted = if by_other { Some(&self.interest.other_stores) } else { self.interest.stores.as_ref() };
        wanted.is_none_or(|ranges| touches(ranges, physical, length as u64))
    }

    fn wants_load(&self, by_other: bool, physical: u64, length: usize) -> bool {
        let wanted = if by_other { &self.interest.other_loads } else { &self.interest.loads };
        touches(wanted, physical, length as u64)
    }

    /// `goes_back`: sp was set upwards, over frames that may be in use. `by`: the hart, if it is not the one that is observed.
    fn wants_move(&self, by: Option<OtherHart>, old: u64, new: u64, goes_back: bool) -> bool {
        let within = |range: &Range<Address>, sp| range.start.0 <= sp && sp <= range.end.0;
        let quiet = |range: &Range<Address>| within(range, old) && within(range, new);
        let (own, others) = (&self.interest.quiet_stacks, &self.interest.other_quiet_stacks);
        match by {
            None => own.as_ref().is_some_and(|ranges| goes_back || !ranges.iter().any(quiet)),
            Some(by) => others
                .as_ref()
                .is_some_and(|ranges| !ranges.iter().any(|(hart, range)| *hart == by.hart && quiet(range))),
        }
    }

    /// Whether a move may be wanted.
    fn wants_moves(&self, by_other: bool) -> bool {
        let Interest { quiet_stacks, other_quiet_stacks, .. } = &self.interest;
        if by_other { other_quiet_stacks.is_some() } else { quiet_stacks.is_some() }
    }
}

fn touches(ranges: &[Range<Address>], start: u64, length: u64) -> bool {
    ranges.iter().any(|range| start < range.end.0 && range.start.0 < start.saturating_add(length))
}

/// The first address of the page.
fn page_of(physical: u64) -> u64 {
    physical / PAGE as u64 * PAGE as u64
}

impl Memory {
    /// Whether all that happens to the hart is recorded.
    pub fn is_recording(&self) -> bool {
        self.own_record().is_some()
    }

    /// The record, while the hart executes that is observed.
    #[inline(always)]
    fn own_record(&self) -> Option<&Record> {
        self.record.as_ref().filter(|_| self.other.is_none())
    }

    /// Whether stores to the page of this physical address must be recorded.
    pub(super) fn wants_store_to_page(&self, physical: u64) -> bool {
        let record = self.record.as_ref();
        record.is_some_and(|record| record.wants_store(self.other.is_some(), page_of(physical), PAGE))
    }

    pub(super) fn wants_load_of_page(&self, physical: u64) -> bool {
        let record = self.record.as_ref();
        record.is_some_and(|record| record.wants_load(self.other.is_some(), page_of(physical), PAGE))
    }

    /// Starts or ends recording.
    pub fn set_recording(&mut self, interest: Option<Interest>) {
        // Accesses that used the fast path must be noticed now.
        self.flush_everywhere();
        self.record = interest.map(|interest| Record { interest, events: Vec::new(), due: false, clock_read: None });
    }

    /// Changes what is recorded.
    pub fn set_interest(&mut self, interest: Interest) {
        if let Some(record) = &mut self.record {
            record.interest = interest;
            self.flush_everywhere();
        }
    }

    /// The events since the last call.
    pub fn take_events(&mut self) -> Vec<Observation> {
        let Some(record) = &mut self.record else { return Vec::new() };
        record.due = false;
        std::mem::take(&mut record.events)
    }

    /// Whether what was recorded is to be shown before anything else is executed.
    pub fn record_is_due(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.due)
    }

    fn push(&mut self, event: Observation) {
        let Some(record) = &mut self.record else { return };
        record.events.push(event);
        if record.events.len() >= AT_ONCE {
            self.pause();
        }
    }

    /// Records an event of the hart, if it is observed.
    pub fn note(&mut self, event: HartEvent) {
        if self.is_recording() {
            self.push(Observation::Hart(event));
        }
    }

    /// Like [`Memory::note`], for a trap that a handler took. It may be shown before anything else is executed.
    pub fn note_trap(&mut self, trap: TakenTrap) {
        self.note(HartEvent::Trap(trap));
        if self.own_record().is_some_and(|record| record.interest.prompt_traps) {
            self.pause();
        }
    }

    /// Whether a hart executes that is not observed.
    pub fn is_of_another_hart(&self) -> bool {
        self.other.is_some()
    }

    /// Like [`Memory::note`], for a return to code that was interrupted. It is shown before anything else is executed.
    pub fn note_came_back(&mut self, back: CameBack) {
        if self.is_recording() {
            self.push(Observation::CameBack(Box::new(back)));
            self.pause();
        }
    }

    /// Like [`Memory::note`], for a read of time, of a counter or of pending interrupts by the instruction at `pc`.
    pub fn note_clock_read(&mut self, icount: u64, read_by: Address, now: u64) {
        let Some(record) = self.record.as_mut().filter(|_| self.other.is_none()) else { return };
        let since = match record.clock_read {
            // The time may be read in parts, as RV32 does. The first one stands for all.
            Some((first, before)) if first != read_by && icount.wrapping_sub(before) < PARTS => return,
            Some((_, before)) => icount.saturating_sub(before),
            None => 0,
        };
        record.clock_read = Some((read_by, icount));
        match record.events.last_mut() {
            Some(Observation::Hart(HartEvent::ClockRead { icount: last, pc, time, gap, reads }))
                if *pc == read_by && *gap == since =>
            {
                (*last, *time) = (icount, now);
                *reads += 1;
            }
            _ => self.note(HartEvent::ClockRead { icount, pc: read_by, time: now, gap: since, reads: 1 }),
        }
    }

    /// The same where a load reads a device's register that tells the time.
    pub fn note_time_read(&mut self, physical: u64, now: Moment) {
        if board::tells_time(physical) {
            self.note_clock_read(now.icount, Address(self.at.pc), self.devices.clint.time(now.ticks()));
        }
    }

    /// Like [`Memory::note`], for a printed byte.
    pub fn note_printed(&mut self) {
        if let Some(races) = &mut self.races {
            races.was_seen();
        }
        self.note(HartEvent::Printed { icount: self.at.icount });
    }

    /// Like [`Memory::note`], for a request for input when there is none.
    pub fn note_poll(&mut self) {
        self.note(HartEvent::Poll { icount: self.at.icount, pc: Address(self.at.pc) });
    }

    /// Like [`Memory::note`], for a read at this physical address, where no device is.
    pub fn note_absent(&mut self, address: u64) {
        self.note(HartEvent::Absent { icount: self.at.icount, pc: Address(self.at.pc), address: Address(address) });
    }

    /// Whether moves of sp are recorded.
    #[inline(always)]
    pub fn follows_stack_pointer(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.wants_moves(self.other.is_some()))
    }

    /// Looks at sp after the instruction at `pc`, before which `icount` were executed, as [`Memory::record_stack_pointer`] does.
    pub fn follow_stack_pointer(&mut self, icount: u64, pc: u64, operation: &Operation, sp: u64) {
        self.at = At { icount, pc, sp: self.known_sp };
        self.known_sp = sp;
        self.record_stack_pointer(operation, sp);
        // Who executes the instruction by itself looks, too.
        self.at.sp = sp;
    }

    /// Looks at sp after `operation`, for which [`Memory::at`] was kept. A move that somebody is interested in is shown at once.
    #[inline(always)]
    pub fn record_stack_pointer(&mut self, operation: &Operation, sp: u64) {
        if sp != self.at.sp {
            self.record_move(operation, sp);
        }
    }

    #[cold]
    fn record_move(&mut self, operation: &Operation, new: u64) {
        let At { icount, pc, sp: old } = self.at;
        let of_sp = match operation.kind {
            Kind::Addi | Kind::Sub => operation.rs1 == Register::SP,
            Kind::Add => operation.rs1 == Register::SP || operation.rs2 == Register::SP,
            _ => false,
        };
        let goes_back = !of_sp && new > old;
        let wanted = self.record.as_ref().is_some_and(|record| record.wants_move(self.other, old, new, goes_back));
        if self.fetch_context.privilege == Privilege::User || !wanted {
            return;
        }
        let partial = matches!(operation.kind, Kind::Lui | Kind::Auipc | Kind::Slli | Kind::Addiw);
        let (pc, old, new) = (Address(pc), Address(old), Address(new));
        let moved = StackPointerMove { icount, pc, old, new, relative: of_sp, partial };
        self.push(
            self.other.map_or(Observation::StackPointer(moved), |other| Observation::OtherStackPointer(other, moved)),
        );
        self.pause();
    }

    /// Whether jumps are recorded.
    #[inline(always)]
    pub fn wants_jumps(&self) -> bool {
        self.own_record().is_some_and(|record| record.interest.jumps)
    }

    /// Looks at where the hart continues after `operation`, for which [`Memory::at`] was kept.
    pub fn record_jump(&mut self, operation: &Operation, next: u64) {
        if self.wants_jumps() {
            let At { icount, pc, sp } = self.at;
            let end = pc.wrapping_add(operation.length.into());
            self.push_jump(operation, end, next, At { icount, pc, sp });
        }
    }

    /// As [`Memory::record_jump`], after a block that began at `begin` and was left by an instruction, with its bytes until then.
    pub fn record_exit(&mut self, left_by: Option<(&Operation, u64)>, begin: u64, icount: u64, hart: &Hart) {
        if let Some((operation, length)) = left_by {
            let end = begin.wrapping_add(length);
            let pc = end.wrapping_sub(operation.length.into());
            self.push_jump(
                operation,
                end,
                hart.pc,
                At { icount: icount.wrapping_sub(1), pc, sp: hart.x(Register::SP) },
            );
        }
    }

    fn push_jump(&mut self, operation: &Operation, end: u64, next: u64, at: At) {
        const LINKS: [u8; 2] = [Register::RA, Register::T0];
        if next == end {
            return;
        }
        let kind = match operation.kind {
            Kind::Jal | Kind::Jalr if LINKS.contains(&operation.rd) => JumpKind::Call(Address(end)),
            Kind::Jalr if LINKS.contains(&operation.rs1) => JumpKind::Return,
            _ => JumpKind::Other,
        };
        let At { icount, pc, sp } = at;
        self.push(Observation::Jump(Jump { icount, pc: Address(pc), to: Address(next), sp: Address(sp), kind }));
    }

    pub(super) fn record_load(&mut self, physical: u64, address: u64, length: usize, value: u64) {
        let Some(record) = &self.record else { return };
        if record.wants_load(self.other.is_some(), physical, length) {
            let At { icount, pc, .. } = self.at;
            let (pc, address, physical) = (Address(pc), Address(address), Address(physical));
            let load = Load { icount, pc, address, physical, length: length as u8, value };
            self.push(self.other.map_or(Observation::Load(load), |other| Observation::OtherLoad(other, load)));
        }
    }

    /// Records a store before it is made. Its first `head` bytes go to `first` and the others to `second`.
    pub(super) fn record_store(
        &mut self,
        first: u64,
        second: Option<u64>,
        address: u64,
        value: u64,
        length: usize,
        head: usize,
    ) {
        let wants = |record: &Record| record.wants_store(self.other.is_some(), first, length);
        if !self.record.as_ref().is_some_and(wants) {
            return;
        }
        let peek = |physical, length| match Region::of(physical) {
            Region::Ram(offset) => self.ram.bytes(offset, length).map(from_bytes),
            _ => None,
        };
        let low = peek(first, head);
        let high = second.map_or(Some(0), |second| peek(second, length - head));
        let (Some(low), Some(high)) = (low, high) else { return };
        let old = low | if head < 8 { high << (8 * head) } else { 0 };
        let new = if length < 8 { value & ((1 << (8 * length)) - 1) } else { value };
        let At { icount, pc, sp } = self.at;
        let (pc, sp, address, physical) = (Address(pc), Address(sp), Address(address), Address(first));
        let store = Store { icount, pc, sp, address, physical, length: length as u8, old, new };
        self.push(self.other.map_or(Observation::Store(store), |other| Observation::OtherStore(other, store)));
        let is_prompt = |record: &Record| touches(&record.interest.prompt, first, length as u64);
        if new == 0 && (self.other.is_some() || self.record.as_ref().is_some_and(is_prompt)) {
            self.pause();
        }
    }
}
