//! virtio-net without a network: arriving packets are given at the start, and sent packets are recorded. It does not know files.
//!
//! Source: "Virtual I/O Device (VIRTIO) Version 1.2", section "Network Device".

use super::pcap::Packet;
use super::queue::{self, Broken, Queue};
use crate::embedded::bus::dma::{Dma, Moment};

const RECEIVE: usize = 0;
/// The features: it tells its address, and that it is connected.
pub const FEATURES: u64 = 1 << 5 | 1 << 16;
/// QEMU's first address, and a link that is up.
pub const CONFIGURATION: [u8; 8] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 1, 0];
/// In nanoseconds.
const INSTRUCTION: u64 = 10;
/// Longer ones are no packets.
const LONGEST: u64 = 65_550;
/// What is sent is a part of history, which is bounded: the oldest go first, from this many bytes on.
const KEPT: usize = 64 << 20;

pub struct Network {
    /// Those that arrive, in the order of time.
    arriving: Vec<Packet>,
    /// Those that were sent up to the furthest moment that the machine has seen, but for the oldest.
    sent: std::collections::VecDeque<Packet>,
    sent_bytes: usize,
    /// How many were sent by that moment.
    total: u64,
    state: State,
}

#[derive(Clone, Copy, Default)]
pub struct State {
    /// When the driver first made room for packets: the first comes then.
    begin: Option<u64>,
    /// How many arrived, and how many were sent.
    arrived: usize,
    sent: u64,
    /// The next is here, and there is no room for it.
    waits_for_room: bool,
}

impl Network {
    pub fn new(arriving: Vec<Packet>) -> Network {
        Network { arriving, sent: Default::default(), sent_bytes: 0, total: 0, state: State::default() }
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn restore(&mut self, state: &State) {
        self.state = *state;
    }

    /// A driver that begins anew gets what is left, and at once.
    pub fn reset(&mut self) {
        self.state = State { arrived: self.state.arrived, sent: self.state.sent, ..State::default() };
    }

    /// Forgets everything after the present.
    pub fn forget_future(&mut self) {
        while self.total > self.state.sent {
            self.total -= 1;
            self.sent_bytes -= self.sent.pop_back().map_or(0, |packet| packet.bytes.len());
        }
    }

    /// What was sent up to the present, as far as it is kept.
    pub fn sent(&self) -> impl Iterator<Item = &Packet> {
        let unsent = (self.total - self.state.sent) as usize;
        self.sent.range(..self.sent.len().saturating_sub(unsent))
    }

    /// When the next packet comes, in instructions.
    pub fn next_event(&self) -> u64 {
        match (self.state.begin, self.arriving.get(self.state.arrived)) {
            (Some(begin), Some(packet)) if !self.state.waits_for_room => {
                begin.saturating_add((packet.time - self.arriving[0].time) / INSTRUCTION)
            }
            _ => u64::MAX,
        }
    }

    pub fn serve(
        &mut self,
        number: usize,
        queue: &mut Queue,
        memory: &mut dyn Dma,
        (events, header): (bool, usize),
        now: Moment,
    ) -> Result<u32, Broken> {
        if number == RECEIVE {
            self.receive(queue, memory, (events, header), now)
        } else {
            self.send(queue, memory, (events, header), now)
        }
    }

    fn receive(
        &mut self,
        queue: &mut Queue,
        memory: &mut dyn Dma,
        (events, header): (bool, usize),
        now: Moment,
    ) -> Result<u32, Broken> {
        let mut done = 0;
        self.state.waits_for_room = false;
        if self.state.begin.is_none() && queue.has_next(memory)? {
            // Those that are left follow each other as they did.
            let passed = self.arriving.get(self.state.arrived).map_or(0, |packet| packet.time - self.arriving[0].time);
            self.state.begin = Some(now.time.saturating_sub(passed / INSTRUCTION));
        }
        while self.next_event() <= now.time {
            let Some(chain) = queue.take(memory, events)? else {
                self.state.waits_for_room = true;
                break;
            };
            let packet = &self.arriving[self.state.arrived].bytes;
            let mut bytes = vec![0; header];
            if header > 10 {
                bytes[10] = 1; // buffers
            }
            bytes.extend_from_slice(packet);
            self.state.arrived += 1;
            if queue::length(&chain.writable) < bytes.len() as u64 {
                // Too long for the driver: it is lost, and the room is there for the next.
                queue.put_back();
                continue;
            }
            queue::scatter(memory, &chain.writable, &bytes)?;
            queue.give_back(memory, &chain, bytes.len() as u32)?;
            done += 1;
        }
        Ok(done)
    }

    fn send(
        &mut self,
        queue: &mut Queue,
        memory: &mut dyn Dma,
        (events, header): (bool, usize),
        now: Moment,
    ) -> Result<u32, Broken> {
        let mut done = 0;
        while let Some(chain) = queue.take(memory, events)? {
            let length = queue::length(&chain.readable).checked_sub(header as u64).ok_or(Broken)?;
            if length <= LONGEST {
                let bytes = queue::gather(memory, &queue::part(&chain.readable, header as u64, length))?;
                self.keep(Packet { time: now.time.saturating_mul(INSTRUCTION), bytes });
            }
            queue.give_back(memory, &chain, 0)?;
            done += 1;
        }
        Ok(done)
    }

    fn keep(&mut self, packet: Packet) {
        self.state.sent += 1;
        if self.state.sent <= self.total {
            return;
        }
        self.total = self.state.sent;
        self.sent_bytes += packet.bytes.len();
        self.sent.push_back(packet);
        while self.sent_bytes > KEPT {
            self.sent_bytes -= self.sent.pop_front().map_or(0, |packet| packet.bytes.len());
        }
    }
}
