//! virtio-rng: pseudo-random numbers from a seed, so that a run can be repeated. They are not secure.
//!
//! Source: "Virtual I/O Device (VIRTIO) Version 1.2", section "Entropy Device".

use super::queue::{self, Broken, Queue};
use crate::embedded::bus::dma::Dma;

#[derive(Clone, Copy)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    pub fn serve(&mut self, queue: &mut Queue, memory: &mut dyn Dma, events: bool) -> Result<u32, Broken> {
        let mut done = 0;
        while let Some(chain) = queue.take(memory, events)? {
            for buffer in &chain.writable {
                buffer.read(memory)?; // it is in RAM, and no longer than that
                let words = std::iter::repeat_with(|| self.next().to_le_bytes());
                let bytes: Vec<u8> = words.flatten().take(buffer.length as usize).collect();
                queue::scatter(memory, std::slice::from_ref(buffer), &bytes)?;
            }
            queue.give_back(memory, &chain, queue::length(&chain.writable) as u32)?;
            done += 1;
        }
        Ok(done)
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
