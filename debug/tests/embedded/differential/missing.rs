//! What QEMU's hart can have and ours cannot: our machine stops there, and says what is missing. Without it, it is illegal.

use std::time::Duration;

use debug::embedded::Options;
use debug::machine::{Fault, Register};
use debug::riscv::{Cpu, Extension};
use debug::{Embedded, Machine};

use super::program::*;
use crate::elf;

const LIMIT: Duration = Duration::from_secs(10);

/// vsetvli, vadd.vv, vle64.v, vse8.v, csrr of vl.
const VECTORS: [u32; 5] = [0x0c05_f557, 0x0221_8157, 0x0205_7007, 0x0205_0027, 0xc200_2573];

#[test]
fn vectors_are_missing_where_they_were_asked_for() {
    for (cpu, is_missing) in [("rv64,v=on", true), ("rv64", false)] {
        for instruction in VECTORS {
            let cpu: Cpu = cpu.parse().expect("it is a model");
            let options = Options { memory_mib: 16, history_mib: 0, cpu, ..Options::default() };
            let kernel = elf::image(elf::build(&[(TEXT, slot(&[instruction]).to_vec())]));
            let mut machine = Embedded::load(&kernel, &options).expect("it is a kernel");
            machine.step(1, LIMIT).expect("it steps");
            match machine.fault() {
                Some(Fault::MissingExtension { extension: Extension::Vector, .. }) => assert!(is_missing),
                fault => assert!(!is_missing, "{instruction:#x}: {fault:?}"),
            }
        }
    }
}

#[test]
fn a_property_that_only_qemu_knows_is_named() {
    let cpu = "rv64,vlen=256".parse().expect("it is a model");
    let kernel = elf::image(elf::build(&[(TEXT, slot(&[]).to_vec())]));
    let error = Embedded::load(&kernel, &Options { cpu, ..Options::default() }).err().expect("it is not known");
    assert!(error.to_string().contains("vlen=256"), "{error}");
}

/// hlv.d and hsv.d, in U-mode and in S-mode: no hart has them, so it is the kernel's fault and none of the machine's.
#[test]
fn a_load_in_a_guest_s_place_is_illegal_where_there_are_no_guests() {
    for (cpu, in_user) in [("rv64,h=off", true), ("rv64,h=off", false), ("rv64", true)] {
        for instruction in [0x6c00_c073_u32 | 10 << 7, 0x6e00_c073 | 10 << 20] {
            let options = Options { cpu: cpu.parse().expect("it is a model"), ..Options::default() };
            let kernel = elf::image(elf::build(&[(TEXT, slot(&[instruction]).to_vec())]));
            let mut machine = Embedded::load(&kernel, &options).expect("it is a kernel");
            machine.write_register(Register::Priv, u64::from(!in_user)).expect("it has both modes");
            machine.step(1, LIMIT).expect("it steps");
            let fault = machine.fault();
            let bits = u64::from(instruction);
            assert!(matches!(fault, Some(Fault::Trap { cause: 2, value, .. }) if value == bits), "{cpu}: {fault:?}");
        }
    }
}
