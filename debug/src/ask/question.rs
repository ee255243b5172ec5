//! A question as a person types it, and its answer. It does not know who asks.

use super::page::{self, Page};
use super::{Interrupted, LastWrite, Memory, Moment, Reads, Why, words};
use crate::embedded::{Arrivals, Embedded, GoesOn};
use crate::image::Image;
use crate::machine::{Address, TakenTrap};
use crate::riscv::Extension;
use crate::setting::Setting;

/// How many traps are told where nobody says, and at most.
const USUAL_TRAPS: u64 = 10;
const MOST_TRAPS: u64 = 10_000;

/// A question about the run until now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `last-write PLACE [BYTES]`: who wrote there last.
    LastWrite(Memory),
    /// `first-write PLACE [BYTES]`: who wrote there first.
    FirstWrite(Memory),
    /// `reads PLACE [BYTES]`: who read it.
    Reads(Memory),
    /// `why`: the fault that stopped the machine, or the last trap.
    Why,
    /// `traps [N]`: the last traps.
    Traps(usize),
    /// `when PLACE`: each arrival at an instruction.
    When(Address),
    /// `at N`: the moment after so many instructions.
    At(u64),
    /// `page PLACE`: the way through the page tables.
    Page {
        /// What is translated.
        address: Address,
        /// It is an address of the guest, whoever executes.
        of_guest: bool,
    },
}

/// What is answered to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::LastWrite`] and [`Question::FirstWrite`].
    Write(LastWrite),
    /// To [`Question::Reads`].
    Reads(Reads),
    /// To [`Question::Why`].
    Why(Why),
    /// To [`Question::Traps`].
    Traps(Vec<TakenTrap>),
    /// To [`Question::When`].
    When(Address, Arrivals),
    /// To [`Question::At`]; `None` where the history does not go there.
    At(u64, Option<Moment>),
    /// To [`Question::Page`].
    Page(Page),
}

impl Question {
    /// What each question takes, its name first.
    pub const USAGES: [&str; 8] = [
        "last-write [physical] PLACE [BYTES]",
        "first-write [physical] PLACE [BYTES]",
        "reads [physical] PLACE [BYTES]",
        "why",
        "traps [N]",
        "when PLACE",
        "at N",
        "page [guest] PLACE",
    ];

    /// The names of the questions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Question::USAGES.iter().filter_map(|usage| usage.split(' ').next())
    }

    /// Understands the words of a question; `None` where they are none of the form of any question.
    ///
    /// # Errors
    /// Says which word names nothing.
    pub fn parse(words: &[&str], image: &Image) -> Option<Result<Question, String>> {
        let memory = |place: &str, bytes: Option<&str>, physical| memory(image, place, bytes, physical);
        let accesses = |rest: &[&str]| match rest {
            ["physical", place] => Some(memory(place, None, true)),
            ["physical", place, bytes] => Some(memory(place, Some(bytes), true)),
            [place] => Some(memory(place, None, false)),
            [place, bytes] => Some(memory(place, Some(bytes), false)),
            _ => None,
        };
        let page = |word: &str, of_guest| {
            let names = if of_guest { image.guest().unwrap_or(image) } else { image };
            place(names, word).map(|(address, _)| Question::Page { address, of_guest })
        };
        Some(match words {
            ["last-write", rest @ ..] => accesses(rest)?.map(Question::LastWrite),
            ["first-write", rest @ ..] => accesses(rest)?.map(Question::FirstWrite),
            ["reads", rest @ ..] => accesses(rest)?.map(Question::Reads),
            ["why"] => Ok(Question::Why),
            ["traps"] => Ok(Question::Traps(USUAL_TRAPS as usize)),
            ["traps", count] => traps(count),
            ["when", word] => place(image, word).map(|(address, _)| Question::When(address)),
            ["at", count] => moment(count).map(Question::At),
            ["page", "guest", word] => page(word, true),
            ["page", word] => page(word, false),
            _ => return None,
        })
    }

    /// Answers it from the machine's history. The machine is afterwards where it was.
    ///
    /// # Errors
    /// [`Interrupted`] where `goes_on` says no.
    pub fn answer(
        &self,
        machine: &mut Embedded,
        image: &Image,
        goes_on: &mut GoesOn<'_>,
    ) -> Result<Answer, Interrupted> {
        Ok(match self {
            Question::LastWrite(memory) => Answer::Write(super::last_write(machine, image, memory, goes_on)?),
            Question::FirstWrite(memory) => Answer::Write(super::first_write(machine, image, memory, goes_on)?),
            Question::Reads(memory) => Answer::Reads(super::reads(machine, image, memory, goes_on)?),
            Question::Why => Answer::Why(super::why(machine, image, goes_on)?),
            Question::Traps(count) => Answer::Traps(super::last_traps(machine, *count, goes_on)?),
            Question::When(place) => Answer::When(*place, super::when(machine, image, *place, goes_on)?),
            Question::At(icount) => Answer::At(*icount, super::at(machine, image, *icount)),
            Question::Page { address, of_guest: true } => Answer::Page(page::page_of_guest(machine, *address)),
            Question::Page { address, of_guest: false } => Answer::Page(page::page(machine, *address)),
        })
    }

    /// Where the history begins, if an earlier beginning could change this answer: what was before is not known.
    pub fn forgets(&self, answer: &Answer, machine: &Embedded) -> Option<u64> {
        let needs_all = match (self, answer) {
            (Question::LastWrite(_), Answer::Write(write)) => write.store.is_none(),
            (Question::Traps(count), Answer::Traps(traps)) => traps.len() < *count,
            (Question::Why, Answer::Why(why)) => *why == Why::Nothing,
            (Question::FirstWrite(_) | Question::Reads(_) | Question::When(_), _) => true,
            _ => false,
        };
        Some(machine.beginning()).filter(|beginning| needs_all && *beginning > 0)
    }

    /// Refuses what this machine has not.
    ///
    /// # Errors
    /// Says what it lacks.
    pub fn check(&self, machine: &Embedded) -> Result<(), String> {
        match self {
            Question::Page { of_guest: true, .. } => require_guests(machine),
            _ => Ok(()),
        }
    }
}

/// Refuses what needs a guest on a hart that can have none.
///
/// # Errors
/// Says what the hart lacks.
pub fn require_guests(machine: &Embedded) -> Result<(), String> {
    if machine.has(Extension::Hypervisor) {
        return Ok(());
    }
    Err(format!("this hart has no guests: it lacks the extension H; try: {} rv64,h=on", Setting::Cpu))
}

impl Answer {
    /// The answer for a person, who goes to another moment by `goto` and its number.
    pub fn words(&self, image: &Image, goto: words::Goto<'_>) -> String {
        match self {
            Answer::Write(write) => words::write(image, write, goto),
            Answer::Reads(reads) => words::reads(image, reads, goto),
            Answer::Why(why) => words::why(image, why),
            Answer::Traps(traps) if traps.is_empty() => "no trap since boot".into(),
            Answer::Traps(traps) => words::traps(image, traps),
            Answer::When(place, arrivals) => words::when(image, *place, arrivals, goto),
            Answer::At(_, Some(moment)) => words::moment(image, moment),
            Answer::At(icount, None) => {
                format!("the run has not come to instruction {icount} so far, or its history does not go back to it")
            }
            Answer::Page(page) => words::page(image, page),
        }
    }

    /// Whether there was what was asked for.
    pub fn is_found(&self) -> bool {
        match self {
            Answer::Write(write) => write.store.is_some(),
            Answer::Reads(reads) => !reads.loads.is_empty(),
            Answer::Why(why) => *why != Why::Nothing,
            Answer::Traps(traps) => !traps.is_empty(),
            Answer::When(_, arrivals) => arrivals.count > 0,
            Answer::At(_, moment) => moment.is_some(),
            Answer::Page(page) => page.physical.is_some(),
        }
    }
}

fn memory(image: &Image, word: &str, bytes: Option<&str>, physical: bool) -> Result<Memory, String> {
    let (start, size) = place(image, word)?;
    let length = match bytes {
        Some(text) => number(text)
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| format!("{text} is not a number of bytes; use 1 or more"))?,
        None => size,
    };
    Ok(Memory { start, length, physical })
}

fn traps(text: &str) -> Result<Question, String> {
    let count = number(text).filter(|count| (1..=MOST_TRAPS).contains(count));
    let count = count.ok_or_else(|| format!("{text} is not a number of traps: 1 to {MOST_TRAPS}"))?;
    Ok(Question::Traps(count as usize))
}

/// A moment, as the number of instructions before it.
fn moment(text: &str) -> Result<u64, String> {
    number(text).ok_or_else(|| format!("{text} is not a number of instructions, such as 1000 or 0x3e8"))
}

/// Start and size of what a word names: one byte at an address, a symbol with its size, or what of it lies behind an offset.
fn place(image: &Image, word: &str) -> Result<(Address, u64), String> {
    if let Some(address) = number(word) {
        return Ok((Address(address), 1));
    }
    let is_named = |address| {
        let symbol = image.place(address).symbol;
        symbol.is_some_and(|(name, offset)| offset == 0 && name == word)
    };
    let symbol = image.symbol(word).or_else(|| image.symbols().find(|symbol| is_named(symbol.address)));
    if let Some(symbol) = symbol {
        return Ok((symbol.address, symbol.size.max(1)));
    }
    if let Some((name, offset)) = word.rsplit_once('+').and_then(|(name, offset)| Some((name, number(offset)?))) {
        let (start, size) = place(image, name)?;
        return Ok((Address(start.0.wrapping_add(offset)), size.saturating_sub(offset).max(1)));
    }
    let missing = image.require(word).err().map_or_else(String::new, |error| format!("; {error}"));
    Err(format!("{word} is neither an address, such as 0x80200000, nor a symbol{missing}"))
}

/// Parses a number: decimal, or hexadecimal after 0x.
pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(number("10"), Some(10));
        assert_eq!(number("0x80200000"), Some(0x8020_0000));
        assert_eq!(number("boot"), None);
        assert_eq!(number("-1"), None);
        assert_eq!(number("0x"), None);
    }
}
