//! Finds who overwrote the image's instructions last. It does not know whether that was intended.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::layout::overlap;
use crate::image::Image;
use crate::machine::{Address, Error, Store};
use crate::riscv;

/// How many bytes of overwritten code are kept. A kernel that writes more copies itself; the first bytes are enough.
const MOST: usize = 4096;

pub struct CodeWrites {
    code: Vec<Range<Address>>,
    /// By address of the bytes.
    last: BTreeMap<Address, Store>,
}

impl CodeWrites {
    pub fn new(image: &Image) -> CodeWrites {
        let code = image.code().map(|(start, bytes)| start..start + bytes.len() as u64).collect();
        CodeWrites { code, last: BTreeMap::new() }
    }

    /// The ranges in which stores are recorded.
    pub fn ranges(&self) -> &[Range<Address>] {
        &self.code
    }

    pub fn store(&mut self, store: &Store) {
        let range = store.address..store.address + u64::from(store.length);
        if self.last.len() < MOST && self.code.iter().any(|code| overlap(code, &range)) {
            self.last.insert(store.address, *store);
        }
    }

    /// The last store to any of these bytes.
    pub fn last_to(&self, range: &Range<Address>) -> Option<&Store> {
        let near = self.last.range(range.start - 8..range.end).map(|(_, store)| store);
        near.filter(|store| store.address + u64::from(store.length) > range.start).max_by_key(|store| store.icount)
    }
}

impl BootRun<'_> {
    /// Describes an instruction that differs from the file: the instruction in the file, and who overwrote it, if that was seen.
    /// It is the end of a sentence. `None` if the instruction is the file's, or the file has none there.
    pub fn overwritten(&mut self, pc: Address) -> Result<Option<String>, Error> {
        let linked = self.image.linked(pc);
        let Some(original) = self.image.instruction(linked) else { return Ok(None) };
        let now = match self.instruction(pc) {
            Ok(now) => now,
            Err(Error::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if now.starts_with(original) || original.starts_with(&now) {
            return Ok(None);
        }
        let range = linked..linked + original.len() as u64;
        let writer = self.memory().and_then(|memory| memory.code_writes.last_to(&range)).copied();
        let original = riscv::disassemble(self.image.xlen(), linked, original);
        let who = match writer {
            Some(store) => format!("; {} overwrote it", self.place(store.pc)),
            None => "; it was overwritten".into(),
        };
        Ok(Some(format!("in the file it is `{original}`{who}")))
    }

    /// The same of the first such instruction within 64 bytes of `pc`, in its function, with its place.
    pub fn overwritten_near(&mut self, pc: Address) -> Result<Option<String>, Error> {
        const NEAR: u64 = 64;
        let linked = self.image.linked(pc);
        let Some((_, offset)) = self.image.function(linked) else { return Ok(None) };
        let mut at = linked - offset;
        while at < linked + NEAR
            && let Some(length) = self.image.instruction(at).map(|bytes| bytes.len() as u64)
        {
            if at + NEAR > linked
                && let Some(words) = self.overwritten(at)?
            {
                return Ok(Some(format!("the instruction at {} is not the file's: {words}", self.place(at))));
            }
            at = at + length;
        }
        Ok(None)
    }
}
