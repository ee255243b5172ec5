//! What the PLIC says and what software says of mip's SEIP, on both machines. It does not know of traps: no interrupt is enabled.

use super::*;

/// csrrc.
fn csrc(csr: u32, rs1: u32) -> u32 {
    csrs(csr, rs1) | 1 << 12
}

/// csrrs and csrrc begin with what software holds, and not with what the PLIC says (privileged manual, "Machine Interrupt Registers").
#[test]
fn a_bit_of_mip_is_set_while_the_plic_has_an_interrupt() {
    const PLIC: u64 = 0xc00_0000;
    const UART: u64 = 0x1000_0000;
    const SEIP: u64 = 1 << 9;
    const STIP: u64 = 1 << 5;
    let store_word =
        |address: u64, value: u64| [li(6, address), li(7, value), vec![store_form(STORE, 2, 6, 7, 0)]].concat();
    // The UART's interrupt, to S-mode.
    let mut code =
        [(40, 1), (0x2080, 1 << 10), (0x20_1000, 0)].map(|(at, value)| store_word(PLIC + at, value)).concat();
    let transmits = |enabled| [li(6, UART), vec![addi(7, 0, enabled), store_form(STORE, 0, 6, 7, 1)]].concat();
    code.extend(transmits(2));
    code.push(csrr(10, MIP));
    code.extend([li(7, STIP), vec![csrs(MIP, 7), csrr(11, MIP), csrc(MIP, 7), csrs(MIP, 7)]].concat());
    // It is over; what software set stays.
    code.extend(transmits(0));
    code.extend(
        [li(6, PLIC + 0x20_1004), vec![immediate_form(LOAD, 2, 7, 6, 0), store_form(STORE, 2, 6, 7, 0)]].concat(),
    );
    code.push(csrr(12, MIP));
    code.extend([li(7, SEIP), vec![csrs(MIP, 7), csrr(13, MIP), csrc(MIP, 7), csrr(14, MIP)]].concat());
    let done = Address(TEXT + 4 * code.len() as u64);
    code.push(jump_form(0, 0));
    let elf = elf::build(&[(TEXT, code.iter().flat_map(|word| word.to_le_bytes()).collect())]);
    let pair = cpu::full();
    let read = |machine: &mut dyn Machine| {
        machine.insert_breakpoint(done).unwrap();
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
        let all = machine.registers().unwrap().x;
        [10, 11, 12, 13, 14].map(|register: usize| all[register] & (SEIP | STIP))
    };
    assert_eq!(read(&mut embedded(&elf, pair)), [SEIP, SEIP | STIP, STIP, SEIP | STIP, STIP]);
    let (mut qemu, _file) = on_qemu(&elf, pair);
    assert_eq!(read(qemu.machine()), [SEIP, SEIP | STIP, STIP, SEIP | STIP, STIP]);
}
