//! Check `schedules`: does a kernel of several harts also boot if they execute in another order?
//!
//! Each boot has another schedule. Of one that fails the check says up to which instruction it is the same as one that passes, and which hart goes
//! on there in each. It does not know how schedules are made.

use super::fact::Facts;
use super::finding::{Finding, Status};
use crate::image::Place;
use crate::machine::Sharing;
use crate::setting::Setting;

pub const NAME: &str = "schedules";

/// One boot under one schedule.
pub struct ScheduledBoot {
    /// The schedule's seed.
    pub seed: u64,
    /// The findings of this boot, or why there is no verdict.
    pub findings: Result<Vec<Finding>, String>,
    /// What its harts shared, where races were looked for.
    pub sharing: Option<Sharing>,
}

/// Why one boot fails and a very similar one passes.
pub enum Difference {
    /// It fails if this hart boots, in the plainest order too.
    BootHart(u64),
    /// Both are the same for so many instructions; then one hart goes on in the boot that fails, and another in the one that passes.
    Turn {
        /// The instructions that both have.
        icount: u64,
        /// The id of the hart that goes on in the boot that fails, and where it is.
        fails: (u64, Box<Place>),
        /// The same in the boot that passes.
        passes: (u64, Box<Place>),
    },
}

/// The finding for a kernel of so many harts whose normal boot passes. `difference` is that of the first boot that fails.
pub fn check(harts: usize, boots: &[ScheduledBoot], difference: Option<Difference>) -> Finding {
    let mut finding = Finding::new(NAME);
    finding.expected = "the kernel boots in whatever order its harts execute".into();
    let lost: Vec<_> = boots.iter().filter_map(|boot| failure(boot).map(|why| (boot.seed, why))).collect();
    let untried = boots.iter().filter_map(|boot| boot.findings.as_ref().err());
    let untried: Vec<&String> = untried.collect();
    finding.set("schedules", boots.len() - untried.len());
    finding.set("failures", lost.iter().map(|(seed, why)| facts(*seed, why)).collect::<Vec<_>>());
    if let Some(why) = untried.first().filter(|_| lost.is_empty()) {
        finding.status = Status::NotRun;
        finding.summary = format!("a boot could not be made: {why}");
        return finding;
    }
    let Some((seed, why)) = lost.first() else {
        finding.status = Status::Pass;
        finding.summary = format!("boots under {} schedules", boots.len());
        finding.found = finding.summary.clone();
        return finding;
    };
    let of = boots.len();
    finding.summary =
        format!("fails under {} of {of} schedules, first under {seed}: {}: {}", lost.len(), why.name, why.summary);
    let each = lost.iter().map(|(seed, why)| format!("under {seed}: {}: {}", why.name, why.summary));
    finding.found = each.collect::<Vec<_>>().join("; ");
    finding.location = why.location.clone();
    finding.backtrace = why.backtrace.clone();
    finding.set("seed", *seed);
    let serve = format!("{} {} {harts} {} {seed}", Setting::Serve, Setting::Harts, Setting::Schedule);
    finding.advice = Some(serve.clone());
    match difference {
        Some(Difference::BootHart(hart)) => {
            finding.summary.push_str(&format!("; it fails whenever hart {hart} boots"));
            finding.set("boot_hart", hart);
        }
        Some(Difference::Turn { icount, fails: (hart, place), passes: (other, elsewhere) }) => {
            finding.summary.push_str(&format!(
                "; for {icount} instructions it is the same as a boot that passes: then hart {hart} goes on at {place}, and there hart {other} at \
                 {elsewhere}"
            ));
            finding.set("agrees_until", icount);
            finding.advice = Some(format!("{serve}, then in GDB: monitor goto {icount}"));
        }
        None => {}
    }
    finding
}

/// The finding for a kernel whose normal boot does not pass.
pub fn not_tried() -> Finding {
    Finding::not_run(NAME, "the normal boot does not pass")
}

fn facts(seed: u64, why: &Finding) -> Facts {
    Facts::from([("seed", seed.into()), ("check", why.name.into()), ("summary", why.summary.clone().into())])
}

/// The first check that did not pass.
pub fn failure(boot: &ScheduledBoot) -> Option<&Finding> {
    let findings = boot.findings.as_ref().ok()?;
    let first = |status| findings.iter().find(move |finding| finding.status == status);
    first(Status::Fail).or_else(|| first(Status::NotRun))
}
