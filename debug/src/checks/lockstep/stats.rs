//! What was compared, and what was made the same instead: counted, and told. It does not judge.

use super::super::finding::Finding;

#[derive(Default)]
pub struct Stats {
    pub instructions: u64,
    pub stores: u64,
    /// To the firmware.
    pub calls: u64,
    /// Reads of counters, whose values were taken from the first machine.
    pub counters_read: u64,
    /// What the firmware was asked about itself, and answered differently: the first machine's answers were taken.
    pub answers: Vec<String>,
    /// Stores to where memory cannot be read: they were compared by their instructions alone.
    pub device_stores: u64,
    /// What the second machine was given at the entry.
    pub copied: Vec<String>,
}

impl Stats {
    /// What was compared and found the same.
    pub fn account(&self, [one, other]: [&str; 2]) -> String {
        format!("{one} and {other} do the same: {} instructions, {} of them stores", self.instructions, self.stores)
    }

    /// What was not compared, or was made the same.
    pub fn exceptions(&self) -> String {
        let list = |what: &[String]| if what.is_empty() { "nothing".into() } else { what.join(", ") };
        format!(
            "copied at the entry: {}; reads of counters that were copied: {}; what the firmware says of itself that was copied: {}; \
             stores to devices: {}",
            list(&self.copied),
            self.counters_read,
            list(&self.answers),
            self.device_stores
        )
    }

    pub fn enter(&self, finding: &mut Finding) {
        finding.set("instructions", self.instructions);
        finding.set("stores", self.stores);
        finding.set("firmware_calls", self.calls);
        finding.set("copied_at_entry", self.copied.clone());
        finding.set("counters_read", self.counters_read);
        finding.set("firmware_answers_copied", self.answers.clone());
        finding.set("device_stores", self.device_stores);
    }
}
