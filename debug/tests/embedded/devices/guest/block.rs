//! The guest's programs for virtio-blk. It does not know what is on the disk.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::programs::{claim, complete, enable, pending, threshold};
use crate::queue::{EVENT_INDEX, INDIRECT_DESCRIPTORS, Part, Queue, Rings, Slot};
use crate::*;

/// Segments, read-only, block size, flush.
const OWN: u64 = 1 << 2 | 1 << 5 | 1 << 6 | 1 << 9;
const READ: u32 = 0;
const WRITE: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;

static mut RINGS: core::mem::MaybeUninit<Rings> = core::mem::MaybeUninit::zeroed();
static mut DATA: [[u8; 1024]; 4] = [[0; 1024]; 4];

#[repr(C)]
struct Header {
    kind: u32,
    reserved: u32,
    sector: u64,
}

/// A request whose data are a buffer of `DATA`.
struct Request {
    header: Header,
    status: u8,
}

impl Request {
    fn new(kind: u32, sector: u64) -> Request {
        Request { header: Header { kind, reserved: 0, sector }, status: 0xee }
    }

    fn parts(&mut self, buffer: usize, length: usize) -> [Part; 3] {
        let written = self.header.kind != WRITE;
        [(&raw const self.header as usize, 16, false), (data(buffer), length, written), (&raw mut self.status as usize, 1, true)]
    }

    fn status(&self) -> u8 {
        read8(&raw const self.status as usize)
    }
}

fn data(buffer: usize) -> usize {
    unsafe { &raw mut DATA[buffer] as usize }
}

fn fill(buffer: usize, byte: u8) {
    (0..1024).for_each(|index| write8(data(buffer) + index, byte.wrapping_add(index as u8)));
}

fn sum(buffer: usize) -> u64 {
    (0..1024).fold(0, |sum: u64, index| sum.wrapping_mul(31).wrapping_add(u64::from(read8(data(buffer) + index))))
}

/// One request, waited for.
fn one(queue: &mut Queue, what: &str, kind: u32, sector: u64, length: usize) {
    let mut request = Request::new(kind, sector);
    let parts = request.parts(0, length);
    match length {
        0 => queue.add(&[parts[0], parts[2]]),
        _ => queue.add(&parts),
    };
    queue.notify();
    let used = queue.next_used().map(|[_, length]| length);
    println!("{what}: used {used:?} status {} data {:x}", request.status(), sum(0));
}

pub fn run() {
    let slot = Slot::begin(7, OWN);
    let base = slot.base;
    println!("capacity {:x} {:x}, segments {}, block {}", slot.get(0x100), slot.get(0x104), slot.get(0x10c), slot.get(0x114));
    println!("by bytes {:x} {:x} and halves {:x}", read8(base + 0x100), read8(base + 0x101), read16(base + 0x100));
    println!("beyond {:x}", slot.get(0x1f0));
    let mut queue = slot.queue(0, &raw mut RINGS as *mut Rings);
    slot.ready();
    fill(0, 0);
    one(&mut queue, "read", READ, 0, 512);
    one(&mut queue, "read two sectors", READ, 7, 1024);
    println!("interrupt {} pending {}", slot.get(0x60), pending(8));
    slot.set(0x64, 1);
    println!("acknowledged {}", slot.get(0x60));
    fill(0, 0x55);
    one(&mut queue, "write", WRITE, 3, 1024);
    fill(0, 0);
    one(&mut queue, "read it", READ, 3, 1024);
    one(&mut queue, "read a half of it", READ, 4, 512);
    one(&mut queue, "flush", FLUSH, 0, 0);
    fill(0, 9);
    one(&mut queue, "name", GET_ID, 0, 20);
    one(&mut queue, "unknown", 99, 0, 512);
    one(&mut queue, "the last sector", READ, 2047, 512);
    one(&mut queue, "behind the end", READ, 2048, 512);
    one(&mut queue, "across the end", READ, 2047, 1024);
    one(&mut queue, "far behind it", READ, u64::MAX, 512);
    one(&mut queue, "write across the end", WRITE, 2047, 1024);
    one(&mut queue, "not a sector", READ, 0, 100);
    one(&mut queue, "nothing", READ, 0, 0);
    two(&mut queue);
    interrupts(&slot, &mut queue);
    tables();
    broken();
}

/// Two at once, which may end in any order.
fn two(queue: &mut Queue) {
    let (mut first, mut second) = (Request::new(READ, 3), Request::new(WRITE, 9));
    fill(1, 0);
    fill(2, 0x77);
    let heads = [queue.add(&first.parts(1, 512)), queue.add(&second.parts(2, 1024))];
    queue.notify();
    let mut used = [queue.next_used(), queue.next_used()].map(Option::unwrap);
    if used[0][0] != u32::from(heads[0]) {
        used.swap(0, 1);
    }
    let right = used[0][0] == u32::from(heads[0]) && used[1][0] == u32::from(heads[1]);
    println!("two: {right}, lengths {} {}, status {} {}", used[0][1], used[1][1], first.status(), second.status());
    println!("data {:x} {:x}", sum(1), sum(2));
}

static SEEN: AtomicU32 = AtomicU32::new(0);

fn interrupts(slot: &Slot, queue: &mut Queue) {
    fn handler() {
        let source = claim();
        let base = 0x1000_8000;
        let status = read32(base + 0x60);
        write32(base + 0x64, status);
        complete(source);
        SEEN.store(source << 8 | status, Ordering::Relaxed);
    }
    slot.set(0x64, 3);
    enable(8, 1);
    threshold(0);
    println!("what is left of before: {} {}", claim(), claim());
    complete(8);
    on_interrupt(handler);
    let mut request = Request::new(READ, 3);
    queue.add(&request.parts(0, 512));
    queue.notify();
    wait_until(|| SEEN.load(Ordering::Relaxed) != 0);
    println!("interrupt: source and status {:x}, used {:?}", SEEN.load(Ordering::Relaxed), queue.next_used().map(|used| used[1]));
    queue.no_interrupts(1);
    one(queue, "without an interrupt", READ, 3, 512);
    println!("interrupt {} pending {}", slot.get(0x60), pending(8));
    queue.no_interrupts(0);
}

/// Descriptors in tables, and interrupts and notifications by index.
fn tables() {
    let slot = Slot::begin(7, OWN | INDIRECT_DESCRIPTORS | EVENT_INDEX);
    let mut queue = slot.queue(0, &raw mut RINGS as *mut Rings);
    slot.ready();
    let mut table = [[0; 2]; 8];
    let mut request = Request::new(READ, 3);
    fill(0, 0);
    queue.set_used_event(0);
    queue.add_indirect(&request.parts(0, 1024), &mut table);
    queue.notify();
    println!("by a table: used {:?} status {} data {:x}", queue.next_used().map(|used| used[1]), request.status(), sum(0));
    let begin = time();
    while slot.get(0x60) == 0 && time() - begin < 10_000_000 {}
    println!("interrupt {}, to be notified at {}", slot.get(0x60), queue.available_event());
    slot.set(0x64, 1);
    // Not before the third.
    queue.set_used_event(2);
    one(&mut queue, "the second", READ, 7, 512);
    println!("interrupt {}, to be notified at {}", slot.get(0x60), queue.available_event());
    one(&mut queue, "the third", READ, 7, 512);
    let begin = time();
    while slot.get(0x60) == 0 && time() - begin < 10_000_000 {}
    println!("interrupt {}, to be notified at {}", slot.get(0x60), queue.available_event());
    slot.set(0x64, 1);
}

/// A descriptor that there is not: the device does nothing more, and a newer one says so.
fn broken() {
    let slot = Slot::begin(7, OWN);
    let mut queue = slot.queue(0, &raw mut RINGS as *mut Rings);
    slot.ready();
    queue.offer(100);
    queue.notify();
    let begin = time();
    while slot.get(0x70) & 0x40 == 0 && time() - begin < 1_000_000 {}
    println!("broken: status {:x}, interrupt {}, used {}", slot.get(0x70), slot.get(0x60), queue.used_index());
    slot.set(0x70, 0);
    println!("after a reset: status {:x}, interrupt {}", slot.get(0x70), slot.get(0x60));
}

/// A hundred rounds of reading eight pages, changing what was read by what is there, and writing it.
pub fn write_rounds() {
    let slot = Slot::begin(7, OWN);
    let mut queue = slot.queue(0, &raw mut RINGS as *mut Rings);
    slot.ready();
    let mut state = 1_u64;
    for _ in 0..100 {
        for page in 0..8 {
            let mut request = Request::new(READ, page * 8);
            queue.add(&request.parts(0, 1024));
            queue.notify();
            assert!(queue.next_used().is_some() && request.status() == 0);
            state = state.wrapping_mul(31).wrapping_add(sum(0));
            (0..1024).for_each(|index| write8(data(0) + index, read8(data(0) + index).wrapping_add(state as u8)));
            let mut request = Request::new(WRITE, page * 8 + state % 6);
            queue.add(&request.parts(0, 1024));
            queue.notify();
            assert!(queue.next_used().is_some() && request.status() == 0);
        }
    }
    println!("100 rounds: {state:x}");
}
