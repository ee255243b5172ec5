//! The guest's programs for virtio's console, random numbers and network, in the slots 7, 6 and 5. It does not know what is received.

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::programs::{claim, complete, enable, threshold};
use crate::queue::{Rings, Slot};
use crate::*;

/// A network card's address and its link.
const NETWORK: u64 = 1 << 5 | 1 << 16;

static mut RINGS: [MaybeUninit<Rings>; 2] = [MaybeUninit::zeroed(), MaybeUninit::zeroed()];
static mut DATA: [[u8; 2048]; 4] = [[0; 2048]; 4];

fn rings(number: usize) -> *mut Rings {
    unsafe { &raw mut RINGS[number] as *mut Rings }
}

fn data(buffer: usize) -> usize {
    unsafe { &raw mut DATA[buffer] as usize }
}

fn put(buffer: usize, from: usize, bytes: &[u8]) {
    bytes.iter().enumerate().for_each(|(index, byte)| write8(data(buffer) + from + index, *byte));
}

pub fn run() {
    console();
    random();
    send();
}

fn console() {
    let slot = Slot::begin(7, 0);
    let _receive = slot.queue(0, rings(0));
    let mut transmit = slot.queue(1, rings(1));
    slot.ready();
    put(0, 0, b"through ");
    put(1, 0, b"virtio\n");
    transmit.add(&[(data(0), 8, false), (data(1), 7, false)]);
    transmit.notify();
    println!("printed: {:?}", transmit.next_used());
}

fn random() {
    let slot = Slot::begin(6, 0);
    let mut queue = slot.queue(0, rings(0));
    slot.ready();
    let mut sums = [0_u64; 2];
    for sum in &mut sums {
        put(0, 0, &[0; 64]);
        queue.add(&[(data(0), 40, true), (data(0) + 40, 24, true)]);
        queue.notify();
        println!("random: {:?}", queue.next_used().map(|used| used[1]));
        *sum = (0..64).fold(0, |sum: u64, index| sum.wrapping_mul(257).wrapping_add(u64::from(read8(data(0) + index))));
        let zeros = (0..64).filter(|index| read8(data(0) + index) == 0).count();
        println!("mostly no zeros: {}", zeros < 8);
    }
    println!("they differ: {}", sums[0] != sums[1]);
}

fn send() {
    let slot = Slot::begin(5, NETWORK);
    let address: [u8; 6] = core::array::from_fn(|index| read8(slot.base + 0x100 + index));
    println!("address {address:x?}, link {:x}", read16(slot.base + 0x106));
    let header = if read32(slot.base + 4) == 2 { 12 } else { 10 };
    let _receive = slot.queue(0, rings(0));
    let mut transmit = slot.queue(1, rings(1));
    slot.ready();
    for number in 0..3_u8 {
        put(0, 0, &[0; 12]);
        put(1, 0, &[0xff; 6]);
        put(1, 6, &address);
        put(1, 12, &[0x88, 0xb5]);
        put(1, 14, &[number; 60]);
        transmit.add(&[(data(0), header, false), (data(1), 60 + usize::from(number), false)]);
        transmit.notify();
        println!("sent: {:?}", transmit.next_used().map(|used| used[1]));
    }
}

static RECEIVED: AtomicU32 = AtomicU32::new(0);

/// Receives three packets by interrupt; room for one is made when it has been received.
pub fn receive() {
    fn handler() {
        let source = claim();
        let base = 0x1000_0000 + source as usize * 0x1000;
        write32(base + 0x64, read32(base + 0x60));
        complete(source);
        RECEIVED.fetch_add(1, Ordering::Relaxed);
    }
    let slot = Slot::begin(7, NETWORK);
    let mut queue = slot.queue(0, rings(0));
    let _transmit = slot.queue(1, rings(1));
    slot.ready();
    enable(8, 1);
    threshold(0);
    on_interrupt(handler);
    let begin = time();
    for number in 0..3 {
        put(0, 0, &[0; 100]);
        queue.add(&[(data(0), 10, true), (data(0) + 10, 1600, true)]);
        queue.notify();
        wait_until(|| RECEIVED.load(Ordering::Relaxed) > number);
        let length = queue.next_used().unwrap()[1] as usize;
        let sum: u64 = (10..length).map(|index| u64::from(read8(data(0) + index))).sum();
        println!("received {length} bytes, sum {sum}, after {} ms", (time() - begin) / 10_000);
    }
}

/// Echoes what is typed, through the virtio console, up to a full stop.
pub fn echo() {
    fn handler() {
        let source = claim();
        write32(0x1000_8064, read32(0x1000_8060));
        complete(source);
    }
    let slot = Slot::begin(7, 0);
    let mut receive = slot.queue(0, rings(0));
    let mut transmit = slot.queue(1, rings(1));
    slot.ready();
    enable(8, 1);
    threshold(0);
    on_interrupt(handler);
    println!("type, please");
    let mut ends = false;
    while !ends {
        receive.add(&[(data(0), 16, true)]);
        receive.notify();
        wait_until(|| receive.used_index() != receive.seen);
        let length = receive.next_used().unwrap()[1] as usize;
        ends = (0..length).any(|index| read8(data(0) + index) == b'.');
        transmit.add(&[(data(0), length, false)]);
        transmit.notify();
        transmit.next_used().unwrap();
    }
    println!("");
}
