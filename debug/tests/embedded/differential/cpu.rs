//! Which hart QEMU and our machine are given: one with the same extensions on both, whatever the version. QEMU is asked what it knows.

use std::ffi::OsString;
use std::process::Command;
use std::sync::LazyLock;

use debug::riscv::{Cpu, Extension, Xlen};

/// The model without extensions, which newer versions have; that of 32 bits is rv32i.
const BARE: &str = "rv64i";
/// RV64GC or RV32GC, and page tables whose A and D bits the hart sets: what our hart always has, but for Sv57 or Sv32.
const ALWAYS: &str = "m=on,a=on,f=on,d=on,c=on,s=on,u=on,zicsr=on,zifencei=on,zca=on,zcd=on,svadu=on,mmu=on,pmp=on";
/// What our hart can have or not.
const CHOSEN: [Extension; 17] = [
    Extension::Zicbom,
    Extension::Zicbop,
    Extension::Zicboz,
    Extension::Zicntr,
    Extension::Zicond,
    Extension::Zihintntl,
    Extension::Zihintpause,
    Extension::Zihpm,
    Extension::Zawrs,
    Extension::Zfa,
    Extension::Zba,
    Extension::Zbb,
    Extension::Zbc,
    Extension::Zbs,
    Extension::Svinval,
    Extension::Svnapot,
    Extension::Svpbmt,
];

/// A hart on both machines.
#[derive(Clone)]
pub struct Pair {
    pub qemu: String,
    pub ours: Cpu,
}

/// All that our hart can have, and QEMU's too.
pub fn full(xlen: Xlen) -> &'static Pair {
    static PAIRS: LazyLock<[Pair; 2]> = LazyLock::new(|| [Xlen::Rv32, Xlen::Rv64].map(|xlen| with(xlen, |_| true)));
    &PAIRS[usize::from(xlen == Xlen::Rv64)]
}

/// GC, Sstc, and nothing else that can be left out.
pub fn bare(xlen: Xlen) -> Pair {
    with(xlen, |extension| extension == Extension::Zicntr)
}

/// All of it and H.
pub fn hypervisor() -> &'static Pair {
    static PAIR: LazyLock<Pair> = LazyLock::new(|| {
        let Pair { qemu, ours } = with(Xlen::Rv64, |_| true);
        Pair { qemu: format!("{qemu},h=on").replace("h=off,", ""), ours: ours.with(Extension::Hypervisor, true) }
    });
    &PAIR
}

/// With those extensions that are wanted; without those that this QEMU does not know, or cannot do without, where it has them.
pub fn with(xlen: Xlen, wanted: impl Fn(Extension) -> bool) -> Pair {
    let bits = xlen.bits();
    let widest = if xlen == Xlen::Rv32 { "sv32" } else { "sv57" };
    let mut qemu = match has_bare() {
        true => format!("rv{bits}i,{ALWAYS},{widest}=on,sstc=on"),
        false => format!("rv{bits},h=off"),
    };
    let mut ours: Cpu = format!("rv{bits}i,sstc=on,svadu=on").parse().unwrap_or_default();
    for extension in CHOSEN {
        let known = has_bare() || known(extension);
        let present = if known { wanted(extension) } else { is_always_there(extension) };
        ours = ours.with(extension, present);
        if known {
            qemu += &format!(",{}={}", name(extension), if present { "on" } else { "off" });
        }
    }
    Pair { qemu, ours }
}

/// QEMU 7.2, and those near it.
pub fn is_old() -> bool {
    !has_bare()
}

/// What QEMU 7.2 has without a property for it.
fn is_always_there(extension: Extension) -> bool {
    matches!(extension, Extension::Zicntr | Extension::Zihpm | Extension::Zihintntl | Extension::Zicbop)
}

/// QEMU's name of the property.
fn name(extension: Extension) -> &'static str {
    match extension {
        Extension::Zihintpause if !has_bare() => "Zihintpause",
        other => other.name(),
    }
}

fn has_bare() -> bool {
    static HAS: LazyLock<bool> = LazyLock::new(|| ask(&["-cpu", "help"]).split_whitespace().any(|word| word == BARE));
    *HAS
}

/// Whether a QEMU without a bare model knows the property.
fn known(extension: Extension) -> bool {
    static PROPERTIES: LazyLock<String> = LazyLock::new(|| ask(&["-device", "rv64-riscv-cpu,help"]));
    let known = format!("{}=<bool>", name(extension));
    PROPERTIES.lines().any(|line| line.trim_start().starts_with(&known))
}

/// QEMU, by `$QEMU`; that of 32 bits by `$QEMU_32`, which should be of the same version.
pub fn program(xlen: Xlen) -> OsString {
    let (variable, usual) = match xlen {
        Xlen::Rv32 => ("QEMU_32", "qemu-system-riscv32"),
        Xlen::Rv64 => ("QEMU", "qemu-system-riscv64"),
    };
    std::env::var_os(variable).filter(|name| !name.is_empty()).unwrap_or(usual.into())
}

pub fn ask(arguments: &[&str]) -> String {
    let qemu = program(Xlen::Rv64);
    let output = Command::new(qemu).args(arguments).output().expect("QEMU runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
