//! Known encodings one by one, and all others against a disassembler that was written by others.

use proptest::prelude::*;

use super::capstone::{capstone, theirs};
use crate::riscv::*;

const PC: Address = Address(0x8020_0000);

/// The effect of an encoding of 2 or 4 bytes.
fn effect_of(encoding: u32) -> Effect {
    decode(Xlen::Rv64, &encoding.to_le_bytes()).unwrap().effect()
}

#[test]
fn lengths_follow_the_lowest_bits() {
    for (half, bytes) in [
        (0x0000, 2),
        (0x8082, 2),
        (0x0073, 4),
        (0x006f, 4),
        (0x001f, 6),
        (0x003f, 8),
        (0x007f, 10),
        (0x107f, 12),
        (0x707f, 24),
    ] {
        assert_eq!(length(half), bytes, "{half:#06x}");
    }
}

#[test]
fn loads_and_stores_name_their_address() {
    for (encoding, effect) in [
        (0x0000_3503, Effect::Load { base: 0, offset: 0, bytes: 8 }), // ld a0, 0(zero)
        (0xfff5_c583, Effect::Load { base: 11, offset: -1, bytes: 1 }), // lbu a1, -1(a1)
        (0x7ff5_6583, Effect::Load { base: 10, offset: 2047, bytes: 4 }), // lwu a1, 2047(a0)
        (0x0005_3507, Effect::Load { base: 10, offset: 0, bytes: 8 }), // fld fa0, 0(a0)
        (0x1000_a0af, Effect::Load { base: 1, offset: 0, bytes: 4 }), // lr.w ra, (ra)
        (0x6522, Effect::Load { base: 2, offset: 8, bytes: 8 }),      // c.ldsp a0, 8(sp)
        (0x4390, Effect::Load { base: 15, offset: 0, bytes: 4 }),     // c.lw a2, 0(a5)
        (0xfe11_3c23, Effect::Store { base: 2, offset: -8, bytes: 8 }), // sd ra, -8(sp)
        (0x0005_b023, Effect::Store { base: 11, offset: 0, bytes: 8 }), // sd zero, 0(a1)
        (0x7ea5_8fa3, Effect::Store { base: 11, offset: 2047, bytes: 1 }), // sb a0, 2047(a1)
        (0xe406, Effect::Store { base: 2, offset: 8, bytes: 8 }),     // c.sdsp ra, 8(sp)
        (0xfbe8, Effect::Store { base: 15, offset: 240, bytes: 8 }),  // c.sd a0, 240(a5)
        (0xa022, Effect::Store { base: 2, offset: 0, bytes: 8 }),     // c.fsdsp fs0, 0(sp)
        (0x0005_b52f, Effect::Atomic { base: 11, bytes: 8 }),         // amoadd.d a0, zero, (a1)
        (0x18b5_252f, Effect::Atomic { base: 10, bytes: 4 }),         // sc.w a0, a1, (a0)
    ] {
        assert_eq!(effect_of(encoding), effect, "{encoding:#x}");
    }
}

#[test]
fn jumps_and_calls_name_their_target() {
    for (encoding, effect) in [
        (0x0000_006f, Effect::Jump(Target::Relative(0))),    // j .
        (0xa001, Effect::Jump(Target::Relative(0))),         // c.j .
        (0xbff5, Effect::Jump(Target::Relative(-4))),        // c.j -4
        (0xdc9f_f0ef, Effect::Call(Target::Relative(-568))), // jal -568
        (0x0000_03ef, Effect::Call(Target::Relative(0))),    // jal t2, 0
        (0xfdc0_80e7, Effect::Call(Target::Register { base: 1, offset: -36 })), // jalr ra, -36(ra)
        (0x9082, Effect::Call(Target::Register { base: 1, offset: 0 })), // c.jalr ra
        (0x0003_0067, Effect::Jump(Target::Register { base: 6, offset: 0 })), // jr t1
        (0x8302, Effect::Jump(Target::Register { base: 6, offset: 0 })), // c.jr t1
        (0x0000_8067, Effect::Return),                       // ret
        (0x8082, Effect::Return),                            // c.jr ra
        (0x8282, Effect::Return),                            // c.jr t0
        (0x00b5_7763, Effect::Branch { offset: 14 }),        // bgeu a0, a1, 14
        (0xc119, Effect::Branch { offset: 6 }),              // c.beqz a0, 6
        (0xdfed, Effect::Branch { offset: -6 }),             // c.beqz a5, -6
    ] {
        assert_eq!(effect_of(encoding), effect, "{encoding:#x}");
    }
}

#[test]
fn system_instructions_are_told_apart() {
    for (encoding, effect) in [
        (0x0000_0073, Effect::Ecall),
        (0x0010_0073, Effect::Ebreak),
        (0x9002, Effect::Ebreak),
        (0x1050_0073, Effect::Wfi),
        (0x1020_0073, Effect::TrapReturn),
        (0x3020_0073, Effect::TrapReturn),
        (0x1052_9073, Effect::Other),       // csrw stvec, t0
        (0x1200_0073, Effect::Translation), // sfence.vma
        (0x0000_100f, Effect::Other),       // fence.i
    ] {
        assert_eq!(effect_of(encoding), effect, "{encoding:#x}");
    }
}

#[test]
fn what_is_cut_off_is_not_decoded() {
    assert_eq!(decode(Xlen::Rv64, &[]), None);
    assert_eq!(decode(Xlen::Rv64, &[0x82]), None);
    assert_eq!(decode(Xlen::Rv64, &[0x73, 0x00, 0x50]), None);
    assert_eq!(decode(Xlen::Rv64, &[0x1f, 0, 0, 0, 0, 0]), None);
    assert_eq!(decode(Xlen::Rv64, &[0x82, 0x80]).map(|op| (op.length, op.effect())), Some((2, Effect::Return)));
}

#[test]
fn resting_places_are_those_that_a_hart_can_reach() {
    let code = [
        0x13, 0x01, 0x01, 0xa0, // addi sp, sp, -1536, whose upper half is that of c.j .
        0x73, 0x00, 0x50, 0x10, // wfi
        0xf5, 0xbf, // c.j -4
        0x01, 0xa0, // c.j .
        0x6f, 0x00, 0x00, 0x00, // j .
    ];
    assert_eq!(resting_places(Xlen::Rv64, PC, &code, &[]), [PC + 4, PC + 10, PC + 12]);
    assert_eq!(resting_places(Xlen::Rv64, PC, &code[..7], &[]), []);
    assert_eq!(resting_places(Xlen::Rv64, PC, &[], &[PC]), []);
}

#[test]
fn what_changes_translation_is_told_from_what_reads_satp() {
    for (word, effect) in [
        (0x1200_0073, Effect::Translation), // sfence.vma
        (0x12b5_0073, Effect::Translation), // sfence.vma a0, a1
        (0x1805_1073, Effect::Translation), // csrw satp, a0
        (0x1805_2573, Effect::Translation), // csrrs a0, satp, a0
        (0x1800_5073, Effect::Translation), // csrwi satp, 0
        (0x1800_2573, Effect::Other),       // csrr a0, satp
        (0x1405_1073, Effect::Other),       // csrw sscratch, a0
        (0x1805_4073, Effect::Other),       // no instruction: funct3 4
    ] {
        assert_eq!(effect_of(word), effect, "{word:#x}");
    }
}

#[test]
fn data_among_code_is_passed_where_the_next_function_is_known() {
    let code = [0xff, 0xff, 0x13, 0x00, 0x73, 0x00, 0x50, 0x10]; // two halves of data, the second like half an instruction
    assert_eq!(resting_places(Xlen::Rv64, PC, &code, &[]), []);
    assert_eq!(resting_places(Xlen::Rv64, PC, &code, &[PC - 8, PC, PC + 4, PC + 0x100]), [PC + 4]);
}

#[test]
fn text_is_the_assemblers_with_addresses_for_offsets() {
    let text = |encoding: u32| disassemble(Xlen::Rv64, PC, &encoding.to_le_bytes());
    assert_eq!(text(0x0000_3503), "ld a0, 0(zero)");
    assert_eq!(text(0x0005_b023), "sd zero, 0(a1)");
    assert_eq!(text(0xe406), "c.sdsp ra, 8(sp)");
    assert_eq!(text(0x1050_0073), "wfi");
    assert_eq!(text(0xdc9f_f0ef), "jal 0x801ffdc8");
    assert_eq!(text(0xfef5_ebe3), "bltu a1, a5, 0x801ffff6");
    assert_eq!(text(0xa001), "c.j 0x80200000");
}

#[test]
fn text_of_what_is_no_instruction_is_its_value() {
    assert_eq!(disassemble(Xlen::Rv64, PC, &[0xff; 4]), ".word 0xffffffff");
    assert_eq!(disassemble(Xlen::Rv64, PC, &[0xff; 3]), ".half 0xffff");
    assert_eq!(disassemble(Xlen::Rv64, PC, &[0x00, 0x80]), ".half 0x8000");
    assert_eq!(disassemble(Xlen::Rv64, PC, &[0xff]), "(nothing)");
    assert_eq!(disassemble(Xlen::Rv64, PC, &[]), "(nothing)");
}

/// What the disassembler's text says; None where it says that there is no such instruction.
fn effect_by_text(text: &str) -> Option<Effect> {
    let (name, operands) = text.split_once(' ').unwrap_or((text, ""));
    if name.starts_with('.') || name.ends_with("unimp") {
        return None;
    }
    let name = name.strip_prefix("c.").unwrap_or(name);
    let operands: Vec<&str> = operands.split(", ").collect();
    let last = operands[operands.len() - 1];
    let memory = || {
        let (offset, base) = last.trim_end_matches(')').split_once('(').unwrap();
        (register(base), if offset.is_empty() { 0 } else { number(offset) })
    };
    let relative = || number(last).wrapping_sub(PC.0 as i64);
    let is_link = |name: &str| matches!(name, "ra" | "t0");
    Some(match name.trim_end_matches("sp") {
        "lb" | "lbu" | "lh" | "lhu" | "lw" | "lwu" | "ld" | "flw" | "fld" => {
            let (base, offset) = memory();
            Effect::Load { base, offset, bytes: width(name.trim_start_matches('f').as_bytes()[1]) }
        }
        "sb" | "sh" | "sw" | "sd" | "fsw" | "fsd" => {
            let (base, offset) = memory();
            Effect::Store { base, offset, bytes: width(name.trim_start_matches('f').as_bytes()[1]) }
        }
        name if name.starts_with("lr.") => {
            Effect::Load { base: memory().0, offset: 0, bytes: width(name.as_bytes()[3]) }
        }
        name if name.starts_with("sc.") => Effect::Atomic { base: memory().0, bytes: width(name.as_bytes()[3]) },
        name if name.starts_with("amo") => {
            let suffix = name.split_once('.').unwrap().1;
            Effect::Atomic { base: memory().0, bytes: width(suffix.as_bytes()[0]) }
        }
        "beq" | "bne" | "blt" | "bge" | "bltu" | "bgeu" | "beqz" | "bnez" | "bltz" | "bgez" | "blez" | "bgtz" => {
            Effect::Branch { offset: relative() }
        }
        "j" => Effect::Jump(Target::Relative(relative())),
        "jal" => Effect::Call(Target::Relative(relative())),
        "ret" => Effect::Return,
        "jr" if is_link(last) => Effect::Return,
        "jr" => Effect::Jump(Target::Register { base: register(last), offset: 0 }),
        "jalr" => by_register(&operands),
        "wfi" => Effect::Wfi,
        "ecall" => Effect::Ecall,
        "ebreak" => Effect::Ebreak,
        "sret" | "mret" => Effect::TrapReturn,
        "sfence.vma" => Effect::Translation,
        "csrw" | "csrs" | "csrc" | "csrwi" | "csrsi" | "csrci" if operands[0] == "satp" => Effect::Translation,
        "csrrw" | "csrrs" | "csrrc" | "csrrwi" | "csrrsi" | "csrrci" if operands[1] == "satp" => Effect::Translation,
        _ => Effect::Other,
    })
}

/// `jalr base`, or `jalr rd, base, offset` in any of its ways of writing.
fn by_register(operands: &[&str]) -> Effect {
    let (rd, base, offset) = match operands {
        [base] => ("ra", register(base), 0),
        [rd, base, offset] => (*rd, register(base), number(offset)),
        [rd, memory] => {
            let (offset, base) = memory.trim_end_matches(')').split_once('(').unwrap();
            (*rd, register(base), number(offset))
        }
        _ => panic!("{operands:?}"),
    };
    match (rd, base, offset) {
        ("zero", 1 | 5, 0) => Effect::Return,
        ("zero", _, _) => Effect::Jump(Target::Register { base, offset }),
        _ => Effect::Call(Target::Register { base, offset }),
    }
}

fn width(letter: u8) -> u8 {
    match letter {
        b'b' => 1,
        b'h' => 2,
        b'w' => 4,
        _ => 8,
    }
}

fn register(name: &str) -> u8 {
    const NAMES: [&str; 32] = [
        "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
        "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    ];
    NAMES.iter().position(|known| *known == name).unwrap_or_else(|| panic!("{name}")) as u8
}

pub fn number(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let value = digits.strip_prefix("0x").map_or_else(|| digits.parse(), |digits| i64::from_str_radix(digits, 16));
    sign * value.unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn every_compressed_instruction_is_as_the_disassembler_has_it() {
    let mut compared = 0;
    let capstone = capstone(Xlen::Rv64);
    for half in (0..=u16::MAX).filter(|half| half & 0b11 != 0b11) {
        let Some(text) = theirs(&capstone, Xlen::Rv64, &half.to_le_bytes()) else { continue };
        if let Some(expected) = effect_by_text(&text) {
            assert_eq!(effect_of(half.into()), expected, "{half:#06x} {text}");
            compared += 1;
        }
    }
    assert!(compared > 40_000, "{compared}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_instruction_is_as_the_disassembler_has_it(
        rest in any::<u32>(),
        opcode in prop::sample::select(vec![0x03, 0x07, 0x23, 0x27, 0x2f, 0x63, 0x67, 0x6f, 0x73, 0x13, 0x33, 0x17, 0x37, 0x53]),
    ) {
        let word: u32 = rest & !0x7f | opcode;
        let expected = theirs(&capstone(Xlen::Rv64), Xlen::Rv64, &word.to_le_bytes());
        if let Some((text, expected)) = expected.and_then(|text| Some((text.clone(), effect_by_text(&text)?))) {
            prop_assert_eq!(effect_of(word), expected, "{:#010x} {}", word, text);
        }
    }

    #[test]
    fn any_bytes_are_looked_through(bytes in proptest::collection::vec(any::<u8>(), 0..64), known in any::<[u8; 4]>()) {
        let mut known = known.map(|offset| PC + u64::from(offset));
        known.sort();
        let found = resting_places(Xlen::Rv64, PC, &bytes, &known);
        prop_assert!(found.is_sorted());
        for address in found {
            let effect = decode(Xlen::Rv64, &bytes[(address.0 - PC.0) as usize..]).unwrap().effect();
            prop_assert!(matches!(effect, Effect::Wfi | Effect::Jump(Target::Relative(0))));
        }
        disassemble(Xlen::Rv64, PC, &bytes);
    }
}

#[test]
fn the_register_that_is_stored() {
    for (word, register) in [
        (0xfe11_3c23_u32, Some(1)), // sd ra, -8(sp)
        (0x0005_b023, Some(0)),     // sd zero, 0(a1)
        (0xe406, Some(1)),          // c.sdsp ra, 8(sp)
        (0xfbe8, Some(10)),         // c.sd a0, 240(a5)
        (0xa022, None),             // c.fsdsp fs0, 0(sp)
        (0x0000_0013, None),        // nop
    ] {
        assert_eq!(decode(Xlen::Rv64, &word.to_le_bytes()).unwrap().stored_register(), register, "{word:#x}");
    }
}
