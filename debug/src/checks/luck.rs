//! Check `luck`: does the boot hold also where what the boot protocol leaves open is otherwise than on the usual machine?
//!
//! Each boot differs in one thing from the usual one; this check says which of them the kernel cannot do without. It does not know how
//! the machine was made to differ.

use serde_json::{Value, json};

use super::finding::{Finding, Status};

pub const NAME: &str = "luck";

/// One boot with one thing changed.
pub struct HarshBoot {
    /// What was changed: `floating point is off at the entry (sstatus.FS = 0)`.
    pub change: &'static str,
    /// What a kernel may do about it.
    pub advice: &'static str,
    /// What the other checks said, or why there is no verdict.
    pub findings: Result<Vec<Finding>, String>,
}

/// For a kernel whose usual boot holds.
pub fn check(boots: &[HarshBoot]) -> Finding {
    let mut finding = Finding::new(NAME);
    finding.expected = "the same boot whatever the boot protocol leaves open".into();
    let mut lost = Vec::new();
    let mut untried = Vec::new();
    for boot in boots {
        match &boot.findings {
            Ok(findings) => lost.extend(failure(findings).map(|failure| (boot, failure))),
            Err(why) => untried.push(format!("not tried: {}: {why}", boot.change)),
        }
    }
    finding.set("boots", boots.len() - untried.len());
    finding.set("depends_on", lost.iter().map(|(boot, _)| Value::from(boot.change)).collect::<Vec<_>>());
    finding.set(
        "failures",
        lost.iter()
            .map(|(boot, why)| json!({ "change": boot.change, "check": why.name, "summary": why.summary }))
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
        1 => "; and 1 way more does not boot".into(),
        more => format!("; and {more} ways more do not boot"),
    };
    finding.summary = format!("boots by luck: not where {}: {}: {}{others}", first.change, why.name, why.summary);
    let each = lost.iter().map(|(boot, why)| format!("where {}: {}: {}", boot.change, why.name, why.summary));
    finding.found = each.chain(untried).collect::<Vec<_>>().join("; ");
    finding.location = why.location.clone();
    finding.backtrace = why.backtrace.clone();
    finding.advice = Some(first.advice.into());
    finding
}

/// For a kernel that does not boot on the usual machine.
pub fn not_tried() -> Finding {
    Finding::not_run(NAME, "the usual boot does not hold")
}

/// The first check that did not hold.
fn failure(findings: &[Finding]) -> Option<&Finding> {
    let first = |status| findings.iter().find(move |finding| finding.status == status);
    first(Status::Fail).or_else(|| first(Status::NotRun))
}
