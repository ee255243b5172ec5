//! CSRs: number, name, and who may access them.
//!
//! Source: the RISC-V privileged manual, tables "Allocated ... CSR addresses".

use super::Register;

macro_rules! csrs {
    ($list:ident, $doc:literal: $($(#[$about:meta])* $name:ident = $number:literal $text:literal,)*) => {
        $($(#[$about])* #[doc = concat!("CSR `", $text, "`.")] pub const $name: Register = Register::Csr($number);)*
        #[doc = $doc]
        pub const $list: &[(u16, &str)] = &[$(($number, $text)),*];
    };
}

csrs! { NAMES, "Number and name of the CSRs that a debugger shows, in the order of their numbers.":
    FFLAGS = 0x001 "fflags",
    FRM = 0x002 "frm",
    FCSR = 0x003 "fcsr",
    /// Supervisor status; bit 1 (SIE) enables interrupts.
    SSTATUS = 0x100 "sstatus",
    /// Which supervisor interrupts are enabled.
    SIE = 0x104 "sie",
    /// Where the hart goes on a trap into S-mode.
    STVEC = 0x105 "stvec",
    SCOUNTEREN = 0x106 "scounteren",
    SENVCFG = 0x10a "senvcfg",
    SSCRATCH = 0x140 "sscratch",
    /// pc of the instruction that trapped.
    SEPC = 0x141 "sepc",
    /// Why it trapped.
    SCAUSE = 0x142 "scause",
    /// The address or instruction that the trap was about.
    STVAL = 0x143 "stval",
    SIP = 0x144 "sip",
    /// The time from which on the timer's interrupt is pending (extension Sstc).
    STIMECMP = 0x14d "stimecmp",
    /// Address translation; 0 is none.
    SATP = 0x180 "satp",
    MSTATUS = 0x300 "mstatus",
    MISA = 0x301 "misa",
    MEDELEG = 0x302 "medeleg",
    MIDELEG = 0x303 "mideleg",
    MIE = 0x304 "mie",
    MTVEC = 0x305 "mtvec",
    MCOUNTEREN = 0x306 "mcounteren",
    MSCRATCH = 0x340 "mscratch",
    /// pc of the instruction that trapped into M-mode: the firmware's caller.
    MEPC = 0x341 "mepc",
    MCAUSE = 0x342 "mcause",
    MTVAL = 0x343 "mtval",
    MIP = 0x344 "mip",
    CYCLE = 0xc00 "cycle",
    TIME = 0xc01 "time",
    INSTRET = 0xc02 "instret",
    MVENDORID = 0xf11 "mvendorid",
    MARCHID = 0xf12 "marchid",
    MIMPID = 0xf13 "mimpid",
    /// The hart's number.
    MHARTID = 0xf14 "mhartid",
}

csrs! { OTHERS, "Number and name of further CSRs, for disassembly.":
    MENVCFG = 0x30a "menvcfg",
    MCOUNTINHIBIT = 0x320 "mcountinhibit",
    MTINST = 0x34a "mtinst",
    MTVAL2 = 0x34b "mtval2",
    MSECCFG = 0x747 "mseccfg",
    MCYCLE = 0xb00 "mcycle",
    MINSTRET = 0xb02 "minstret",
    MCONFIGPTR = 0xf15 "mconfigptr",
    VSSTATUS = 0x200 "vsstatus",
    VSIE = 0x204 "vsie",
    VSTVEC = 0x205 "vstvec",
    VSSCRATCH = 0x240 "vsscratch",
    VSEPC = 0x241 "vsepc",
    VSCAUSE = 0x242 "vscause",
    VSTVAL = 0x243 "vstval",
    VSIP = 0x244 "vsip",
    VSTIMECMP = 0x24d "vstimecmp",
    VSATP = 0x280 "vsatp",
    HSTATUS = 0x600 "hstatus",
    HEDELEG = 0x602 "hedeleg",
    HIDELEG = 0x603 "hideleg",
    HIE = 0x604 "hie",
    HTIMEDELTA = 0x605 "htimedelta",
    HCOUNTEREN = 0x606 "hcounteren",
    HGEIE = 0x607 "hgeie",
    HENVCFG = 0x60a "henvcfg",
    HTVAL = 0x643 "htval",
    HIP = 0x644 "hip",
    HVIP = 0x645 "hvip",
    HTINST = 0x64a "htinst",
    HGATP = 0x680 "hgatp",
    HGEIP = 0xe12 "hgeip",
}

/// The upper half of menvcfg on RV32.
pub const MENVCFGH: Register = Register::Csr(0x31a);

/// The upper half of stimecmp on RV32.
pub const STIMECMPH: Register = Register::Csr(0x15d);

/// Numbered CSRs: the first, the last, the name, and the number in the first one's name: `hpmcounter3` to `hpmcounter31`.
const NUMBERED: &[(u16, u16, &str, u16)] = &[
    (0x323, 0x33f, "mhpmevent", 3),
    (0x3a0, 0x3af, "pmpcfg", 0),
    (0x3b0, 0x3ef, "pmpaddr", 0),
    (0xb03, 0xb1f, "mhpmcounter", 3),
    (0xc03, 0xc1f, "hpmcounter", 3),
];

/// M-mode's CSRs that can be written, but for its counters.
pub const MACHINE_CSRS: std::ops::RangeInclusive<u16> = 0x300..=0x3ff;
/// The configurations of PMP entries, eight in each even one on RV64, and their addresses: of 16 entries.
pub const PMP_CONFIGURATIONS: std::ops::RangeInclusive<u16> = 0x3a0..=0x3a3;
/// The addresses of these entries.
pub const PMP_ADDRESSES: std::ops::RangeInclusive<u16> = 0x3b0..=0x3bf;
/// What mhpmcounter3 to mhpmcounter31 count.
pub const EVENTS: std::ops::RangeInclusive<u16> = 0x323..=0x33f;
/// mhpmcounter3 to mhpmcounter18, which QEMU's harts have.
pub const MACHINE_COUNTERS: std::ops::RangeInclusive<u16> = 0xb03..=0xb12;
/// The CSRs of floating point: fflags, frm and fcsr.
pub const FLOAT: std::ops::RangeInclusive<u16> = 0x001..=0x003;
/// The counters that a program may read: cycle, time, instret and hpmcounter3 to hpmcounter31.
pub const COUNTERS: std::ops::RangeInclusive<u16> = 0xc00..=0xc1f;
/// Whether it counts by itself: a counter that programs may read, or M-mode's; or the upper half of one on RV32.
pub fn is_counter(number: u16) -> bool {
    const OF_MACHINE_MODE: std::ops::RangeInclusive<u16> = 0xb00..=0xb1f;
    let lower = lower_half(number).unwrap_or(number);
    COUNTERS.contains(&lower) || OF_MACHINE_MODE.contains(&lower)
}

/// The counters of Zicntr: cycle, time and instret (unprivileged manual, "Zicntr").
pub const BASE_COUNTERS: std::ops::RangeInclusive<u16> = 0xc00..=0xc02;

/// Their upper halves on RV32.
pub const BASE_COUNTERS_HIGH: std::ops::RangeInclusive<u16> = 0xc80..=0xc82;

/// The CSR whose upper half this one holds, on RV32; `None` for others (privileged manual, "CSR Listing").
pub fn lower_half(number: u16) -> Option<u16> {
    match number {
        // stimecmph, vstimecmph, mstatush, menvcfgh, htimedeltah, henvcfgh and mseccfgh.
        0x15d | 0x25d | 0x310 | 0x31a | 0x615 | 0x61a | 0x757 => Some(number - 0x10),
        // The counters.
        0xb80 | 0xb82..=0xb9f | 0xc80..=0xc9f => Some(number - 0x80),
        _ => None,
    }
}

/// Whether it has 64 bits, the upper half of which has a number of its own on RV32.
pub fn has_upper_half(number: u16) -> bool {
    [number + 0x10, number + 0x80].into_iter().any(|upper| lower_half(upper) == Some(number))
}

/// The name of a CSR in debuggers and assemblers; `None` if no table here lists it.
pub fn name(number: u16) -> Option<String> {
    if let Some(lower) = lower_half(number) {
        return name(lower).map(|name| name + "h");
    }
    let single = NAMES.iter().chain(OTHERS).find(|(known, _)| *known == number).map(|(_, name)| (*name).to_owned());
    single.or_else(|| {
        let (first, _, name, from) = NUMBERED.iter().find(|(first, last, ..)| (*first..=*last).contains(&number))?;
        Some(format!("{name}{}", number - first + from))
    })
}

/// Whether it is a CSR of the hypervisor extension.
pub fn is_hypervisor(number: u16) -> bool {
    lowest_privilege(number) == 2 && OTHERS.iter().any(|(known, _)| *known == number)
}

/// Whether it is a CSR of the vector extension: vstart, vxsat, vxrm, vcsr, vl, vtype or vlenb.
pub fn is_vector(number: u16) -> bool {
    matches!(number, 0x008..=0x00a | 0x00f | 0xc20..=0xc22)
}

/// The numbered CSRs, one by one, with their names: PMP entries, counters and what they count; and RV32's upper halves.
pub fn numbered() -> impl Iterator<Item = (u16, String)> {
    let of = |&(first, last, name, from): &(u16, u16, &'static str, u16)| {
        (first..=last).map(move |number| (number, format!("{name}{}", number - first + from)))
    };
    NUMBERED.iter().flat_map(of).chain(upper_halves())
}

fn upper_halves() -> impl Iterator<Item = (u16, String)> {
    (0..1 << 12).filter(|number| lower_half(*number).is_some()).filter_map(|number| Some((number, name(number)?)))
}

/// The lowest privilege that may access it. The number encodes it: 0 U, 1 S, 2 HS and VS, 3 M.
pub fn lowest_privilege(number: u16) -> u16 {
    number >> 8 & 3
}

/// Whether it is read-only. The number encodes it.
pub fn is_read_only(number: u16) -> bool {
    number >> 10 == 3
}
