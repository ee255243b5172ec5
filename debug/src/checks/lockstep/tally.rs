//! What was compared, and what was made the same instead: counted, and told. It does not judge.

use super::super::finding::Finding;

#[derive(Default)]
pub struct Tally {
    pub instructions: u64,
    pub stores: u64,
    /// To the firmware.
    pub calls: u64,
    /// Reads of counters, whose values were taken from the first machine.
    pub counters_read: u64,
    /// Stores to where memory cannot be read: they were compared by their instructions alone.
    pub device_stores: u64,
    /// What the second machine was given at the entry.
    pub copied: Vec<String>,
}

impl Tally {
    /// What was compared and found the same.
    pub fn account(&self, [one, other]: [&str; 2]) -> String {
        format!("{one} and {other} do the same: {} instructions, {} of them stores,", self.instructions, self.stores)
    }

    /// What was not compared, or was made the same.
    pub fn exceptions(&self) -> String {
        let copied = if self.copied.is_empty() { "nothing".into() } else { self.copied.join(", ") };
        format!(
            "copied at the entry: {copied}; reads of counters that were copied: {}; stores to devices: {}",
            self.counters_read, self.device_stores
        )
    }

    pub fn enter(&self, finding: &mut Finding) {
        finding.set("instructions", self.instructions);
        finding.set("stores", self.stores);
        finding.set("firmware_calls", self.calls);
        finding.set("copied_at_entry", self.copied.clone());
        finding.set("counters_read", self.counters_read);
        finding.set("device_stores", self.device_stores);
    }
}
