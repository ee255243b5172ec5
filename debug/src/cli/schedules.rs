//! `cargo debug check --schedules N`: boots a kernel of several harts in many orders, and finds the turn by which a boot that fails differs from
//! one that passes. It does not judge.

use std::time::Duration;

use debug::checks::console::Script;
use debug::checks::{self, Difference, Finding, Layout, ScheduledBoot, Status};
use debug::embedded::Options;
use debug::machine::Sharing;
use debug::{Address, Embedded, Machine};

use super::kernel::Kernel;

/// One boot may take so many times as long as the first, and at least so long.
const TIMES_THE_FIRST: u64 = 4;
const LEAST: Duration = Duration::from_secs(3);
/// Two boots that differ by one turn part at the end of the shorter one, at most so many instructions later.
const LONGEST_TURN: u64 = 1 << 15;
/// Where one instruction needs longer than this, nothing is compared.
const PATIENCE: Duration = Duration::from_secs(1);

/// What all boots have in common.
pub struct Boots<'a> {
    pub kernel: &'a Kernel,
    pub layout: &'a Layout,
    pub timeout: Duration,
    /// How many instructions the first boot has, where that is known.
    pub first: Option<u64>,
    pub instructions: Option<u64>,
    pub script: Script,
    pub boot_hart: Option<u64>,
}

impl Boots<'_> {
    /// Makes the check `schedules` for a kernel with these findings: so many boots, with the seeds from 1 on. What their harts shared is added to
    /// `shared`, with the seed.
    pub fn check(&self, count: u64, findings: &[Finding], shared: &mut Vec<(u64, Sharing)>) -> Finding {
        if findings.iter().any(|finding| finding.status != Status::Pass) {
            return checks::no_schedules();
        }
        let mut boots: Vec<ScheduledBoot> = (1..=count).map(|seed| self.boot(seed, None, None)).collect();
        shared.extend(boots.iter_mut().filter_map(|boot| Some((boot.seed, boot.sharing.take()?))));
        let first = boots.iter().find(|boot| checks::failure(boot).is_some());
        let difference = first.and_then(|boot| self.difference(boot.seed));
        checks::schedules(self.kernel.options.harts, &boots, difference)
    }

    fn options(&self, seed: u64, until: Option<u64>, boot_hart: Option<u64>) -> Options {
        let options = self.kernel.options.clone();
        let boot_hart = options.boot_hart.or(boot_hart);
        let races = until.is_none();
        Options { history_mib: 0, schedule: seed, schedule_until: until, boot_hart, races, ..options }
    }

    fn boot(&self, seed: u64, until: Option<u64>, boot_hart: Option<u64>) -> ScheduledBoot {
        let mut sharing = None;
        let findings = self.findings(self.options(seed, until, boot_hart), &mut sharing);
        ScheduledBoot { seed, findings: findings.map_err(|error| error.to_string()), sharing }
    }

    fn findings(&self, options: Options, sharing: &mut Option<Sharing>) -> anyhow::Result<Vec<Finding>> {
        let mut machine = Embedded::load(&self.kernel.image, &options)?;
        let options = checks::Options {
            timeout: self.timeout.min(self.enough()),
            instructions: self.instructions,
            script: self.script.clone(),
            boot_hart: self.boot_hart,
            ..checks::Options::default()
        };
        let findings = checks::check(&mut machine, &self.kernel.image, self.layout, options)?;
        *sharing = machine.sharing();
        Ok(findings)
    }

    /// The longest time limit for one boot.
    fn enough(&self) -> Duration {
        let first = self.first.map_or(self.timeout, |first| checks::time_for(first.saturating_mul(TIMES_THE_FIRST)));
        first.max(LEAST)
    }

    /// Cuts the schedule that fails shorter and shorter, the rest being that of 0: what is found are two boots, of which one fails and the other
    /// does not, and which differ by one turn.
    fn difference(&self, seed: u64) -> Option<Difference> {
        let mut machine = Embedded::load(&self.kernel.image, &self.options(seed, None, None)).ok()?;
        let drawn = machine.read_register(debug::machine::csr::MHARTID).ok()?;
        let fails = |until| checks::failure(&self.boot(seed, Some(until), Some(drawn))).is_some();
        if fails(0) {
            return Some(Difference::BootHart(drawn));
        }
        let (mut passes, mut lost) = (0, 1 << 12);
        while !fails(lost) {
            passes = lost;
            lost = lost.checked_mul(2).filter(|lost| *lost < 1 << 40)?;
        }
        while lost - passes > 1 {
            let middle = passes + (lost - passes) / 2;
            if fails(middle) {
                lost = middle;
            } else {
                passes = middle;
            }
        }
        let at = |until| {
            let mut machine = Embedded::load(&self.kernel.image, &self.options(seed, Some(until), Some(drawn))).ok()?;
            machine.run_to(passes, false, PATIENCE);
            (machine.icount() == passes).then_some(machine)
        };
        let (mut one, mut other) = (at(lost)?, at(passes)?);
        for _ in 0..LONGEST_TURN {
            let icount = one.icount();
            let (fails, passes) = (next(&mut one)?, next(&mut other)?);
            if fails.0 != passes.0 {
                let place = |(hart, pc)| (hart, Box::new(self.kernel.image.place(pc)));
                return Some(Difference::Turn { icount, fails: place(fails), passes: place(passes) });
            }
        }
        None
    }
}

/// The number of the hart that executes the next instruction, and where that is.
fn next(machine: &mut Embedded) -> Option<(u64, Address)> {
    let places: Vec<u64> = (0..machine.harts())
        .map(|hart| {
            machine.select(hart);
            machine.general_registers().pc
        })
        .collect();
    let icount = machine.icount();
    machine.run_to(icount + 1, false, PATIENCE);
    (machine.icount() == icount + 1).then(|| (machine.selected() as u64, Address(places[machine.selected()])))
}
