//! A stub whose machine does not stop at watchpoints: there is no verdict then, within the deadline, and the error says why.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use debug::checks::{self, Finding, Layout, Names, Options, Status};
use debug::{Image, Remote};

use super::LATE;
use super::kernels;
use super::stub::{Answer, good, stub};

/// For the whole of it; an interrupt is waited for that long as well.
const LIMIT: Duration = Duration::from_secs(2);

/// A walk on a machine that stands at the entry, whose stub answers so to `vCont;c` and to an interrupt.
fn walk(continued: fn() -> Answer, interrupted: fn() -> Answer) -> Result<Vec<Finding>, checks::Error> {
    let kernel = kernels::build("good");
    let image = Image::open(&kernel).unwrap();
    let layout = Layout::of(&image, Names::default()).unwrap();
    let pc = AtomicU64::new(layout.entry.0);
    let (_folder, target) = stub(move |command| match command {
        b"g" => Some(Answer::Packet(general_registers(pc.load(Relaxed)))),
        b"p20" => Some(Answer::Packet(format!("{:016x}", pc.load(Relaxed).swap_bytes()).into_bytes())),
        b"vCont;s" => Some(Answer::Packet(b"T05".to_vec())),
        b"vCont;c" => Some(continued()),
        b"\x03" => Some(interrupted()),
        [b'm', rest @ ..] => Some(Answer::Packet(memory(rest))),
        [b'P', b'2', b'0', b'=', value @ ..] => {
            let value = u64::from_str_radix(str::from_utf8(value).unwrap(), 16).unwrap();
            pc.store(value.swap_bytes(), Relaxed);
            Some(Answer::Packet(b"OK".to_vec()))
        }
        [b'M' | b'P', ..] => Some(Answer::Packet(b"OK".to_vec())),
        _ if command.starts_with(b"qXfer:features:read:target.xml:0,") => Some(Answer::Packet(description())),
        [b'p', ..] => Some(Answer::Packet(b"0000000000000000".to_vec())),
        _ => Some(good(command)),
    });
    let begin = Instant::now();
    let mut machine = Remote::attach(&target, begin + LIMIT).unwrap();
    let outcome = checks::check(&mut machine, &image, &layout, Options::default());
    assert!(begin.elapsed() < LATE);
    outcome
}

fn error(continued: fn() -> Answer, interrupted: fn() -> Answer) -> String {
    walk(continued, interrupted).unwrap_err().to_string()
}

/// x0 to x31 and pc.
fn description() -> Vec<u8> {
    let names = (0..32).map(|number| format!("x{number}")).chain(["pc".to_owned()]);
    let registers: String = names.map(|name| format!(r#"<reg name="{name}" bitsize="64"/>"#)).collect();
    let cpu = format!(r#"<feature name="org.gnu.gdb.riscv.cpu">{registers}</feature>"#);
    format!("l<target><architecture>riscv:rv64</architecture>{cpu}</target>").into_bytes()
}

/// a0 = 0, a1 = a device tree, pc = the entry.
fn general_registers(entry: u64) -> Vec<u8> {
    let mut registers = [0; 33];
    (registers[11], registers[32]) = (TREE, entry);
    registers.iter().flat_map(|register: &u64| format!("{:016x}", register.swap_bytes()).into_bytes()).collect()
}

const TREE: u64 = 0x87e0_0000;

/// A device tree's header, and zeros elsewhere.
fn memory(range: &[u8]) -> Vec<u8> {
    let range = String::from_utf8(range.to_vec()).unwrap();
    let (start, length) = range.split_once(',').unwrap();
    let length = usize::from_str_radix(length, 16).unwrap();
    let mut memory = vec![b'0'; 2 * length];
    if u64::from_str_radix(start, 16).unwrap() == TREE {
        memory.iter_mut().zip(b"d00dfeed00001000").for_each(|(digit, of_header)| *digit = *of_header);
    }
    memory
}

#[test]
fn a_machine_that_hangs_at_a_watchpoint_is_told_with_what_to_try() {
    let error = error(|| Answer::Silence, || Answer::Silence);
    for words in ["watchpoint", "nor after an interrupt", "QEMU 10.2 to 11.0", "3444", "try: the embedded machine"] {
        assert!(error.contains(words), "{words} is not in: {error}");
    }
}

#[test]
fn a_machine_that_passes_over_a_watchpoint_is_told_likewise() {
    let error = error(|| Answer::Silence, || Answer::Packet(b"T02".to_vec()));
    assert!(error.contains("Interrupted") && error.contains("try: the embedded machine"), "{error}");
}

#[test]
fn a_machine_that_stops_elsewhere_is_told_likewise() {
    let error = error(|| Answer::Packet(b"T05".to_vec()), || Answer::Silence);
    assert!(error.contains("Breakpoint") && error.contains("try: the embedded machine"), "{error}");
}

/// What comes after it is another matter: this stub's registers never change.
#[test]
fn a_machine_that_stops_before_the_store_is_trusted() {
    let findings = walk(|| Answer::Packet(b"T05watch:80200040;".to_vec()), || Answer::Close).unwrap();
    assert!(findings[2..].iter().any(|finding| finding.status == Status::Fail), "{findings:#?}");
}
