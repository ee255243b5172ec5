//! Compares the stores of two machines: at once if both are stopped, later if one of them runs.

use std::ops::Range;

use super::pair::Pair;
use super::result::Divergence;
use super::state::Executed;
use super::window::{CHUNK, Stored, read};
use crate::image::Image;
use crate::machine::{Address, Error};

impl Pair<'_> {
    /// Whether the store changed memory, or what each machine holds now where they differ. `before` is what the second held.
    pub fn compare_store(
        &mut self,
        executed: &Executed<'_>,
        range: &Range<Address>,
        before: Option<&[u8]>,
    ) -> Result<Result<bool, Divergence>, Error> {
        self.stats.stores += 1;
        let Some(before) = before else {
            self.stats.device_stores += 1;
            return Ok(Ok(true));
        };
        let here = read(self.other, range)?;
        let changed = here.as_deref() != Some(before);
        if self.reference.follows() {
            let (range, instructions) = (range.clone(), self.stats.instructions);
            let (pc, bytes) = (executed.before.pc(), executed.bytes.to_vec());
            self.window.stores.push(Stored { range, instructions, pc, bytes });
            return Ok(Ok(changed));
        }
        let there = read(self.reference.machine, range)?;
        if there == here {
            return Ok(Ok(changed));
        }
        if there.is_none() || here.is_none() {
            self.stats.unreadable_stores += 1;
            return Ok(Ok(changed));
        }
        Ok(Err(stored_differently(self.stats.instructions, range.start, [there, here])))
    }

    /// What differs of all that was stored since memory was last compared, while the first machine stands still.
    pub fn compare_stores(&mut self) -> Result<Option<Divergence>, Error> {
        for stretch in self.window.stretches() {
            let [there, here] = [read(self.reference.machine, &stretch)?, read(self.other, &stretch)?];
            let (Some(there), Some(here)) = (&there, &here) else {
                self.stats.unreadable_stores += u64::from(there.is_some() != here.is_some());
                continue;
            };
            let Some(index) = self.first_difference(stretch.start, [there, here])? else { continue };
            let byte = stretch.start + index as u64;
            // The last one to this byte: whatever an earlier one did is gone.
            let stored = self.window.stores.iter().rev().find(|stored| stored.range.contains(&byte));
            return Ok(stored.map(|stored| {
                let [start, end] =
                    [stored.range.start, stored.range.end].map(|at| (at.0.saturating_sub(stretch.start.0)) as usize);
                let sides = [there, here].map(|side| side.get(start..end).map(<[u8]>::to_vec));
                stored_differently(stored.instructions, stored.range.start, sides).at(stored.pc, stored.bytes.clone())
            }));
        }
        self.window.begin(self.stats.instructions);
        Ok(None)
    }

    /// The first byte of memory from `start` on that differs, but for known faults.
    fn first_difference(&mut self, start: Address, [there, here]: [&[u8]; 2]) -> Result<Option<usize>, Error> {
        const ENTRY: u64 = size_of::<u64>() as u64;
        let mut from = 0;
        while let Some(index) = (from..there.len().min(here.len())).find(|index| there[*index] != here[*index]) {
            let entry = Address((start + index as u64).0 / ENTRY * ENTRY);
            if !self.take_entry(entry)? {
                return Ok(Some(index));
            }
            from = (entry.0 + ENTRY - start.0) as usize;
        }
        Ok(None)
    }

    /// What of the kernel's memory differs: its image, BSS and stack.
    pub fn compare_memory(&mut self, image: &Image) -> Result<Option<Divergence>, Error> {
        let segments = image.segments().iter().map(|segment| segment.address..segment.address + segment.memory_size);
        let ranges: Vec<_> = segments.chain([self.layout.bss.clone(), self.layout.stack.clone()]).collect();
        for range in ranges {
            for start in (range.start.0..range.end.0).step_by(CHUNK as usize).map(Address) {
                let chunk = start..range.end.min(start + CHUNK);
                let [there, here] = [read(self.reference.machine, &chunk)?, read(self.other, &chunk)?];
                // What one of them cannot show cannot be compared.
                let (Some(one), Some(other)) = (there, here) else { continue };
                let Some(index) = self.first_difference(start, [&one, &other])? else { continue };
                let place = image.place(start + index as u64);
                let summary = format!("memory differs at the end, from {place} on");
                let sides = [one, other].map(|side| hexadecimal(Some(&side[index..side.len().min(index + 8)])));
                return Ok(Some(Divergence::new(summary, sides)));
            }
        }
        Ok(None)
    }
}

fn stored_differently(instructions: u64, at: Address, sides: [Option<Vec<u8>>; 2]) -> Divergence {
    let summary = format!("the stores differ after {instructions} instructions");
    Divergence::new(summary, sides.map(|bytes| format!("{at} holds {}", hexadecimal(bytes.as_deref()))))
}

fn hexadecimal(bytes: Option<&[u8]>) -> String {
    bytes.map_or("no memory".into(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
