//! Goes through a run several times, seen and unseen, back and forth: nothing may come out differently. It does not know whose run.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use debug::machine::{Observed, Observer, Register, Registers, Stop, Store, csr};
use debug::{Address, Embedded, Machine};

/// More than any of this takes, so that nothing depends on the host's speed.
const LIMIT: Duration = Duration::from_secs(600);
const PAGE: u64 = 4096;
/// So many pages that were stored to are compared.
const COMPARED_PAGES: usize = 32;

/// The first `count` instructions of a machine that has executed none.
///
/// # Panics
/// Where history is not what it was.
pub fn is_repeated(machine: &mut Embedded, count: u64) {
    let first = registers(machine);
    let mut stores = Pages::default();
    let seen = machine.step_observed(count, LIMIT, &mut stores).expect("it steps");
    let then = State::of(machine, &stores);
    // Beside its bound, the history keeps the newest and the oldest moment, and what was changed before the first instruction.
    assert!(machine.history_bytes() < 32 << 20, "{} bytes of history", machine.history_bytes());

    go_back(machine, u64::MAX);
    assert_eq!((machine.icount(), registers(machine)), (0, first), "at the first instruction");
    let unseen = machine.step(count, LIMIT).expect("it steps");
    assert_eq!((unseen, State::of(machine, &stores)), (seen, then.clone()), "once more");

    go_back(machine, then.icount / 3 + 1);
    let (_, stop) = machine.step(count - machine.icount(), LIMIT).expect("it steps");
    assert_eq!((stop, State::of(machine, &stores)), (seen.1, then), "from the middle on");
}

fn go_back(machine: &mut Embedded, count: u64) {
    let (undone, stop) = machine.reverse_step(count, LIMIT);
    assert!(matches!(stop, Stop::Stepped | Stop::Beginning), "{stop:?} after {undone}");
}

/// All that is compared of a moment.
#[derive(Clone, Debug, PartialEq)]
struct State {
    icount: u64,
    registers: (Registers, Vec<u64>),
    /// What is printed so far.
    console: Vec<u8>,
    /// A hash of each; none where it is not mapped, or no longer.
    pages: Vec<(Address, Option<u64>)>,
}

impl State {
    fn of(machine: &mut Embedded, stores: &Pages) -> State {
        let pages = stores.0.iter().map(|page| {
            let mut bytes = [0; PAGE as usize];
            let mapped = machine.peek(Address(*page), &mut bytes);
            (Address(*page), mapped.then(|| BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes)))
        });
        let pages = pages.collect();
        State { icount: machine.icount(), registers: registers(machine), console: machine.console(), pages }
    }
}

fn registers(machine: &mut Embedded) -> (Registers, Vec<u64>) {
    let csrs = csr::NAMES.iter().map(|(number, _)| Register::Csr(*number));
    let others = (0..32).map(Register::Fpr).chain(csrs).chain([Register::Priv]);
    let others = others.filter_map(|register| machine.read_register(register).ok()).collect();
    (machine.registers().expect("it has registers"), others)
}

/// The pages that were stored to, as the hart saw them.
#[derive(Default)]
struct Pages(BTreeSet<u64>);

impl Observer for Pages {
    fn store(&mut self, store: &Store) {
        if self.0.len() < COMPARED_PAGES {
            self.0.insert(store.address.0 / PAGE * PAGE);
        }
    }
}
