//! M-mode without traps: what the PLIC and software say of mip's SEIP, on both machines; going back over what M-mode has set.

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
    let pair = cpu::full(Xlen::Rv64);
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

/// M-mode sets what it can, and then loads from where a locked PMP entry permits nothing.
#[test]
fn what_m_mode_set_is_undone() {
    let set = |csr: u32, value: u64| [li(7, value), vec![csrw(csr, 7)]].concat();
    let store = |address: u64, value: u64| [li(6, address), li(7, value), vec![sd(7, 6, 0)]].concat();
    let loads = [li(6, DATA), vec![ld(8, 6, 0), addi(6, 0, 0), addi(7, 0, 0), addi(8, 0, 0)]].concat();
    let steps = [
        set(PMPADDR0, DATA >> 2 | 0x1ff),
        set(PMPCFG0, 0x98),
        store(CLINT + 0x4000, 1 << 40),
        store(CLINT + 0xbff8, 1 << 20),
        [li(6, CLINT), vec![addi(7, 0, 1), store_form(STORE, 2, 6, 7, 0)]].concat(),
        set(MIP, 0x222),
        set(MCOUNTEREN, 7),
        set(0x320, 1),
        set(0x323, 5),
        set(0xb03, 6),
        set(0xb02, 1 << 50),
        set(0x34b, 9),
    ];
    let start = Address(TEXT + 4 * loads.len() as u64);
    let mut code = [loads.clone(), steps.concat(), vec![addi(6, 0, 0), addi(7, 0, 0)]].concat();
    let done = Address(TEXT + 4 * code.len() as u64);
    code.extend(loads);
    let elf = elf::build(&[(TEXT, code.iter().flat_map(|word| word.to_le_bytes()).collect())]);
    let mut machine = embedded(&elf, cpu::hypervisor());
    let run_to = |machine: &mut Embedded, place: Address| {
        machine.insert_breakpoint(place).unwrap();
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
        (machine.icount(), machine.digest())
    };
    let before = run_to(&mut machine, start);
    let after = run_to(&mut machine, done);
    assert!(matches!(machine.resume(LIMIT).unwrap(), Stop::Fault(_)), "the entry permits nothing");
    for _ in 0..2 {
        // To before it all, so that what follows is executed again.
        machine.goto(before.0 - 4, LIMIT);
        assert_eq!(
            (machine.resume(LIMIT).unwrap(), machine.icount(), machine.digest()),
            (Stop::Breakpoint, before.0, before.1)
        );
        machine.goto(after.0, LIMIT);
        assert_eq!(machine.digest(), after.1);
        assert!(matches!(machine.resume(LIMIT).unwrap(), Stop::Fault(_)));
    }
}

#[test]
fn what_m_mode_set_belongs_to_the_digest() {
    // mtimecmp, mtime and msip, by code that is the same.
    let code = [li(6, CLINT), vec![store_form(STORE, 2, 6, 9, 0)], li(6, CLINT + 0x4000), vec![sd(10, 6, 0)]].concat();
    let code =
        [code, li(6, CLINT + 0xbff8), vec![sd(11, 6, 0), addi(9, 0, 0), addi(10, 0, 0), addi(11, 0, 0)]].concat();
    let done = TEXT + 4 * code.len() as u64;
    let words = code.iter().chain(&[jump_form(0, 0)]).flat_map(|word| word.to_le_bytes()).collect();
    let elf = elf::build(&[(TEXT, words)]);
    let digest = |values: [u64; 3], set: &[(u32, u64)]| {
        let mut machine = embedded(&elf, cpu::hypervisor());
        machine.insert_breakpoint(Address(TEXT)).unwrap();
        machine.insert_breakpoint(Address(done)).unwrap();
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
        for (register, value) in (9..).zip(values) {
            machine.write_register(Register::Gpr(register), value).unwrap();
        }
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
        for (csr, value) in set {
            machine.write_register(Register::Csr(*csr as u16), *value).unwrap();
        }
        machine.digest()
    };
    let plain = digest([0; 3], &[]);
    assert_eq!(digest([0; 3], &[(MSCRATCH, 0)]), plain);
    for values in [[1, 0, 0], [0, 1 << 40, 0], [0, 0, 1 << 20]] {
        assert_ne!(digest(values, &[]), plain, "{values:x?}");
    }
    let counters = [0x320, 0x323, 0x33f, 0xb00, 0xb02, 0xb03, 0xb12];
    let of_pmp = [PMPCFG0, PMPCFG2, PMPADDR0, PMPADDR0 + 15];
    let others = [MEDELEG, MCOUNTEREN, MENVCFG, MTVEC, MSCRATCH, MEPC, MCAUSE, MTVAL, 0x34b, 0x34a];
    for csr in counters.into_iter().chain(of_pmp).chain(others) {
        assert_ne!(digest([0; 3], &[(csr, 1 << 63 | 0x14)]), plain, "{csr:#x}");
    }
    for csr in [MSTATUS, MIE, MIP, MIDELEG] {
        assert_ne!(digest([0; 3], &[(csr, 0x222)]), plain, "{csr:#x}");
    }
}
