//! The result of the comparison in words and numbers: what was compared, and where the machines differ. It does not judge.

use super::state::Difference;
use crate::checks::fact::{Fact, Facts};
use crate::checks::finding::Finding;
use crate::image::Image;
use crate::machine::Address;
use crate::riscv;

pub struct Divergence {
    summary: String,
    /// The values on each machine.
    sides: [String; 2],
    differences: Vec<Difference>,
    /// The instruction that is the reason, if it is not the last.
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

    /// Adds what the machines were doing.
    pub fn after(mut self, what: &str) -> Divergence {
        self.summary = format!("{}; {what}", self.summary);
        self
    }

    /// Sets the instruction, if it was executed earlier.
    pub fn at(mut self, pc: Address, bytes: Vec<u8>) -> Divergence {
        self.instruction = Some((pc, bytes));
        self
    }

    /// `instruction` is the one after which the machines differ, with its address; `None` at the entry and for the final comparison.
    pub fn describe(
        self,
        finding: &mut Finding,
        names: [&str; 2],
        image: &Image,
        instruction: Option<(Address, Vec<u8>)>,
    ) {
        finding.summary = self.summary;
        finding.advice =
            Some("look up in the manual which machine is right, and judge the kernel on each alone".into());
        finding.expected = format!("{}: {}", names[0], self.sides[0]);
        finding.found = format!("{}: {}", names[1], self.sides[1]);
        if let Some((pc, bytes)) = self.instruction.or(instruction) {
            let text = riscv::disassemble(image.xlen(), pc, &bytes);
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
    /// Calls to the firmware.
    pub calls: u64,
    /// Reads of counters whose values were copied from the first machine.
    pub counters_read: u64,
    /// Reads of sip whose timer and device bits were copied from the first machine.
    pub pending_read: u64,
    /// Interrupts that the second machine took where the first did.
    pub interrupts: u64,
    /// Calls with different replies, about the firmware itself or not supported by one. The first machine's replies were copied.
    pub answers: Vec<String>,
    /// Stores to memory that cannot be read. Only their instructions were compared.
    pub device_stores: u64,
    /// Stores to memory that one of the machines cannot read, such as execute-only pages.
    pub unreadable_stores: u64,
    /// Known faults of the first machine: a short name, and what was seen.
    pub known_faults: Vec<(&'static str, String)>,
    /// The first machine had run on before the final comparison of memory.
    pub memory_moved_on: bool,
    /// The values that were copied to the second machine at the entry.
    pub copied: Vec<String>,
}

impl Stats {
    /// Describes what was compared and equal.
    pub fn account(&self, [one, other]: [&str; 2]) -> String {
        format!(
            "{one} and {other} do the same for {} instructions, of which {} are stores",
            self.instructions, self.stores
        )
    }

    /// Describes what was not compared or was copied.
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
            (self.pending_read, "reads of sip with copied timer and device bits"),
            (self.interrupts, "interrupts that were copied"),
            (self.unreadable_stores, "stores to memory that cannot be read"),
        ] {
            if count > 0 {
                text += &format!("; {what}: {count}");
            }
        }
        if self.memory_moved_on {
            text += "; memory was not compared at the end, because the first machine had run on";
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
