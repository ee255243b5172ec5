//! Check `luck`: does the kernel also boot if details differ that the boot protocol leaves open?
//!
//! Each boot changes one detail; this check says which changes the kernel does not survive. It does not know how the machine is
//! changed.

use super::fact::Facts;
use super::finding::{Finding, Status};

pub const NAME: &str = "luck";

/// One boot with one change.
pub struct HarshBoot {
    /// The change: `floating point is off at the entry (sstatus.FS = 0)`.
    pub change: &'static str,
    /// What the kernel can do about it.
    pub advice: &'static str,
    /// The findings of this boot, or why there is no verdict.
    pub findings: Result<Vec<Finding>, String>,
}

/// The finding for a kernel whose normal boot passes.
pub fn check(boots: &[HarshBoot]) -> Finding {
    let mut finding = Finding::new(NAME);
    finding.expected = "the kernel boots whatever the boot protocol leaves open".into();
    let mut lost = Vec::new();
    let mut untried = Vec::new();
    for boot in boots {
        match &boot.findings {
            Ok(findings) => lost.extend(failure(findings).map(|failure| (boot, failure))),
            Err(why) => untried.push(format!("not tried: {}: {why}", boot.change)),
        }
    }
    finding.set("boots", boots.len() - untried.len());
    finding.set("depends_on", lost.iter().map(|(boot, _)| boot.change).collect::<Vec<_>>());
    finding.set(
        "failures",
        lost.iter()
            .map(|(boot, why)| {
                Facts::from([
                    ("change", boot.change.into()),
                    ("check", why.name.into()),
                    ("summary", why.summary.clone().into()),
                ])
            })
            .collect::<Vec<_>>(),
    );
    let Some((first, why)) = lost.first() else {
        finding.status = Status::Pass;
        let tried = boots.len() - untried.len();
        finding.summary = format!("boots in {tried} ways that the boot protocol allows");
        finding.found = if untried.is_empty() { finding.summary.clone() } else { untried.join("; ") };
        return finding;
    };
    let others = match lost.len() - 1 {
        0 => String::new(),
        1 => "; it fails in 1 more way".into(),
        more => format!("; it fails in {more} more ways"),
    };
    finding.summary = format!("boots by luck: it fails if {}: {}: {}{others}", first.change, why.name, why.summary);
    let each = lost.iter().map(|(boot, why)| format!("if {}: {}: {}", boot.change, why.name, why.summary));
    finding.found = each.chain(untried).collect::<Vec<_>>().join("; ");
    finding.location = why.location.clone();
    finding.backtrace = why.backtrace.clone();
    finding.advice = Some(first.advice.into());
    finding
}

/// The finding for a kernel that does not boot on the normal machine.
pub fn not_tried() -> Finding {
    Finding::not_run(NAME, "the normal boot does not pass")
}

/// The first check that did not pass.
fn failure(findings: &[Finding]) -> Option<&Finding> {
    let first = |status| findings.iter().find(move |finding| finding.status == status);
    first(Status::Fail).or_else(|| first(Status::NotRun))
}
