//! Going back: every moment is as it was, however it is reached.

use std::time::{Duration, Instant};

use debug::embedded::Options;
use debug::machine::{Access, Interest, Load, Observed, Observer, Register, StackPointerMove, Stop, Store, Watchpoint};
use debug::{Address, Embedded, Machine};
use proptest::prelude::*;

use crate::assembler::*;
use crate::kernel::*;
use crate::random::Random;

const PAGES: usize = 64;

fn run_to(machine: &mut Embedded, icount: u64) {
    assert_eq!(machine.goto(icount, LIMIT), Stop::Stepped);
    assert_eq!(machine.icount(), icount);
}

#[test]
fn any_moment_can_be_gone_to_in_any_order() {
    let mut machine = boot(&scribbler(PAGES as u64));
    let mut random = Random::new(7);
    let mut moments = Vec::new();
    let mut now = 0;
    while now < 3_000_000 {
        now += random.below(150_000);
        run_to(&mut machine, now);
        moments.push((now, digest(&mut machine, PAGES)));
    }
    for _ in 0..60 {
        let (icount, there) = &moments[random.below(moments.len() as u64) as usize];
        run_to(&mut machine, *icount);
        assert_eq!(digest(&mut machine, PAGES), *there, "after {icount}");
    }
}

#[test]
fn single_steps_back_undo_single_steps_forward() {
    let mut machine = boot(&scribbler(PAGES as u64));
    run_to(&mut machine, 120_000);
    let mut trail = vec![digest(&mut machine, PAGES)];
    for _ in 0..300 {
        assert_eq!(machine.step(1, LIMIT).unwrap(), (1, Stop::Stepped));
        trail.push(digest(&mut machine, PAGES));
    }
    for before in trail.iter().rev().skip(1) {
        assert_eq!(machine.reverse_step(1, LIMIT), (1, Stop::Stepped));
        assert_eq!(digest(&mut machine, PAGES), *before);
    }
    assert_eq!(machine.reverse_step(u64::MAX, LIMIT), (120_000, Stop::Beginning));
    assert_eq!((machine.icount(), pc(&mut machine)), (0, at(0)));
}

#[test]
fn steps_and_runs_lead_to_the_same() {
    let mut stepped = boot(&scribbler(4));
    for _ in 0..5_000 {
        stepped.step(1, LIMIT).unwrap();
    }
    let mut run = boot(&scribbler(4));
    run.step(5_000, LIMIT).unwrap();
    assert_eq!(digest(&mut stepped, 4), digest(&mut run, 4));
}

#[test]
fn reverse_resume_finds_the_last_hit_of_each_kind() {
    let code = scribbler(PAGES as u64);
    let store = code.len() - 3;
    let mut machine = boot(&code);
    run_to(&mut machine, 400_000);
    // A page that is stored to now and then, and a breakpoint that is hit all the time.
    let watchpoint = Watchpoint { address: Address(DATA + 0x3000), length: 64, access: Access::Write };
    let mut hits = Vec::new();
    let mut forward = boot(&code);
    forward.insert_watchpoint(watchpoint).unwrap();
    loop {
        match forward.resume(LIMIT).unwrap() {
            stop @ Stop::Watchpoint { .. } if forward.icount() < 400_000 => hits.push((forward.icount(), stop)),
            _ => break,
        }
    }
    assert!(hits.len() > 5, "{} hits", hits.len());
    machine.insert_watchpoint(watchpoint).unwrap();
    for (icount, stop) in hits.iter().rev() {
        assert_eq!(machine.reverse_resume(LIMIT), *stop);
        assert_eq!((machine.icount(), pc(&mut machine)), (*icount, at(store)));
    }
    assert_eq!(machine.reverse_resume(LIMIT), Stop::Beginning);
    assert_eq!(machine.icount(), 0);
    machine.remove_watchpoint(watchpoint).unwrap();
    run_to(&mut machine, 300_005);
    machine.insert_breakpoint(at(store)).unwrap();
    assert_eq!(machine.reverse_resume(LIMIT), Stop::Breakpoint);
    assert!(machine.icount() < 300_005 && machine.icount() >= 300_005 - 11);
    let before = machine.icount();
    assert_eq!(machine.reverse_resume(LIMIT), Stop::Breakpoint);
    assert_eq!(machine.icount(), before - 11);
}

#[test]
fn changes_from_outside_are_part_of_the_past() {
    let mut machine = boot(&scribbler(PAGES as u64));
    run_to(&mut machine, 100_000);
    machine.write_memory(Address(DATA + 0x1008), &[0xa5; 4096]).unwrap();
    machine.write_register(Register::Gpr(15), 99).unwrap();
    let changed = digest(&mut machine, PAGES);
    run_to(&mut machine, 500_000);
    let later = digest(&mut machine, PAGES);
    run_to(&mut machine, 99_999);
    run_to(&mut machine, 100_000);
    assert_eq!(digest(&mut machine, PAGES), changed);
    run_to(&mut machine, 50_000);
    // Over the change in one go.
    machine.step(450_000, LIMIT).unwrap();
    assert_eq!(digest(&mut machine, PAGES), later);
}

#[test]
fn a_change_in_the_past_makes_another_future() {
    let mut machine = boot(&scribbler(PAGES as u64));
    run_to(&mut machine, 900_000);
    run_to(&mut machine, 200_000);
    machine.write_register(Register::Gpr(11), 1_000_000).unwrap();
    run_to(&mut machine, 900_000);
    let changed = digest(&mut machine, PAGES);
    run_to(&mut machine, 100_000);
    run_to(&mut machine, 900_000);
    assert_eq!(digest(&mut machine, PAGES), changed);
    let mut other = boot(&scribbler(PAGES as u64));
    run_to(&mut other, 900_000);
    assert_ne!(digest(&mut other, PAGES), changed);
}

#[test]
fn the_history_stays_within_its_bound_and_reaches_the_beginning() {
    const BOUND: usize = 8;
    let mut machine = boot_with(&scribbler(512), &Options { history_mib: BOUND, ..Options::default() });
    let first = digest(&mut machine, 512);
    run_to(&mut machine, 1_000_003);
    let early = digest(&mut machine, 512);
    run_to(&mut machine, 60_000_000);
    assert!(machine.history_bytes() <= BOUND << 20, "{} bytes", machine.history_bytes());
    run_to(&mut machine, 1_000_003);
    assert_eq!(digest(&mut machine, 512), early);
    run_to(&mut machine, 0);
    assert_eq!(digest(&mut machine, 512), first);
    assert_eq!(machine.beginning(), 0);
}

#[test]
fn a_bss_of_64_mib_is_poisoned_cleared_and_reversible() {
    const SIZE: u64 = 64 << 20;
    let mut code = [li(8, DATA), li(9, DATA + SIZE)].concat();
    let clear = code.len();
    code.extend([sd(0, 8, 0), addi(8, 8, 8), branch_form(6, 8, 9, -8), WFI]);
    let mut machine = boot(&code);
    machine.write_memory(Address(DATA), &vec![0xa5; SIZE as usize]).unwrap();
    assert_eq!(resume(&mut machine), Stop::Interrupted);
    assert_eq!(machine.icount(), clear as u64 + 3 * SIZE / 8 + 1);
    assert!(machine.history_bytes() <= 256 << 20, "{} bytes", machine.history_bytes());
    assert_eq!(word(&mut machine, DATA + SIZE - 8), 0);
    run_to(&mut machine, clear as u64 + 3 * SIZE / 16);
    assert_eq!(word(&mut machine, DATA + SIZE / 2 - 8), 0);
    assert_eq!(word(&mut machine, DATA + SIZE / 2), 0xa5a5_a5a5_a5a5_a5a5);
}

#[test]
fn a_journey_that_takes_too_long_ends_where_it_began() {
    let mut machine = boot(&scribbler(PAGES as u64));
    run_to(&mut machine, 2_000_000);
    let here = digest(&mut machine, PAGES);
    assert_eq!(machine.reverse_step(1_999_999 / 2 + 5, Duration::ZERO).1, Stop::Interrupted);
    assert_eq!((machine.icount(), digest(&mut machine, PAGES)), (2_000_000, here));
}

#[test]
fn a_step_back_in_a_long_run_is_quick() {
    let mut machine = boot(&scribbler(PAGES as u64));
    run_to(&mut machine, 10_000_000);
    let begun = Instant::now();
    for _ in 0..20 {
        machine.reverse_step(1, LIMIT);
    }
    // Without optimisation it is some fifty times slower than the bench, which has the real bound.
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[derive(Default)]
struct Everything {
    stores: Vec<Store>,
    instructions: u64,
}

impl Observer for Everything {
    fn store(&mut self, store: &Store) {
        self.stores.push(*store);
    }

    fn wants_instructions(&self) -> bool {
        true
    }

    fn instruction(
        &mut self,
        icount: u64,
        _registers: &debug::machine::Registers,
        _bytes: Option<debug::machine::InstructionBytes>,
    ) {
        assert_eq!(icount, self.instructions);
        self.instructions += 1;
    }
}

#[test]
fn an_observer_sees_every_instruction_and_store() {
    let code = [li(8, DATA), vec![sd(8, 8, 4092), store_form(STORE, 0, 8, 8, 1), STAY]].concat();
    let first = code.len() as u64 - 3;
    let mut machine = boot(&code);
    let mut seen = Everything::default();
    assert_eq!(machine.step_observed(first + 2, LIMIT, &mut seen).unwrap(), (first + 2, Stop::Stepped));
    let sp = Address(machine.registers().unwrap().x[2]);
    let store = |index: u64, offset: i64, length, old, new| Store {
        icount: first + index,
        pc: at((first + index) as usize),
        sp,
        address: Address(DATA.wrapping_add_signed(offset)),
        physical: Address(DATA.wrapping_add_signed(offset)),
        length,
        old,
        new,
    };
    assert_eq!(seen.stores, [store(0, -4, 8, 0, DATA), store(1, 1, 1, DATA >> 40 & 0xff, DATA & 0xff)]);
    assert_eq!(seen.instructions, first + 2);
}

/// Wants loads and stores of one doubleword, and moves of sp that leave the first page of [`DATA`]; ends the run at the last.
#[derive(Default)]
struct Choosy {
    seen: Vec<String>,
}

impl Observer for Choosy {
    fn store(&mut self, store: &Store) {
        self.seen.push(format!("store {:#x}", store.address.0 - DATA));
    }

    fn load(&mut self, load: &Load) {
        self.seen.push(format!("load {:#x} = {:#x}", load.address.0 - DATA, load.value));
    }

    fn stack_pointer(&mut self, moved: &StackPointerMove) {
        let relative = if moved.relative { "moved" } else { "set" };
        self.seen.push(format!("sp {relative} to {}", moved.new.0.wrapping_sub(DATA) as i64));
    }

    fn interest(&self) -> Interest {
        let doubleword = Address(DATA + 16)..Address(DATA + 24);
        let quiet = Address(DATA)..Address(DATA + 4096);
        Interest {
            stores: Some(vec![doubleword.clone()]),
            loads: vec![doubleword],
            quiet_stacks: Some(vec![quiet]),
            jumps: false,
            ..Interest::default()
        }
    }

    fn ends_run(&self) -> bool {
        self.seen.last().is_some_and(|last| last.ends_with("-16"))
    }
}

#[test]
fn an_observer_sees_what_it_asks_for_and_ends_the_run() {
    let code = [
        li(8, DATA),
        vec![addi(2, 8, 64)],  // sp is set
        vec![addi(2, 2, -64)], // and moved within the quiet page
        vec![sd(8, 8, 0)],     // nobody wants it
        vec![sd(8, 8, 16)],
        vec![ld(9, 8, 0)], // nobody wants it
        vec![ld(9, 8, 16)],
        vec![addi(2, 2, -16)], // sp leaves the page
        vec![sd(8, 8, 16)],    // not executed any more
        vec![STAY],
    ]
    .concat();
    let mut machine = boot(&code);
    let mut seen = Choosy::default();
    assert_eq!(machine.resume_observed(LIMIT, &mut seen).unwrap(), Stop::Interrupted);
    assert_eq!(machine.registers().unwrap().pc, at(code.len() - 2).0);
    let value = format!("load 0x10 = {DATA:#x}");
    assert_eq!(seen.seen, ["sp set to 64", "store 0x10", &value, "sp moved to -16"]);
}

#[test]
fn the_last_write_is_found_wherever_it_is() {
    let mut machine = boot(&scribbler(PAGES as u64));
    let mut all = Stores::default();
    machine.step_observed(600_000, LIMIT, &mut all).unwrap();
    let here = digest(&mut machine, PAGES);
    for address in [DATA + 0x1010, DATA + 0x2_0007, DATA + 0x3_fff0] {
        let expected = all.0.iter().rev().find(|store| store.address.0 / 8 == address / 8).copied();
        assert_eq!(machine.last_write(Address(address), 1, &mut |_| true).unwrap(), expected);
        assert_eq!(digest(&mut machine, PAGES), here);
    }
    assert_eq!(machine.last_write(Address(DATA - 64), 8, &mut |_| true).unwrap(), None);
    assert_eq!(machine.icount(), 600_000);
}

#[derive(Default)]
struct Stores(Vec<Store>);

impl Observer for Stores {
    fn store(&mut self, store: &Store) {
        self.0.push(*store);
    }
}

const FEW_PAGES: usize = 8;

/// What somebody at a debugger might do.
#[derive(Clone, Debug)]
enum Deed {
    Goto(u64),
    Back(u64),
    Run(u64),
    Poke(u64, u8),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (0..400_000_u64).prop_map(Deed::Goto),
        (0..100_000_u64).prop_map(Deed::Back),
        (0..200_000_u64).prop_map(Deed::Run),
        (0..FEW_PAGES as u64 * 4096, any::<u8>()).prop_map(|(offset, byte)| Deed::Poke(offset, byte)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is done, with a history so small that it is thinned all the time: a machine that did only what is still true, and
    /// never went back, stands at the same.
    #[test]
    fn going_back_never_shows(deeds in proptest::collection::vec(deed(), 1..20)) {
        let options = Options { history_mib: 1, ..Options::default() };
        let mut machine = boot_with(&scribbler(FEW_PAGES as u64), &options);
        let mut pokes: Vec<(u64, u64, u8)> = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Goto(icount) => drop(machine.goto(icount, LIMIT)),
                Deed::Back(count) => drop(machine.reverse_step(count, LIMIT)),
                Deed::Run(count) => drop(machine.step(count, LIMIT).unwrap()),
                Deed::Poke(offset, byte) => {
                    let now = machine.icount();
                    pokes.retain(|(when, ..)| *when <= now);
                    pokes.push((now, offset, byte));
                    machine.write_memory(Address(DATA + offset), &[byte]).unwrap();
                }
            }
        }
        prop_assume!(machine.beginning() == 0);
        let now = machine.icount();
        let mut straight = boot(&scribbler(FEW_PAGES as u64));
        for (when, offset, byte) in pokes.into_iter().filter(|(when, ..)| *when <= now) {
            straight.step(when - straight.icount(), LIMIT).unwrap();
            straight.write_memory(Address(DATA + offset), &[byte]).unwrap();
        }
        straight.step(now - straight.icount(), LIMIT).unwrap();
        prop_assert_eq!(digest(&mut machine, FEW_PAGES), digest(&mut straight, FEW_PAGES));
    }
}
