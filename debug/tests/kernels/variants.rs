//! Kernels for tests: ours with one thing done otherwise, chosen by `--cfg kernel="name"`. It does not know who runs them.
//!
//! `choose!` holds what differs, the name before it; under `_` stands what all others do. Compiled without optimisation,
//! so that each fault stays as written. A name with a linker script beside this file is linked with that script.
//! What is unsafe here is what a kernel's first instructions must do, or the very fault that the name says.

#![no_std]
#![no_main]

use core::arch::{asm, naked_asm};

/// The items under the name that was asked for; those under `_` where it is not among them.
macro_rules! choose {
    ($($($name:literal)|+ => { $($other:item)* })* _ => { $($usual:item)* }) => {
        $(choose!(@ any($(kernel = $name),+) $($other)*);)*
        choose!(@ not(any($($(kernel = $name),+),*)) $($usual)*);
    };
    (@ $when:ident $names:tt $($item:item)*) => { $(#[cfg($when $names)] $item)* };
}

/// The first function of the image, with these instructions.
macro_rules! entry {
    ($name:ident: $($line:literal),+ $(, $symbol:ident)*) => {
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        #[unsafe(link_section = ".text.boot")]
        extern "C" fn $name() -> ! {
            naked_asm!($($line),+, main = sym main $(, $symbol = sym $symbol)*)
        }
    };
}

unsafe extern "C" {
    #[cfg_attr(kernel = "renamed", link_name = "sbss")]
    static mut __bss: u8;
    #[cfg_attr(kernel = "renamed", link_name = "ebss")]
    static __bss_end: u8;
    #[cfg(kernel = "deep-stack")]
    static __stack_top: u8;
}

// First: how it sets its stack up.

choose! {
    "sp-off-by-16" => {
        entry!(boot: "la sp, __stack_top - 16", "j {main}");
    }
    "sp-never-set" => {
        entry!(boot: "j {main}");
    }
    "store-before-sp" => {
        entry!(boot: "sd a0, -8(sp)", "la sp, __stack_top", "j {main}");
    }
    "call-before-sp" => {
        entry!(boot: "call {nothing}", "la sp, __stack_top", "j {main}", nothing);

        #[unsafe(naked)]
        extern "C" fn nothing() {
            naked_asm!("ret")
        }
    }
    "boot-not-first" => {
        entry!(boot: "la sp, __stack_top", "j {main}");

        /// boot-not-first.ld puts it before `boot`: the firmware jumps here.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        #[unsafe(link_section = ".text.first")]
        extern "C" fn first() {
            naked_asm!("ret")
        }
    }
    "linked-high" => {
        // Turns Sv39 on with RAM at its own address and at 0xffffffff80000000, where it is linked, and goes on there.
        entry!(boot:
            "la t0, {TABLE}", "li t1, 0x80000000 >> 12 << 10 | 0xcf", "sd t1, 16(t0)", "addi t2, t0, 2040", "sd t1, 2040(t2)",
            "srli t0, t0, 12", "li t1, 8 << 60", "or t0, t0, t1", "csrw satp, t0", "sfence.vma",
            "li t1, 0xffffffff00000000", "la sp, __stack_top", "add sp, sp, t1", "la t0, {main}", "add t0, t0, t1", "jr t0",
            TABLE);

        #[repr(align(4096))]
        struct Table([u64; 512]);
        #[unsafe(link_section = ".data")]
        static mut TABLE: Table = Table([0; 512]);
    }
    "renamed" => {
        entry!(_start: "la sp, boot_stack_top", "j {main}");
    }
    "clears-in-boot" => {
        entry!(boot:
            "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end", "0: sd zero, 0(t0)", "addi t0, t0, 8", "bltu t0, t1, 0b",
            "j {main}");
    }
    _ => {
        entry!(boot: "la sp, __stack_top", "j {main}");
    }
}

extern "C" fn main(_hart: usize, _device_tree: usize) -> ! {
    before_clear();
    clear();
    after_clear();
    idle()
}

// Second: what it does before .bss is clear.

choose! {
    "panic-before-clear" => {
        fn before_clear() {
            panic!("too early: .bss is not clear");
        }
    }
    "linked-high" => {
        /// From here on RAM is at its high addresses alone.
        fn before_clear() {
            unsafe {
                (&raw mut TABLE.0[2]).write_volatile(0);
                asm!("sfence.vma");
            }
        }
    }
    "traps-for-ever" => {
        /// stvec is as the firmware left it, at `boot`.
        fn before_clear() {
            unsafe { asm!("unimp") };
        }
    }
    _ => {
        fn before_clear() {}
    }
}

// Third: how it clears .bss.

fn bss() -> usize {
    &raw const __bss as usize
}

fn bss_end() -> usize {
    &raw const __bss_end as usize
}

choose! {
    "clears-in-boot" => {
        fn clear() {
            core::hint::black_box(bss()..bss_end()); // clear already
        }
    }
    "bss-last-8-not-cleared" => {
        fn clear() {
            clear_doublewords(bss(), bss_end() - 8);
        }
    }
    "bss-one-doubleword-too-long" => {
        fn clear() {
            clear_doublewords(bss(), bss_end() + 8);
        }
    }
    "bss-starts-too-early" => {
        fn clear() {
            clear_doublewords(bss() - 8, bss_end());
        }
    }
    "endless-loop-in-clear" => {
        fn clear() {
            let address = bss();
            while address < bss_end() {
                unsafe { asm!("sd zero, 0({})", in(reg) address) }; // and never the next
            }
        }
    }
    "clear-by-bytes" => {
        fn clear() {
            for address in bss()..bss_end() {
                unsafe { asm!("sb zero, 0({})", in(reg) address) };
            }
        }
    }
    "clear-downwards" => {
        fn clear() {
            let mut address = bss_end();
            while address > bss() {
                address -= 8;
                unsafe { asm!("sd zero, 0({})", in(reg) address) };
            }
        }
    }
    "clear-with-memset" => {
        fn clear() {
            unsafe { core::ptr::write_bytes(&raw mut __bss, 0, bss_end() - bss()) };
        }
    }
    "clear-strays" => {
        /// A store far beside .bss by the instruction that clears it, in the clear's course.
        fn clear() {
            zero(bss());
            zero(bss_end() + 4096);
            (bss() + 8..bss_end()).step_by(8).for_each(zero);
        }

        fn zero(address: usize) {
            unsafe { asm!("sd zero, 0({})", in(reg) address) };
        }
    }
    "bss-16-mib" | "bss-27-mib" | "bss-64-mib" => {
        #[cfg(kernel = "bss-16-mib")]
        const MEBIBYTES: usize = 16;
        #[cfg(kernel = "bss-27-mib")]
        const MEBIBYTES: usize = 27;
        #[cfg(kernel = "bss-64-mib")]
        const MEBIBYTES: usize = 64;
        static mut LARGE: [u8; MEBIBYTES << 20] = [0; MEBIBYTES << 20];

        /// As tight as a compiler would make it.
        fn clear() {
            core::hint::black_box(&raw const LARGE); // refers to it, so that the linker keeps it
            unsafe {
                asm!("0: sd zero, 0({at})", "addi {at}, {at}, 8", "bltu {at}, {end}, 0b",
                    at = inout(reg) bss() => _, end = in(reg) bss_end());
            }
        }
    }
    "large-bss" => {
        static mut LARGE: [u8; 16 << 20] = [0; 16 << 20];

        fn clear() {
            core::hint::black_box(&raw const LARGE); // refers to it, so that the linker keeps it
            clear_doublewords(bss(), bss_end());
        }
    }
    _ => {
        fn clear() {
            clear_doublewords(bss(), bss_end());
        }
    }
}

choose! {
    "endless-loop-in-clear" | "clear-by-bytes" | "clear-downwards" | "clear-with-memset" | "clear-strays" | "bss-16-mib"
    | "bss-27-mib" | "bss-64-mib" | "power-off-in-clear" | "clears-in-boot" => {}
    _ => {
        fn clear_doublewords(start: usize, end: usize) {
            let mut address = start;
            while address < end {
                unsafe { asm!("sd zero, 0({})", in(reg) address) };
                address += 8;
            }
        }
    }
}

// Fourth: what it does before it idles.

choose! {
    "load-from-0" => {
        fn after_clear() {
            unsafe { asm!("ld {}, 0(zero)", out(reg) _) };
        }
    }
    "illegal-instruction" => {
        fn after_clear() {
            unsafe { asm!("unimp") };
        }
    }
    "panic" => {
        fn after_clear() {
            let address = core::hint::black_box(0x8020_1008_usize);
            panic!("the page table at {address:#x} is not aligned to 4096 bytes");
        }
    }
    "stack-overflow" => {
        fn after_clear() {
            descend(0);
        }
    }
    "stack-overflow-below-memory" => {
        /// Its frame ends below RAM: the first store at its low end traps.
        fn after_clear() {
            let mut frame = [0_u8; 4 << 20];
            unsafe { (&raw mut frame).cast::<u8>().write_volatile(1) };
        }
    }
    "stack-overflow-far" => {
        /// A frame so large that its only store is far below the stack.
        fn after_clear() {
            unsafe {
                asm!("li t0, {frame}", "sub sp, sp, t0", "sd zero, 0(sp)", "add sp, sp, t0",
                    frame = const (1 << 20) + (64 << 10), out("t0") _);
            }
        }
    }
    "asks-firmware" => {
        /// Prints a character and sets a timer far away, by the legacy calls; reads the time before and after.
        fn after_clear() {
            unsafe {
                asm!("rdtime {0}", "rdcycle {0}", out(reg) _);
                asm!("ecall", in("a7") 1, inout("a0") 10 => _);
                asm!("ecall", in("a7") 0, inout("a0") -1_isize => _);
                asm!("rdtime {}", out(reg) _);
            }
        }
    }
    "computes" => {
        static mut NUMBERS: [u32; 4096] = [0; 4096];

        /// Sorts, divides, multiplies and shifts for ever: loads, stores, branches and calls in an everyday mixture.
        fn after_clear() {
            let numbers = unsafe { &mut *(&raw mut NUMBERS) };
            let mut random = 1_u64;
            loop {
                for number in numbers.iter_mut() {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    *number = random as u32;
                }
                let mut gap = numbers.len() / 2;
                while gap > 0 {
                    sort_by_gap(numbers, gap);
                    gap /= 2;
                }
                random += divisors(numbers);
            }
        }

        fn sort_by_gap(numbers: &mut [u32], gap: usize) {
            for start in gap..numbers.len() {
                let number = numbers[start];
                let mut at = start;
                while at >= gap && numbers[at - gap] > number {
                    numbers[at] = numbers[at - gap];
                    at -= gap;
                }
                numbers[at] = number;
            }
        }

        fn divisors(numbers: &[u32]) -> u64 {
            let mut sum = 0;
            for pair in numbers.chunks_exact(2) {
                let (mut one, mut other) = (pair[0], pair[1]);
                while other != 0 {
                    (one, other) = (other, one % other);
                }
                sum += u64::from(one) * u64::from(pair[1]);
            }
            sum
        }
    }
    "needs-flash" => {
        /// The embedded machine has no flash memory.
        fn after_clear() {
            unsafe { asm!("lw {0}, 4({0})", inout(reg) 0x2000_0000_usize => _) };
        }
    }
    "hidden-trap" => {
        /// Its handler removes all that would tell that it was there.
        fn after_clear() {
            unsafe {
                asm!(
                    "csrr t1, scause",
                    "csrr t2, stval",
                    "csrw stvec, {handler}",
                    ".option push",
                    ".option norvc", // the handler skips four bytes
                    "ebreak",
                    ".option pop",
                    handler = in(reg) hide as *const () as usize,
                    out("t0") _,
                    out("t1") _,
                    out("t2") _,
                );
            }
        }

        #[unsafe(naked)]
        extern "C" fn hide() {
            naked_asm!(
                ".balign 4", "csrr t0, sepc", "addi t0, t0, 4", "csrw sepc, t0", "csrw scause, t1", "csrw stval, t2", "sret"
            )
        }
    }
    "corrupts-itself" => {
        fn after_clear() {
            unsafe { TASK.ticks = &raw mut TICKS };
            run(1000);
            rename(b"keyboard driver"); // 15 bytes
            run(1000);
        }

        #[repr(C)]
        struct Task {
            name: [u8; 8],
            ticks: *mut u64,
        }

        static mut TASK: Task = Task { name: [0; 8], ticks: core::ptr::null_mut() };
        static mut TICKS: u64 = 0;

        fn run(ticks: usize) {
            for _ in 0..ticks {
                unsafe { *TASK.ticks += 1 };
            }
        }

        fn rename(name: &[u8]) {
            let field = unsafe { &raw mut TASK.name }.cast::<u8>();
            for (index, byte) in name.iter().enumerate() {
                unsafe { *field.add(index) = *byte }; // however long the name is
            }
        }
    }
    "deep-stack" => {
        fn after_clear() {
            descend(&raw const __stack_top as usize - 300 * 1024);
        }
    }
    "asks-which-firmware" => {
        /// Asks the firmware all about itself, and prints by what it says that it has: the debug console, or else the legacy call. And
        /// reads what it left in stimecmp.
        fn after_clear() {
            unsafe { asm!("csrr {}, 0x14d", out(reg) _) };
            for function in [0, 1, 2, 4, 5, 6] {
                ask(BASE, function, 0);
            }
            match ask(BASE, 3, DEBUG_CONSOLE) {
                (0, 1..) => ask(DEBUG_CONSOLE, 2, 10),
                _ => ask(1, 0, 10),
            };
        }
    }
    "echoes" => {
        /// Prints whatever is typed, by the legacy calls, for ever.
        fn after_clear() {
            loop {
                if let typed @ 0.. = ask(2, 0, 0).0 {
                    ask(1, 0, typed as usize);
                }
            }
        }
    }
    "polls-timer" => {
        /// Sets the timer a little ahead, and looks at sip until its interrupt is pending.
        fn after_clear() {
            unsafe {
                asm!(
                    "rdtime a0",
                    "li t0, 20000", "add a0, a0, t0", "li a7, 0", "ecall",
                    "2:", "csrr t0, sip", "andi t0, t0, 32", "beqz t0, 2b",
                    out("a0") _, out("a7") _, out("t0") _,
                );
            }
        }
    }
    "timer-interrupts" => {
        /// Computes until the timer's interrupt has come three times.
        fn after_clear() {
            unsafe {
                asm!(
                    "csrw stvec, {handler}",
                    "li s2, 0", "li a0, 0", "li a7, 0", "ecall",
                    "li t0, 32", "csrs sie, t0", "csrsi sstatus, 2",
                    "2:", "addi t1, t1, 3", "xor t2, t2, t1", "li t0, 3", "bltu s2, t0, 2b",
                    "csrw sie, zero", "csrci sstatus, 2",
                    handler = in(reg) tick as *const () as usize,
                    out("s2") _, out("a0") _, out("a7") _, out("t0") _, out("t1") _, out("t2") _, out("t3") _,
                );
            }
        }

        /// Counts in s2, and sets the timer a little ahead; after the third time, where it never comes.
        #[unsafe(naked)]
        extern "C" fn tick() {
            naked_asm!(
                ".balign 4", "addi s2, s2, 1", "li a0, -1", "li t3, 3", "bgeu s2, t3, 3f",
                "rdtime a0", "li t3, 20000", "add a0, a0, t3", "3:", "li a7, 0", "ecall", "sret"
            )
        }
    }
    "stores-to-code" => {
        #[repr(align(4096))]
        struct Table([usize; 512]);
        static mut TABLE: Table = Table([0; 512]);

        /// Stores to a page that may be executed alone: with Sv39, RAM at its own address, and once more at 0x40000000.
        fn after_clear() {
            const RAM: usize = 0x8000_0000 >> 12 << 10;
            const ALL: usize = 0xcf; // V, R, W, X, A, D
            const EXECUTE: usize = 0xc9;
            unsafe {
                TABLE.0[1] = RAM | EXECUTE;
                TABLE.0[2] = RAM | ALL;
                asm!(
                    "csrw stvec, {handler}",
                    "csrw satp, {satp}", "sfence.vma",
                    ".option push",
                    ".option norvc", // the handler skips four bytes
                    "li t1, 0x40300000", "sd t1, 0(t1)",
                    ".option pop",
                    "csrw satp, zero", "sfence.vma",
                    handler = in(reg) skip as *const () as usize,
                    satp = in(reg) 8 << 60 | (&raw const TABLE) as usize >> 12,
                    out("t0") _, out("t1") _,
                );
            }
        }
    }
    "prints-for-ever" => {
        /// To the UART.
        fn after_clear() {
            loop {
                unsafe { asm!("sb {}, 0({})", in(reg) b'.', in(reg) 0x1000_0000_usize) };
            }
        }
    }
    "prints-much" => {
        /// A MiB to the UART, and then powers off.
        fn after_clear() {
            for _ in 0..1 << 20 {
                unsafe { asm!("sb {}, 0({})", in(reg) b'.', in(reg) 0x1000_0000_usize) };
            }
            call_firmware(SYSTEM_RESET, 0);
        }
    }
    "fills-memory" => {
        /// Writes other bytes to all of a 128 MiB machine's RAM behind itself, again and again.
        fn after_clear() {
            let mut value = 1_usize;
            loop {
                unsafe {
                    asm!(
                        "2: sd {value}, 0({address})",
                        "sd {value}, 8({address})",
                        "sd {value}, 16({address})",
                        "sd {value}, 24({address})",
                        "sd {value}, 32({address})",
                        "sd {value}, 40({address})",
                        "sd {value}, 48({address})",
                        "sd {value}, 56({address})",
                        "addi {address}, {address}, 64",
                        "addi {value}, {value}, 1",
                        "bltu {address}, {end}, 2b",
                        value = inout(reg) value,
                        address = inout(reg) 0x8040_0000_usize => _,
                        end = in(reg) 0x8800_0000_usize,
                    )
                };
            }
        }
    }
    "prints-unasked" => {
        /// By the debug console, whether there is one or not.
        fn after_clear() {
            ask(DEBUG_CONSOLE, 2, 10);
        }
    }
    "power-off" => {
        fn after_clear() {
            call_firmware(SYSTEM_RESET, 0);
        }
    }
    "power-off-legacy" => {
        fn after_clear() {
            call_firmware(8, 0); // legacy extension "System Shutdown"
        }
    }
    "reboot" => {
        fn after_clear() {
            call_firmware(SYSTEM_RESET, 1); // a cold reboot
        }
    }
    "power-off-finisher" => {
        fn after_clear() {
            store_word(0x10_0000, 0x5555);
        }
    }
    "fails-by-finisher" => {
        fn after_clear() {
            store_word(0x10_0000, 0x1_3333);
        }
    }
    "power-off-mapped" => {
        /// The finisher is at 0x40100000 when translation begins.
        fn after_clear() {
            map(1, 0);
            translate();
            store_word(0x4010_0000, 0x5555);
        }
    }
    "power-off-mapped-late" => {
        /// The finisher is at 0x40100000 some time after translation began.
        fn after_clear() {
            translate();
            map(1, 0);
            unsafe { asm!("sfence.vma") };
            store_word(0x4010_0000, 0x5555);
        }
    }
    "power-off-mapped-unfenced" => {
        /// The finisher is at 0x40100000, and nothing says so but the page table.
        fn after_clear() {
            translate();
            map(1, 0);
            store_word(0x4010_0000, 0x5555);
        }
    }
    "ram-at-the-finishers-address" => {
        /// At 0x100000, where the finisher is without translation, is RAM: the firmware's region ends below 0x80100000.
        fn after_clear() {
            map(0, 0x8000_0000);
            translate();
            store_word(0x10_0000, 0x5555);
        }
    }
    "calls-for-ever" => {
        /// Asks the firmware for its version, again and again.
        fn after_clear() {
            loop {
                unsafe { asm!("ecall", in("a7") 0x10, in("a6") 0, out("a0") _, out("a1") _) };
            }
        }
    }
    "starts-harts" => {
        /// Starts each other hart by the firmware, and waits until all have counted.
        fn after_clear() {
            let mut started = 0;
            for hart in 0..8 {
                let error: isize;
                unsafe {
                    asm!("ecall", in("a7") 0x48_534d, in("a6") 0, inout("a0") hart as isize => error,
                        inout("a1") second as *const () as usize => _, in("a2") 0);
                }
                if error == 0 {
                    started += 1;
                }
            }
            while unsafe { (&raw const COUNT).read_volatile() } < started {}
        }
    }
    "guest-root-at-any-page" => {
        #[repr(align(16384))]
        struct Tables([[usize; 512]; 8]);
        static mut TABLES: Tables = Tables([[0; 512]; 8]);

        /// Loads as a guest whose root, Sv39x4, is not at a multiple of its 16 KiB: RAM at its own address.
        fn after_clear() {
            const RAM: usize = 0x8000_0000 >> 12 << 10;
            const ALL: usize = 0xdf; // V, R, W, X, U, A, D
            unsafe {
                let root = &raw mut TABLES.0[1];
                (&raw mut (*root)[2]).write_volatile(RAM | ALL);
                asm!(
                    "csrw 0x680, {hgatp}",
                    ".insn r 0x73, 4, 0x36, t0, {place}, x0", // hlv.d
                    "csrw 0x680, zero",
                    hgatp = in(reg) 8 << 60 | root as usize >> 12,
                    place = in(reg) main as *const () as usize & !7,
                    out("t0") _,
                );
            }
        }
    }
    "enters-guest" => {
        #[repr(align(16384))]
        struct Root([usize; 2048]);
        /// Maps RAM.
        static mut ROOT: Root = Root({
            const RAM: usize = 0x8000_0000 >> 12 << 10;
            const ALL: usize = 0xdf; // V, R, W, X, U, A, D
            let mut entries = [0; 2048];
            entries[2] = RAM | ALL;
            entries
        });
        static mut PLACE: [usize; 8] = [7; 8];

        /// A guest sees RAM at its own address. It loads and stores there, and where its hypervisor has mapped nothing, in CSRs that
        /// are its own; then it calls the hypervisor, which goes on behind the call.
        fn after_clear() {
            unsafe {
                asm!(
                    ".option push", ".option norvc",
                    "csrw 0x680, {hgatp}", ".4byte 0x62000073", // hgatp, hfence.gvma
                    "csrw stvec, {handler}",
                    "li t0, 0x80", "csrs 0x600, t0", // hstatus.SPV
                    "li t0, 0x100", "csrs sstatus, t0", // SPP
                    "la t0, 1f", "csrw sepc, t0", "sret",
                    "1: ld t1, 0({place})", "addi t1, t1, 1", "sd t1, 8({place})",
                    "csrw sscratch, t1", "csrr t2, sscratch",
                    "ld t1, 8(zero)", "sd t1, 16(zero)", "lw t1, 4(zero)", "amoadd.d t1, t1, (zero)",
                    "csrr t1, 0x600", // hstatus is not its own
                    "ecall",
                    ".option pop",
                    "csrw 0x680, zero", ".4byte 0x62000073",
                    hgatp = in(reg) 8 << 60 | &raw const ROOT.0 as usize >> 12,
                    handler = in(reg) behind as *const () as usize,
                    place = in(reg) &raw mut PLACE,
                    out("t0") _, out("t1") _, out("t2") _, out("t3") _,
                );
            }
        }

        /// Returns behind the instruction that trapped: behind a call of VS-mode to the hypervisor.
        #[unsafe(naked)]
        extern "C" fn behind() {
            naked_asm!(
                ".balign 4",
                "csrr t0, sepc", "addi t0, t0, 4", "csrw sepc, t0",
                "csrr t0, scause", "li t3, 10", "bne t0, t3, 2f",
                "li t0, 0x80", "csrc 0x600, t0",
                "2: sret"
            )
        }
    }
    "meets-known-faults" => {
        #[repr(align(4096))]
        struct Page([usize; 512]);
        static mut TABLES: [Page; 3] = [const { Page([0; 512]) }; 3];
        /// Holds an instruction that U-mode may execute, and data.
        static mut PAGE: Page = Page([0; 512]);

        /// What QEMU was seen to do otherwise than the manual, in one of its versions at least: without translation, then with
        /// Sv39. From 0x40000000 on it has a page of U-mode's, two that are not mapped, one
        /// that is only read, one where no memory is before one that is not mapped, one that was never
        /// used, and one of a reserved size.
        fn after_clear() {
            const EBREAK: usize = 0x10_0073;
            const LEAF: usize = 0xc1; // V, A, D
            let [root, middle, leaves] = [0, 1, 2].map(|level| unsafe { &raw mut TABLES[level].0 });
            let number = |address: *mut [usize; 512]| address as usize >> 12 << 10;
            unsafe {
                PAGE.0[0] = EBREAK;
                (*root)[2] = 0x8000_0000 >> 12 << 10 | LEAF | 0xe; // R, W, X
                (*root)[1] = number(middle) | 1;
                (*middle)[0] = number(leaves) | 1;
                (*leaves)[0] = number(&raw mut PAGE.0) | LEAF | 0x1a; // U, R, X
                (*leaves)[3] = number(&raw mut PAGE.0) | LEAF | 2;
                (*leaves)[4] = LEAF | 2;
                (*leaves)[6] = number(&raw mut PAGE.0) | 7; // V, R, W
                (*leaves)[8] = 1 << 63 | number(&raw mut PAGE.0) | 3; // Svnapot's, of no size that there is
            }
            without_translation(&raw mut PAGE as usize + 64);
            with_translation(0x4000_0000, 8 << 60 | root as usize >> 12);
        }

        /// `next` says where the handler returns to: of a failing instruction also sepc may be wrong.
        macro_rules! faults {
            ($($line:literal),+) => {
                naked_asm!(
                    ".macro next", "la t6, 9f", ".endm",
                    ".option push", ".option arch, +zicbom, +zicboz", ".option norvc",
                    "la t0, {handler}", "csrw stvec, t0",
                    $($line),+,
                    "ret", ".option pop", ".purgem next", handler = sym to_next
                )
            };
        }

        #[unsafe(naked)]
        extern "C" fn to_next() {
            naked_asm!(".balign 4", "csrw sepc, t6", "li t6, 0x100", "csrs sstatus, t6", "sret") // SPP
        }

        #[unsafe(naked)]
        extern "C" fn without_translation(memory: usize) {
            faults!(
                // AMOs and sc: no memory there, and not aligned.
                "next", "amoadd.d t1, t1, (zero)", "9: addi t0, a0, 2",
                "next", "amoadd.w t1, zero, (t0)", "9:",
                "next", "sc.w t1, zero, (t0)", "9:",
                "next", "sc.d t1, zero, (zero)", "9: addi t0, a0, 4", "lr.w t1, (t0)",
                "next", "sc.d t1, zero, (t0)", "9:",
                // A word of a reserved doubleword whose upper half is not the word's sign.
                "li t1, 0x100000007", "ld t2, (a0)", "sd t1, (a0)", "lr.d t0, (a0)", "sc.w t0, t2, (a0)", "sd t2, (a0)",
                // Misaligned loads where nothing is, and from two pages of the firmware.
                "next", "ld t2, 1(zero)", "9: li t0, 0x80000ffd",
                "next", "ld t2, (t0)", "9: addi t1, t0, 0x14", // cache blocks of it
                "next", "cbo.clean (t1)", "9:",
                "next", "cbo.zero (t1)", "9:",
                "next", "ebreak", "9:",
                // An instruction that traps, on two pages: `wfi` in U-mode.
                "la t0, 1f", "csrw sepc, t0", "li t0, 0x100", "csrc sstatus, t0", // SPP
                "next", "sret", ".balign 4096", ".skip 4094", "1: wfi", "9:",
                // CSRs: what they hold, and what does not write.
                "li t0, 1", "csrw sepc, t0",
                "li t0, -1", "csrrw t1, scounteren, t0", "csrr t2, scounteren", "csrw scounteren, t1",
                "csrrw t1, senvcfg, t0", "csrr t2, senvcfg", "csrw senvcfg, t1",
                "li t0, 0x20", "csrrw t1, senvcfg, t0", "csrr t2, senvcfg", "csrw senvcfg, t1",
                "csrr t1, sstatus", "li t0, 0x300000000", "xor t0, t1, t0", "csrw sstatus, t0", "csrr t2, sstatus", "csrw sstatus, t1", // UXL
                // Of a hypervisor: vsstatus as it was found; then hstatus, vsstatus, vsepc, htinst, hcounteren, hedeleg, hideleg.
                "csrr t1, 0x200", "li t0, -1",
                "csrr t1, 0x600", "csrw 0x600, t0", "csrr t2, 0x600", "csrw 0x600, t1",
                "csrr t1, 0x200", "csrw 0x200, t0", "csrr t2, 0x200", "csrw 0x200, t1",
                "csrr t1, 0x241", "csrw 0x241, t0", "csrr t2, 0x241", "csrw 0x241, t1",
                "csrr t1, 0x64a", "csrw 0x64a, t0", "csrr t2, 0x64a", "csrw 0x64a, t1",
                "csrr t1, 0x606", "csrw 0x606, t0", "csrr t2, 0x606", "csrw 0x606, t1",
                "csrr t1, 0x602", "csrw 0x602, t0", "csrr t2, 0x602", "csrw 0x602, t1",
                "csrr t1, 0x603", "csrw 0x603, t0", "csrr t2, 0x603", "csrw 0x603, t1",
                "li t0, 0", "next", "csrrs t1, cycle, t0", "9:",
                // Floating point: comparisons of a signalling NaN, which raises a flag, and of a subnormal number, which raises none.
                "li t0, 0x7f800001", "li t1, 0x2000", "li t2, 0x4000", "li t4, 0", "csrs sstatus, t2", "fmv.w.x ft0, t0", "fsflags zero",
                "csrc sstatus, t1", "feq.s t3, ft0, ft0",
                "csrs sstatus, t2", "li t0, 1", "fmv.d.x ft0, t0", "csrc sstatus, t1", "feq.d t3, ft0, ft0",
                // A write of no bits is one.
                "csrc sstatus, t1", "csrs sstatus, t2", "csrrs t3, fflags, t4",
                "csrs sstatus, t1"
            )
        }

        #[unsafe(naked)]
        extern "C" fn with_translation(pages: usize, satp: usize) {
            faults!(
                "csrw satp, a1", "sfence.vma", "li t0, 0x40000", "csrs sstatus, t0", // SUM
                "li t0, 0x1000", "add t1, a0, t0", "li t0, 0x3000", "add t2, a0, t0",
                "next", "amoadd.d t3, t3, (t1)", "9:",
                "next", "amoadd.d t3, t3, (t2)", "9:",
                "next", "sc.d t3, t3, (t2)", "9: addi t1, t1, 0x7fd", "addi t1, t1, 0x7fd", "addi t1, t1, 3",
                "next", "ld t3, (t1)", "9: add t1, t1, t0",
                "next", "ld t3, (t1)", "9: li t0, 0x1003", "add t1, t1, t0",
                "next", "sc.d t3, t3, (t1)", "9: li t0, 0x2000", "add t1, t1, t0",
                "next", "ld t3, (t1)", "9:",
                "next", "ld t3, (a0)", "jr a0", "9:",
                "csrw satp, zero", "sfence.vma"
            )
        }
    }
    "own-trap-handler" => {
        fn after_clear() {
            unsafe {
                asm!(
                    "csrw stvec, {handler}",
                    ".option push",
                    ".option norvc", // the handler skips four bytes
                    "ebreak",
                    ".option pop",
                    handler = in(reg) skip as *const () as usize,
                    out("t0") _,
                );
            }
        }
    }
    "reserves" => {
        /// Reserves memory, and stores if the reservation holds: at once, after a trap, and after a call to the firmware.
        fn after_clear() {
            let mut reserved = 1_u64;
            unsafe {
                asm!(
                    "csrw stvec, {handler}",
                    ".option push",
                    ".option norvc", // the handler skips four bytes
                    "lr.d {value}, ({place})", "sc.d {held}, {value}, ({place})",
                    "lr.d {value}, ({place})", "ebreak", "sc.d {held}, {value}, ({place})",
                    "lr.d {value}, ({place})", "ecall", "sc.d {held}, {value}, ({place})",
                    ".option pop",
                    handler = in(reg) skip as *const () as usize,
                    place = in(reg) &raw mut reserved,
                    value = out(reg) _,
                    held = out(reg) _,
                    inout("a7") 2_usize => _, // legacy extension "Console Getchar"
                    inout("a0") 0_usize => _,
                    out("t0") _,
                );
            }
        }
    }
    _ => {
        fn after_clear() {}
    }
}

choose! {
    "stack-overflow" | "deep-stack" => {
        /// Calls itself until the stack has reached `limit`.
        fn descend(limit: usize) -> usize {
            let local = 1;
            if &raw const local as usize <= limit { local } else { local + descend(limit) }
        }
    }
    "asks-which-firmware" | "echoes" | "prints-unasked" => {
        /// SBI specification, chapters "Base Extension" and "Debug Console Extension": "DBCN".
        #[cfg(kernel = "asks-which-firmware")]
        const BASE: usize = 0x10;
        #[cfg(not(kernel = "echoes"))]
        const DEBUG_CONSOLE: usize = 0x4442_434e;

        /// An error code and a value.
        fn ask(extension: usize, function: usize, argument: usize) -> (isize, usize) {
            let (error, value);
            unsafe {
                asm!("ecall", in("a7") extension, in("a6") function, inout("a0") argument => error, inout("a1") 0_usize => value);
            }
            (error, value)
        }
    }
    "own-trap-handler" | "reserves" | "stores-to-code" => {
        /// Returns to the instruction after the one that trapped.
        #[unsafe(naked)]
        extern "C" fn skip() {
            naked_asm!(".balign 4", "csrr t0, sepc", "addi t0, t0, 4", "csrw sepc, t0", "sret")
        }
    }
    "power-off" | "power-off-legacy" | "prints-much" | "reboot" => {
        /// SBI specification, chapter "System Reset Extension": "SRST".
        #[cfg(not(kernel = "power-off-legacy"))]
        const SYSTEM_RESET: usize = 0x5352_5354;

        fn call_firmware(extension: usize, argument: usize) {
            unsafe { asm!("ecall", in("a7") extension, in("a6") 0, inout("a0") argument => _, inout("a1") 0 => _) };
        }
    }
    _ => {}
}

choose! {
    "power-off-finisher" | "fails-by-finisher" | "power-off-mapped" | "power-off-mapped-late" | "power-off-mapped-unfenced"
    | "ram-at-the-finishers-address" => {
        fn store_word(address: usize, word: u32) {
            unsafe { asm!("sw {}, 0({})", in(reg) word, in(reg) address) };
        }
    }
    _ => {}
}

choose! {
    "power-off-mapped" | "power-off-mapped-late" | "power-off-mapped-unfenced" | "ram-at-the-finishers-address" => {
        /// Entries for a GiB each.
        #[repr(align(4096))]
        struct Table([u64; 512]);
        static mut ROOT: Table = Table([0; 512]);

        /// The GiB of this number is the physical one that begins at `start`: valid, readable, writable, executable, used.
        fn map(number: usize, start: u64) {
            unsafe { (&raw mut ROOT.0[number]).write_volatile(start >> 12 << 10 | 0xcf) };
        }

        /// Turns translation on (Sv39); the kernel stays where it is.
        fn translate() {
            map(2, 0x8000_0000);
            let satp = 8 << 60 | &raw const ROOT as usize >> 12;
            unsafe { asm!("sfence.vma", "csrw satp, {}", "sfence.vma", in(reg) satp) };
        }
    }
    "starts-harts" => {
        static mut COUNT: usize = 0;

        /// Where the other harts begin.
        #[unsafe(naked)]
        extern "C" fn second() -> ! {
            naked_asm!("la t0, {count}", "li t1, 1", "amoadd.d zero, t1, (t0)", "1: wfi", "j 1b", count = sym COUNT)
        }
    }
    "power-off-in-clear" => {
        /// Its first store is its last, and the machine's.
        fn clear_doublewords(start: usize, _end: usize) {
            unsafe { asm!("sd zero, 0({})", "ecall", in(reg) start, in("a7") 8, inout("a0") 0 => _) };
        }
    }
    _ => {}
}

// Fifth: how it idles.

choose! {
    "loop-idle" => {
        fn idle() -> ! {
            unsafe { asm!("j .", options(noreturn)) }
        }
    }
    "loop-two" => {
        fn idle() -> ! {
            unsafe { asm!("0: nop", "xor t0, t0, t0", "j 0b", options(noreturn)) }
        }
    }
    "counts-for-ever" => {
        fn idle() -> ! {
            unsafe { asm!("0: addi t0, t0, 1", "j 0b", options(noreturn)) }
        }
    }
    _ => {
        fn idle() -> ! {
            loop {
                unsafe { asm!("wfi") };
            }
        }
    }
}

// Last: what a panic leaves behind.

choose! {
    "empty-bss" => {
        /// Without the record of ours nothing is in .bss.
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! {
            idle()
        }
    }
    _ => {
        #[path = "../../../kernel/src/panic.rs"]
        mod panic;
    }
}
