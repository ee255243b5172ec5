//! virtio-console: one port, on the machine's console. Typed input goes to its driver if the driver has added buffers, else to the UART.
//!
//! Source: "Virtual I/O Device (VIRTIO) Version 1.2", section "Console Device"; for the used length QEMU, hw/char/virtio-serial-bus.c.

use super::queue::{self, Broken, Queue};
use crate::embedded::bus::dma::{Dma, Moment};

pub const RECEIVE: usize = 0;
/// Columns, rows, ports: of the last there is one.
pub const CONFIGURATION: [u8; 12] = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];

/// Uses what is available in queue `number`; the value is how many requests were given back.
pub fn serve(number: usize, queue: &mut Queue, memory: &mut dyn Dma, events: bool, now: Moment) -> Result<u32, Broken> {
    if number == RECEIVE { receive(queue, memory, events, now) } else { transmit(queue, memory, events) }
}

fn receive(queue: &mut Queue, memory: &mut dyn Dma, events: bool, now: Moment) -> Result<u32, Broken> {
    let mut done = 0;
    while memory.has_input(now) {
        let Some(chain) = queue.take(memory, events)? else { break };
        let room = queue::length(&chain.writable) as usize;
        let typed: Vec<u8> = (0..room).map_while(|_| memory.take_input(now)).collect();
        queue::scatter(memory, &chain.writable, &typed)?;
        queue.give_back(memory, &chain, typed.len() as u32)?;
        done += 1;
    }
    Ok(done)
}

fn transmit(queue: &mut Queue, memory: &mut dyn Dma, events: bool) -> Result<u32, Broken> {
    let mut done = 0;
    while let Some(chain) = queue.take(memory, events)? {
        for buffer in &chain.readable {
            for byte in buffer.read(memory)?.to_vec() {
                memory.print(byte);
            }
        }
        queue.give_back(memory, &chain, 0)?;
        done += 1;
    }
    Ok(done)
}
