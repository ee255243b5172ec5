//! What came of the comparison, in words and numbers: what was compared, and where two machines differ. It does not judge.

use super::state::Difference;
use crate::checks::fact::{Fact, Facts};
use crate::checks::finding::Finding;
use crate::image::Image;
use crate::machine::Address;
use crate::riscv;

pub struct Divergence {
    summary: String,
    /// What each of the two shows.
    sides: [String; 2],
    differences: Vec<Difference>,
    /// Where another instruction is to blame than the last.
    instruction: Option<(Address, Vec<u8>)>,
}

impl Divergence {
    pub fn new(summary: String, sides: [String; 2]) -> Divergence {
        Divergence { summary, sides, differences: Vec::new(), instruction: None }
    }

    pub fn of_registers(summary: String, differences: Vec<Difference>) -> Divergence {
        let side = |side: usize| {
            let values =
                differences.iter().map(|difference| format!("{} = {:#x}", difference.name(), difference.values[side]));
            values.collect::<Vec<_>>().join(", ")
        };
        Divergence { summary, sides: [side(0), side(1)], differences, instruction: None }
    }

    /// The same, and what the two were just asked to do.
    pub fn after(mut self, what: &str) -> Divergence {
        self.summary = format!("{}; {what}", self.summary);
        self
    }

    /// The same, for an instruction of some time ago.
    pub fn at(mut self, pc: Address, bytes: Vec<u8>) -> Divergence {
        self.instruction = Some((pc, bytes));
        self
    }

    /// `instruction` is the one after which they differ, at its address; none at the entry, and for what was compared in the end.
    pub fn describe(
        self,
        finding: &mut Finding,
        names: [&str; 2],
        image: &Image,
        instruction: Option<(Address, Vec<u8>)>,
    ) {
        finding.summary = self.summary;
        finding.expected = format!("{}: {}", names[0], self.sides[0]);
        finding.found = format!("{}: {}", names[1], self.sides[1]);
        if let Some((pc, bytes)) = self.instruction.or(instruction) {
            let text = riscv::disassemble(pc, &bytes);
            finding.summary = format!("`{text}`: {}", finding.summary);
            finding.location = Some(image.place(pc));
            finding.set("instruction", text);
        }
        let differences = self.differences.iter().map(|difference| {
            let values = difference.values.map(Fact::Register).to_vec();
            Facts::from([("register", difference.name().into()), ("values", Fact::List(values))])
        });
        finding.set("differences", differences.collect::<Vec<_>>());
    }
}

#[derive(Default)]
pub struct Stats {
    pub instructions: u64,
    pub stores: u64,
    /// To the firmware.
    pub calls: u64,
    /// Reads of counters, whose values were taken from the first machine.
    pub counters_read: u64,
    /// Reads of sip whose bits for the timer and devices were taken from the first machine.
    pub pending_read: u64,
    /// Interrupts that the second machine took where the first did.
    pub interrupts: u64,
    /// What the firmware was asked about itself, or has not got, and answered differently: the first machine's answers were
    /// taken.
    pub answers: Vec<String>,
    /// Stores to where memory cannot be read: they were compared by their instructions alone.
    pub device_stores: u64,
    /// Stores to memory that one of the machines cannot show, such as pages that may be executed alone.
    pub unreadable_stores: u64,
    /// Faults of the first machine that are known: a short name, and what was seen.
    pub known_faults: Vec<(&'static str, String)>,
    /// The first machine had run on when memory was to be compared in the end.
    pub memory_moved_on: bool,
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
        let mut text = format!(
            "copied at the entry: {}; reads of counters that were copied: {}; what the firmware says of itself that was copied: {}; \
             stores to devices: {}",
            list(&self.copied),
            self.counters_read,
            list(&self.answers),
            self.device_stores
        );
        for (count, what) in [
            (self.pending_read, "reads of sip whose timer and device bits were copied"),
            (self.interrupts, "interrupts that were copied"),
            (self.unreadable_stores, "stores to memory that a machine does not show"),
        ] {
            if count > 0 {
                text += &format!("; {what}: {count}");
            }
        }
        if self.memory_moved_on {
            text += "; memory was not compared in the end, as the first machine had run on";
        }
        for (_, seen) in &self.known_faults {
            text += &format!("; known: {seen}");
        }
        text
    }

    pub fn enter(&self, finding: &mut Finding) {
        finding.set("instructions", self.instructions);
        finding.set("stores", self.stores);
        finding.set("firmware_calls", self.calls);
        finding.set("copied_at_entry", self.copied.clone());
        finding.set("counters_read", self.counters_read);
        finding.set("firmware_answers_copied", self.answers.clone());
        finding.set("device_stores", self.device_stores);
        finding.set("pending_interrupts_read", self.pending_read);
        finding.set("interrupts", self.interrupts);
        finding.set("unreadable_stores", self.unreadable_stores);
        let known: Vec<String> = self.known_faults.iter().map(|(_, seen)| seen.clone()).collect();
        finding.set("known_faults", known);
    }
}
