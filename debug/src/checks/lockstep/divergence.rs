//! Where two machines differ, in words and numbers. It does not judge.

use super::state::Difference;
use crate::checks::finding::Finding;
use crate::image::Image;
use crate::instruction;
use crate::machine::Address;

pub struct Divergence {
    summary: String,
    /// What each of the two shows.
    sides: [String; 2],
    differences: Vec<Difference>,
}

impl Divergence {
    pub fn new(summary: String, sides: [String; 2]) -> Divergence {
        Divergence { summary, sides, differences: Vec::new() }
    }

    pub fn of_registers(summary: String, differences: Vec<Difference>) -> Divergence {
        let side = |side: usize| {
            let values =
                differences.iter().map(|difference| format!("{} = {:#x}", difference.name(), difference.values[side]));
            values.collect::<Vec<_>>().join(", ")
        };
        Divergence { summary, sides: [side(0), side(1)], differences }
    }

    /// The same, and what the two were just asked to do.
    pub fn after(mut self, what: &str) -> Divergence {
        self.summary = format!("{}; {what}", self.summary);
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
        if let Some((pc, bytes)) = instruction {
            let text = instruction::disassemble(pc, &bytes);
            finding.summary = format!("`{text}`: {}", finding.summary);
            finding.location = Some(image.place(pc));
            finding.set("instruction", text);
        }
        let differences = self.differences.iter().map(|difference| {
            let values = difference.values.map(|value| format!("{value:#x}"));
            serde_json::json!({ "register": difference.name(), "values": values })
        });
        finding.set("differences", differences.collect::<Vec<_>>());
    }
}
