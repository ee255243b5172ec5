//! Check `races`: do harts order their accesses to the kernel's variables, where it matters?
//!
//! Several harts may access one word with no order: a flag that is waited for, a counter that is printed. A compiler makes the same instructions of
//! those and of plain variables. So what counts is what a hart does with such an access:
//! - It waited for one word, and then loads another that was stored before it, with no release before the store that ends the wait, or no acquire
//!   behind the wait.
//! - It stores what it made of an older value, over another's store.
//! - It clears BSS over another's store.
//!
//! Words of stacks are left out. It does not know how accesses are followed.

mod derived;

use std::collections::BTreeSet;

use super::boot_run::layout::Layout;
use super::fact::Facts;
use super::finding::{Finding, Status};
use crate::image::{Image, Place};
use crate::machine::{Address, HartAccess, Race, RaceKind, Sharing};
use crate::setting::Setting;

pub const NAME: &str = "races";

/// What is the same in all boots.
struct Judge<'a> {
    image: &'a Image,
    layout: &'a Layout,
    /// The bytes that are flags in any boot, and the loads that wait in any.
    flags: BTreeSet<Address>,
    waits: BTreeSet<Address>,
}

/// The finding for boots of so many harts, each with its schedule's seed.
pub fn check(image: &Image, layout: &Layout, harts: usize, boots: &[(u64, Sharing)]) -> Finding {
    let all =
        |of: fn(&Sharing) -> &BTreeSet<Address>| boots.iter().flat_map(|(_, sharing)| of(sharing)).copied().collect();
    let judge = Judge { image, layout, flags: all(|sharing| &sharing.flags), waits: all(|sharing| &sharing.waits) };
    let mut races: Vec<(u64, &Race)> = Vec::new();
    let places = |race: &Race| (std::mem::discriminant(&race.kind), race.first.pc, race.second.pc);
    for (seed, race) in boots.iter().flat_map(|(seed, sharing)| sharing.races.iter().map(move |race| (*seed, race))) {
        if judge.counts(race) && !races.iter().any(|(_, known)| places(known) == places(race)) {
            races.push((seed, race));
        }
    }
    let mut finding = Finding::new(NAME);
    finding.expected = "harts order their accesses to the kernel's variables where it matters".into();
    finding.set("boots", boots.len());
    finding.set("races", races.iter().map(|(seed, race)| judge.facts(*seed, race)).collect::<Vec<_>>());
    let Some((seed, first)) = races.first() else {
        finding.status = Status::Pass;
        let boots = if boots.len() == 1 { "1 boot".into() } else { format!("{} boots", boots.len()) };
        finding.summary = format!("none was seen in {boots}");
        finding.found = finding.summary.clone();
        return finding;
    };
    let others = match races.len() - 1 {
        0 => String::new(),
        1 => "; and 1 more".into(),
        others => format!("; and {others} more"),
    };
    finding.summary = format!("{}{others}", judge.words(first));
    let each = races.iter().map(|(seed, race)| format!("under schedule {seed}: {}", judge.words(race)));
    finding.found = each.collect::<Vec<_>>().join("; ");
    finding.location = Some(judge.place(first.second.pc));
    finding.advice = Some(format!(
        "{}; to see it: {} {} {harts} {} {seed}, then in GDB: monitor goto {}",
        remedy(&first.kind),
        Setting::Serve,
        Setting::Harts,
        Setting::Schedule,
        first.second.icount
    ));
    finding
}

/// What would order the accesses.
fn remedy(kind: &RaceKind) -> &'static str {
    match kind {
        RaceKind::Unfenced { released: true, .. } => "an acquire, such as fence r, rw, behind the wait",
        RaceKind::Unfenced { released: false, .. } => {
            "a release, such as fence rw, w, before the store that ends the wait, and an acquire, such as fence r, rw, behind the wait"
        }
        RaceKind::Lost { .. } => "one atomic instruction, or a lock that is held from the load to the store",
        RaceKind::Erased { .. } => "clear BSS before another hart uses it",
    }
}

impl Judge<'_> {
    /// Whether the second access depends on an order.
    fn counts(&self, race: &Race) -> bool {
        let harmful = match &race.kind {
            RaceKind::Unfenced { .. } => !self.flags.contains(&race.address) && !self.waits.contains(&race.second.pc),
            RaceKind::Lost { loaded } => {
                let [load, store] = [loaded.pc, race.second.pc].map(|pc| self.image.canonical(pc));
                derived::is_made_of(self.image, load, store)
            }
            RaceKind::Erased { begun } => {
                let bss = &self.layout.bss;
                self.image.linked(begun.start) == bss.start || self.image.linked(begun.end) == bss.end
            }
        };
        harmful && !self.is_of_stack(race)
    }

    /// Whether the word is in a stack: in the one that is known, or in an object that a hart's sp is in.
    fn is_of_stack(&self, race: &Race) -> bool {
        let word = self.image.linked(race.address);
        let known = [&self.layout.stack, &self.layout.stacks];
        let object =
            self.image.symbols().find(|object| object.address <= word && word.0 - object.address.0 < object.size);
        let is_in = |access: &HartAccess| {
            let sp = self.image.canonical(access.sp);
            object.as_ref().is_some_and(|object| object.address <= sp && sp.0 - object.address.0 <= object.size)
        };
        known.iter().any(|range| range.contains(&word)) || is_in(&race.first) || is_in(&race.second)
    }

    fn variable(&self, address: Address) -> String {
        let place = self.image.place(self.image.linked(address));
        place.symbol_text().unwrap_or_else(|| place.address.to_string())
    }

    /// An instruction: in the kernel's own source, where a library's function is inlined there.
    fn place(&self, pc: Address) -> Place {
        let pc = self.image.canonical(pc);
        let own = self.image.functions(pc).into_iter().find(Place::is_own);
        Place { inlined: false, ..own.unwrap_or_else(|| self.image.place(pc)) }
    }

    /// An instruction, and when it was executed.
    fn at(&self, access: &HartAccess) -> String {
        format!("at {} (instruction {})", self.place(access.pc), access.icount)
    }

    fn words(&self, race: &Race) -> String {
        let (first, second) = (self.at(&race.first), self.at(&race.second));
        let (one, other, variable) = (race.first.hart, race.second.hart, self.variable(race.address));
        match &race.kind {
            RaceKind::Unfenced { flag, waited, released } => {
                let waited = self.place(*waited);
                let lacks = if *released {
                    "no acquire is behind that wait"
                } else {
                    "no release is before the store that ended it"
                };
                format!(
                    "hart {other} loads {variable} {second}, which hart {one} stored {first}; it has waited for {} at {waited}, but {lacks}",
                    self.variable(*flag)
                )
            }
            RaceKind::Lost { loaded } => format!(
                "hart {other} loads {variable} {}, and stores what it made of that {second}; the store by hart {one} in between, {first}, is lost",
                self.at(loaded)
            ),
            RaceKind::Erased { .. } => {
                format!("hart {other} clears BSS {second}, and erases {variable}, to which hart {one} stored {first}")
            }
        }
    }

    fn facts(&self, seed: u64, race: &Race) -> Facts {
        let access = |access: &HartAccess| {
            Facts::from([
                ("hart", access.hart.into()),
                ("icount", access.icount.into()),
                ("pc", self.image.canonical(access.pc).into()),
            ])
        };
        let kind = match race.kind {
            RaceKind::Unfenced { .. } => "unfenced",
            RaceKind::Lost { .. } => "lost",
            RaceKind::Erased { .. } => "erased",
        };
        Facts::from([
            ("kind", kind.into()),
            ("seed", seed.into()),
            ("variable", self.variable(race.address).into()),
            ("address", self.image.linked(race.address).into()),
            ("first", access(&race.first).into()),
            ("second", access(&race.second).into()),
        ])
    }
}
