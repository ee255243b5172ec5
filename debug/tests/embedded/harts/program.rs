//! Programs with labels. It does not know what they are to show.

use std::collections::BTreeMap;

use crate::assembler::*;
use crate::kernel::ECALL;

/// How often each hart counts.
pub const ROUNDS: u64 = 200;
pub const HART_STATE: u64 = 0x48_534d;
pub const IPI: u64 = 0x73_5049;
pub const REMOTE_FENCE: u64 = 0x5246_4e43;

enum Item {
    Word(u32),
    Branch {
        funct3: u32,
        rs1: u32,
        rs2: u32,
        to: &'static str,
    },
    Jump(&'static str),
    /// The address of a label, two instructions.
    Address(u32, &'static str),
    Second,
}

/// Instructions and labels.
pub struct Code {
    items: Vec<Item>,
    labels: BTreeMap<&'static str, usize>,
    unique: usize,
}

impl Code {
    pub fn new() -> Code {
        Code { items: Vec::new(), labels: BTreeMap::new(), unique: 0 }
    }

    pub fn put(&mut self, words: impl IntoIterator<Item = u32>) {
        self.items.extend(words.into_iter().map(Item::Word));
    }

    pub fn li(&mut self, rd: u32, value: u64) {
        self.put(li(rd, value));
    }

    pub fn label(&mut self, name: &'static str) {
        assert!(self.labels.insert(name, self.items.len()).is_none(), "{name}");
    }

    pub fn branch(&mut self, funct3: u32, rs1: u32, rs2: u32, to: &'static str) {
        self.items.push(Item::Branch { funct3, rs1, rs2, to });
    }

    pub fn jump(&mut self, to: &'static str) {
        self.items.push(Item::Jump(to));
    }

    pub fn la(&mut self, rd: u32, label: &'static str) {
        self.items.extend([Item::Address(rd, label), Item::Second]);
    }

    /// An SBI call with these arguments.
    pub fn call(&mut self, extension: u64, function: u64, arguments: &[u64]) {
        self.li(17, extension);
        self.li(16, function);
        for (register, argument) in (10..).zip(arguments) {
            self.li(register, *argument);
        }
        self.put([ECALL]);
    }

    /// Starts all harts but this one, whose id is in a0, at a label.
    pub fn start_others(&mut self, harts: usize, at: &'static str) {
        const SKIPS: [&str; 8] = ["skip0", "skip1", "skip2", "skip3", "skip4", "skip5", "skip6", "skip7"];
        self.put([addi(20, 10, 0)]);
        for hart in 0..harts as u64 {
            let skip = SKIPS[self.unique];
            self.unique += 1;
            self.li(17, HART_STATE);
            self.li(16, 0);
            self.li(10, hart);
            self.la(11, at);
            self.put([addi(12, 0, 0)]);
            self.branch(EQUAL, 10, 20, skip);
            self.put([ECALL]);
            self.label(skip);
        }
        self.put([addi(10, 20, 0)]);
    }

    pub fn address(&self, base: u64, label: &str) -> u64 {
        base + 4 * self.labels[label] as u64
    }

    pub fn words(&self, base: u64) -> Vec<u32> {
        let distance = |to: &str, from: usize| (self.address(base, to) as i64 - (base as i64 + 4 * from as i64)) as i32;
        let mut words = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            words.push(match item {
                Item::Word(word) => *word,
                Item::Branch { funct3, rs1, rs2, to } => branch_form(*funct3, *rs1, *rs2, distance(to, index)),
                Item::Jump(to) => jump_form(0, distance(to, index)),
                Item::Address(rd, _) => rd << 7 | AUIPC,
                Item::Second => {
                    let Item::Address(rd, to) = &self.items[index - 1] else { panic!("it follows an address") };
                    addi(*rd, *rd, distance(to, index - 1))
                }
            });
        }
        words
    }
}
