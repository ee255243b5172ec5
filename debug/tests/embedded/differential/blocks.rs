//! The embedded machine against itself: generated programs, one instruction at a time, and in blocks of code with stops anywhere. What
//! the hart has, and what an observer sees, must be the same.

use std::time::Duration;

use debug::machine::{Address, HartEvent, Interest, Load, Observer, Register, StackPointerMove, Stop, Store};
use debug::riscv::Xlen;
use debug::{Embedded, Machine};

use super::generate;
use super::program::Program;
use crate::random::Random;

const LIMIT: Duration = Duration::from_secs(60);
/// Of each kind, and how many instructions of a program are executed.
const SLOTS: usize = 300;
const INSTRUCTIONS: u64 = 12_000;

#[test]
fn programs_do_the_same_in_blocks_as_step_by_step() {
    let seed = super::number("DIFFERENTIAL_SEED").unwrap_or(7);
    let mut random = Random::new(seed);
    for program in both_widths(&mut random) {
        let (mut steps, mut blocks) = (machine(&program), machine(&program));
        let mut done = 0;
        while done < INSTRUCTIONS {
            let count = 1 + random.below(400);
            let mut stop = Stop::Stepped;
            for _ in 0..count {
                if stop == Stop::Stepped {
                    stop = steps.step(1, LIMIT).expect("it steps").1;
                }
            }
            assert_eq!(blocks.step(count, LIMIT).expect("it steps").1, stop, "{} (seed {seed})", program.name);
            assert_eq!(state(&mut blocks), state(&mut steps), "{} (seed {seed}), after {done}", program.name);
            done += count;
            if stop != Stop::Stepped {
                break;
            }
        }
    }
}

#[test]
fn an_observer_sees_the_same_in_blocks_as_step_by_step() {
    let seed = super::number("DIFFERENTIAL_SEED").unwrap_or(8);
    let mut random = Random::new(seed);
    for program in both_widths(&mut random) {
        let seen = |each| {
            let mut machine = machine(&program);
            let mut seen = Seen { each, events: Vec::new() };
            let observed = machine.observed().expect("it is observed");
            let (_, stop) = observed.step_observed(INSTRUCTIONS, LIMIT, &mut seen).expect("it runs");
            (seen.events, stop, state(&mut machine))
        };
        let (steps, blocks) = (seen(true), seen(false));
        let first = steps.0.iter().zip(&blocks.0).find(|(step, block)| step != block);
        assert_eq!(first, None, "{} (seed {seed})", program.name);
        assert_eq!(steps.0.len(), blocks.0.len(), "{} (seed {seed})", program.name);
        assert_eq!((steps.1, steps.2), (blocks.1, blocks.2), "{} (seed {seed})", program.name);
    }
}

fn both_widths(random: &mut Random) -> Vec<Program> {
    [Xlen::Rv64, Xlen::Rv32].into_iter().flat_map(|xlen| generate::programs(xlen, random, SLOTS)).collect()
}

fn machine(program: &Program) -> Embedded {
    Embedded::load(&crate::elf::image(program.link().0), &super::run::options(program))
        .expect("the program is a kernel")
}

/// All registers, and how far it is.
fn state(machine: &mut Embedded) -> Vec<u64> {
    let mut state = vec![machine.icount()];
    let numbers = (0..32).flat_map(|number| [Register::Gpr(number), Register::Fpr(number)]);
    let csrs = [0x001, 0x002, 0x100, 0x104, 0x105, 0x140, 0x141, 0x142, 0x143, 0x180].map(Register::Csr);
    for register in numbers.chain(csrs).chain([Register::Pc, Register::Priv]) {
        state.push(machine.read_register(register).expect("the machine has it"));
    }
    state
}

/// Everything that can be seen: all stores, all moves of sp, loads of some places.
struct Seen {
    /// Each instruction is asked for, so that one at a time is executed.
    each: bool,
    events: Vec<String>,
}

impl Observer for Seen {
    fn interest(&self) -> Interest {
        let loads = vec![Address(0x8020_0000)..Address(0x8030_0000)];
        Interest { stores: None, loads, quiet_stacks: Some(Vec::new()), jumps: false, ..Interest::default() }
    }

    fn store(&mut self, store: &Store) {
        self.events.push(format!("{store:?}"));
    }

    fn load(&mut self, load: &Load) {
        self.events.push(format!("{load:?}"));
    }

    fn stack_pointer(&mut self, moved: &StackPointerMove) {
        self.events.push(format!("{moved:?}"));
    }

    fn event(&mut self, event: &HartEvent) {
        // Of reads of the clock the last of several is enough; which is shown depends on when events are.
        if !matches!(event, HartEvent::ClockRead { .. }) {
            self.events.push(format!("{event:?}"));
        }
    }

    fn wants_instructions(&self) -> bool {
        self.each
    }
}
