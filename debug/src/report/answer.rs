//! An answer of `ask`, for people and for programs. In schema 1 keys may be added, but not changed or removed.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::{location, printable as printable_json};
use super::printable;
use crate::ask::page::{Level, Page, Walk};
use crate::ask::{Answer, LastWrite, Moment, Reads, Why, words};
use crate::embedded::{Arrival, Arrivals, Loads};
use crate::image::{Image, Place};
use crate::machine::{Address, Load, Store, TakenTrap};
use crate::riscv::page_table::Scheme;

/// An answer, and the run that it is about.
pub struct Answered<'a> {
    /// The question, as it was typed.
    pub question: &'a str,
    /// The kernel.
    pub image: &'a Image,
    /// The moment until which was looked, in instructions.
    pub icount: u64,
    /// Why the run ended there.
    pub end: &'a str,
    /// What was found.
    pub answer: &'a Answer,
    /// Where the history begins, if an earlier beginning could change the answer.
    pub forgotten: Option<u64>,
}

impl Answered<'_> {
    /// Writes it in words. `goto` and a number is a command that shows a moment.
    ///
    /// # Errors
    /// Errors of `to`.
    pub fn text(&self, goto: words::Goto<'_>, to: &mut dyn Write) -> io::Result<()> {
        for line in self.answer.words(self.image, goto).lines() {
            writeln!(to, "{}", printable(line))?;
        }
        if let Some(beginning) = self.forgotten {
            writeln!(to, "{}", words::forgotten(beginning))?;
        }
        Ok(())
    }

    /// Writes it as one JSON object, and a newline.
    ///
    /// # Errors
    /// Errors of `to`.
    pub fn json(&self, to: &mut dyn Write) -> io::Result<()> {
        let document = json!({
            "schema": 1,
            "question": self.question,
            "kernel": self.image.path().to_string_lossy(),
            "instructions": self.icount,
            "end": self.end,
            "found": self.answer.is_found(),
            "history_begins": self.forgotten,
            "answer": Told(self.image).answer(self.answer),
        });
        writeln!(to, "{}", printable_json(&serde_json::to_string_pretty(&document)?))
    }
}

/// Numbers of 64 bits are hexadecimal strings, as JSON's numbers are not exact beyond 2^53; instruction counts are numbers.
fn hex(number: u64) -> Value {
    format!("{number:#x}").into()
}

/// What the image knows of what is told.
struct Told<'a>(&'a Image);

impl Told<'_> {
    fn answer(&self, answer: &Answer) -> Value {
        match answer {
            Answer::Write(write) => self.write(write),
            Answer::Reads(reads) => self.reads(reads),
            Answer::Why(why) => self.why(why),
            Answer::Traps(traps) => traps.iter().map(|trap| self.trap(trap)).collect(),
            Answer::When(place, arrivals) => self.arrivals(*place, arrivals),
            Answer::At(_, moment) => moment.as_ref().map_or(Value::Null, |moment| self.moment(moment)),
            Answer::Page(page) => page_of(page),
        }
    }

    fn place(&self, address: Address) -> Value {
        self.known(&self.0.place(address))
    }

    fn known(&self, place: &Place) -> Value {
        serde_json::to_value(location(place)).unwrap_or_default()
    }

    fn write(&self, write: &LastWrite) -> Value {
        json!({
            "memory": self.place(write.memory.start),
            "bytes": write.memory.length,
            "store": write.store.as_ref().map(|store| self.store(store)),
            "changed_otherwise": write.changed_otherwise,
        })
    }

    fn store(&self, store: &Store) -> Value {
        json!({
            "instruction": store.icount,
            "by": self.place(store.pc),
            "to": self.place(store.address),
            "physical": hex(store.physical.0),
            "bytes": store.length,
            "old": hex(store.old),
            "new": hex(store.new),
        })
    }

    fn reads(&self, reads: &Reads) -> Value {
        let by = |loads: &Loads| {
            json!({
                "by": self.place(loads.pc()),
                "count": loads.count,
                "first": load(&loads.first),
                "last": load(&loads.last),
            })
        };
        json!({
            "memory": self.place(reads.memory.start),
            "bytes": reads.memory.length,
            "loads": reads.loads.iter().map(by).collect::<Value>(),
        })
    }

    fn why(&self, why: &Why) -> Value {
        match why {
            Why::Nothing => Value::Null,
            Why::Trap { trap, page } => {
                json!({ "trap": self.trap(trap), "page": page.as_ref().map(|fault| page_of(&fault.page)) })
            }
            Why::Fault { fault, instruction, backtrace, page } => json!({
                "page": page.as_ref().map(|fault| page_of(&fault.page)),
                "fault": words::fault_in_words(self.0, *fault, instruction.as_ref().map(|bytes| bytes.as_slice())),
                "backtrace": backtrace.iter().map(|place| self.known(place)).collect::<Value>(),
            }),
        }
    }

    fn trap(&self, trap: &TakenTrap) -> Value {
        json!({
            "instruction": trap.icount,
            "at": self.place(trap.pc),
            "cause": hex(trap.cause),
            "words": crate::riscv::cause::cause(trap.cause).to_string(),
            "value": hex(trap.value),
            "from_user": trap.from_user,
            "from_guest": trap.from_guest,
            "handler": self.place(trap.handler),
        })
    }

    fn arrivals(&self, place: Address, arrivals: &Arrivals) -> Value {
        let one = |arrival: &Arrival| json!({ "instruction": arrival.icount, "ra": self.place(arrival.ra) });
        json!({
            "place": self.place(place),
            "count": arrivals.count,
            "arrivals": arrivals.first.iter().map(one).collect::<Value>(),
            "last": arrivals.last.as_ref().map(one),
        })
    }

    fn moment(&self, moment: &Moment) -> Value {
        json!({
            "instruction": moment.icount,
            "privilege": moment.privilege,
            "pc": hex(moment.registers.pc),
            "registers": moment.registers.x.iter().copied().map(hex).collect::<Value>(),
            "backtrace": moment.backtrace.iter().map(|place| self.known(place)).collect::<Value>(),
        })
    }
}

fn load(load: &Load) -> Value {
    json!({
        "instruction": load.icount,
        "address": hex(load.address.0),
        "bytes": load.length,
        "value": hex(load.value),
    })
}

fn page_of(page: &Page) -> Value {
    let stages: Value = std::iter::once(&page.first).chain(&page.second).map(walk).collect();
    let physical = page.physical.map(|address| hex(address.0));
    json!({ "address": hex(page.address.0), "physical": physical, "stages": stages })
}

fn walk(walk: &Walk) -> Value {
    let level = |level: &Level| {
        json!({
            "level": level.level,
            "index": level.index,
            "at": hex(level.at.0),
            "entry": level.entry.map(hex),
            "is_leaf": level.is_leaf(),
            "target": level.target().map(|target| hex(target.0)),
        })
    };
    json!({
        "register": walk.register.to_string(),
        "value": hex(walk.value),
        "mode": walk.scheme.map(Scheme::name),
        "levels": walk.levels.iter().map(level).collect::<Value>(),
    })
}
