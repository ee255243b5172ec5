//! Back and forth in time, by GDB's own commands: every register and every byte as before, and the right moment.

use std::fs;
use std::process::{Command, Stdio};

use crate::client::Client;
use crate::gdb;
use crate::server::Server;

/// The instructions of our kernel's boot, up to and with its first wfi.
fn whole_boot(server: &Server) -> u64 {
    let mut client = Client::new(server);
    let said = client.monitor("goto 1000000");
    assert!(said.contains("it waits for an interrupt"), "{said}");
    assert!(client.monitor("goto 0").starts_with("0 instructions since boot, at 0x80200000 <boot>"));
    said.split_once(' ').unwrap().0.parse().unwrap()
}

#[test]
fn forward_and_back_every_register_and_byte_is_as_before() {
    let server = Server::start("good");
    let whole = whole_boot(&server);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    for count in [1, 2, 3, 10, 100, 1000, whole / 2, whole] {
        let look = |name: &str| {
            let memory = format!("dump binary memory {} 0x80200000 0x80320000", file(name));
            [format!("echo <{name}>\\n"), "info all-registers".into(), format!("echo </{name}>\\n"), memory]
        };
        let steps = [format!("stepi {count}"), "monitor icount".into()];
        let back = [format!("reverse-stepi {count}"), "monitor icount".into()];
        let commands = [&look("before")[..], &steps, &look("there"), &back, &look("after")].concat();
        let said = gdb::run(&server, &commands.iter().map(String::as_str).collect::<Vec<_>>());
        let registers = |name: &str| {
            let (_, rest) = said.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{said}"));
            rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
        };
        let memory = |name: &str| fs::read(file(name)).unwrap();
        assert!(said.contains(&format!("{count} instructions since boot")), "{said}");
        assert!(registers("before").contains("sepc") && registers("before").contains("ft11"), "{said}");
        assert_eq!(registers("before"), registers("after"), "after {count} instructions forward and back");
        assert_ne!(registers("before"), registers("there"));
        assert!(memory("before") == memory("after"), "memory after {count} instructions forward and back");
        assert_eq!(memory("before") == memory("there"), count < 10, "the kernel stores after its first instructions");
    }
    server.end();
}

/// What is ahead after going back was executed already, until something is changed.
#[test]
fn a_moment_that_was_executed_is_shown_from_before_it() {
    let server = Server::start("good");
    let whole = whole_boot(&server);
    let said = gdb::run(
        &server,
        &[
            &format!("monitor at {}", whole - 1),
            "monitor icount",
            "monitor at 1000000",
            "set var $t0 = 7",
            &format!("monitor at {}", whole - 1),
            "monitor goto 1000000",
            "monitor goto 0",
            &format!("monitor at {}", whole - 1),
        ],
    );
    let shown = format!("instruction {}: ", whole - 1);
    let never = |moment: u64| format!("the run has not come to instruction {moment} so far");
    assert_eq!(said.matches(&shown).count(), 2, "{said}");
    assert!(said.contains("0 instructions since boot, at 0x80200000 <boot>"), "stays there: {said}");
    assert_eq!((said.matches(&never(1_000_000)).count(), said.matches(&never(whole - 1)).count()), (1, 1), "{said}");
    server.end();
}

#[test]
fn any_moment_is_the_same_whichever_way_it_is_reached() {
    let server = Server::start("good");
    let whole = whole_boot(&server);
    let mut client = Client::new(&server);
    let mut states = Vec::new();
    for step in 0..=40 {
        let moment = whole * step / 40;
        client.monitor(&format!("goto {moment}"));
        states.push((moment, client.state()));
    }
    // In an order of no order, of which each is far from the one before.
    for index in (0..states.len()).map(|index| index * 17 % 41) {
        let (moment, state) = &states[index];
        let said = client.monitor(&format!("goto {moment}"));
        assert!(said.starts_with(&format!("{moment} instructions")), "{said}");
        assert_eq!(state.differences(&client.state()), "", "at {moment}");
    }
    drop(client);
    server.end();
}

#[test]
fn steps_back_end_at_the_beginning() {
    let server = Server::start("good");
    gdb::says(
        &server,
        &["stepi 5", "reverse-stepi 6", "monitor icount", "reverse-continue", "reverse-stepi", "info registers pc"],
        &[
            "No more reverse-execution history.",
            "0 instructions since boot",
            "No more reverse-execution history.",
            "No more reverse-execution history.",
            "0x80200000 <boot>",
        ],
    );
    server.end();
}

#[test]
fn breakpoints_are_met_in_the_opposite_order() {
    let server = Server::start("good");
    let icounts = |said: &str| -> Vec<u64> {
        let lines = said.lines().filter_map(|line| line.split_once(" instructions since boot"));
        lines.map(|(count, _)| count.parse().unwrap()).collect()
    };
    let mut commands = vec!["break bss.rs:21"];
    commands.extend(["continue", "monitor icount"].repeat(6));
    commands.extend(["reverse-continue", "monitor icount"].repeat(5));
    commands.extend(["reverse-continue", "monitor icount"]);
    let said = gdb::run(&server, &commands);
    let met = icounts(&said);
    assert_eq!(met.len(), 12, "{said}");
    assert!(met[..6].is_sorted_by(|one, next| one < next), "{met:?}");
    let back: Vec<u64> = met[..5].iter().rev().copied().chain([0]).collect();
    assert_eq!(met[6..], back, "{said}");
    server.end();
}

#[test]
fn hardware_breakpoints_work_as_software_breakpoints_do() {
    let server = Server::start("good");
    let at_main = "Breakpoint 1, hypervisor::main";
    gdb::says(
        &server,
        &["hbreak *hypervisor::main", "continue", "stepi 100", "reverse-continue", "monitor icount"],
        &["Hardware assisted breakpoint 1", at_main, at_main, "3 instructions since boot"],
    );
    server.end();
}

#[test]
fn the_last_change_of_a_watched_value_is_found_going_back() {
    let server = Server::start("corrupts-itself");
    let watch = "Hardware watchpoint 1: -location variant::TASK.ticks";
    gdb::says(
        &server,
        &[
            "continue",
            "watch -l variant::TASK.ticks",
            "reverse-continue",
            "x/i $pc",
            "monitor last-write variant::TASK",
            "reverse-continue",
            "continue",
            "print *index",
        ],
        &[
            "load access fault",
            "Program received signal SIGSEGV",
            watch,
            watch,
            "Old value = (*mut u64) 0x72657669726420",
            "New value = (*mut u64) 0x657669726420",
            "field.add(index) = *byte",
            "sb",
            "0x00 -> 0x65",
            watch,
            "Old value = (*mut u64) 0x657669726420",
            "New value = (*mut u64) 0x7669726420",
            "field.add(index) = *byte",
            watch,
            "Old value = (*mut u64) 0x7669726420",
            "New value = (*mut u64) 0x657669726420",
        ],
    );
    server.end();
}

#[test]
fn gdb_sees_reads_and_accesses() {
    let server = Server::start("corrupts-itself");
    gdb::says(
        &server,
        &[
            "break variant::run",
            "continue",
            "rwatch -l variant::TICKS",
            "continue",
            "delete",
            "awatch -l variant::TICKS",
            "continue",
            "reverse-continue",
            "reverse-continue",
        ],
        &[
            "Hardware read watchpoint 2",
            "Value = 0",
            "Hardware access (read/write) watchpoint 3: -location variant::TICKS\n\nOld value = 0\nNew value = 1",
            "Hardware access (read/write) watchpoint 3: -location variant::TICKS\n\nOld value = 1\nNew value = 0",
            "Hardware access (read/write) watchpoint 3: -location variant::TICKS\n\nValue = 0",
        ],
    );
    server.end();
}

/// Going forward the machine stands before the access; going back, after it: GDB steps over it in its direction.
#[test]
fn watchpoints_of_any_length_stop_before_the_access_in_either_direction() {
    let server = Server::start("good");
    let mut client = Client::new(&server);
    let said = client.monitor("last-write panic_record");
    assert!(said.starts_with("no instruction has written to 0x"), "{said}");
    let bss = u64::from_str_radix(&said.split_once("0x").unwrap().1[..8], 16).unwrap();
    let moment = |client: &mut Client| -> u64 { client.monitor("icount").split_once(' ').unwrap().0.parse().unwrap() };
    for (start, length, first, last) in [(bss, 1, bss, bss), (bss, 4096, bss, bss + 4088), (bss - 8, 9, bss, bss)] {
        client.monitor("goto 0");
        assert_eq!(client.ask(&format!("Z2,{start:x},{length:x}")), "OK");
        let stop = client.stop("vCont;c:p1.-1");
        assert_eq!(stop, format!("T05thread:01;watch:{first:x};"));
        let before = moment(&mut client);
        assert_eq!(client.ask(&format!("z2,{start:x},{length:x}")), "OK");
        client.monitor("goto 7000");
        client.monitor("goto 100000");
        assert_eq!(client.ask(&format!("Z2,{start:x},{length:x}")), "OK");
        let stop = client.stop("bc");
        assert_eq!(stop, format!("T05thread:01;watch:{last:x};"));
        let after = moment(&mut client);
        assert!(
            client.monitor(&format!("last-write {start:#x} {length}")).contains(&format!("instruction {},", after - 1))
        );
        assert!(if first == last { after == before + 1 } else { after > before + 1 });
        // A step back says so as well, and does not move, until the watchpoint is gone.
        assert_eq!(client.stop("bs"), stop);
        assert_eq!(moment(&mut client), after);
        assert_eq!(client.ask(&format!("z2,{start:x},{length:x}")), "OK");
        assert_eq!(client.stop("bs"), "S05");
        assert_eq!(moment(&mut client), after - 1);
    }
    drop(client);
    server.end();
}

/// The breakpoint is met where the instruction is to be executed, the watchpoint where its effect is to be undone: first.
#[test]
fn a_watched_instruction_under_a_breakpoint_is_told_as_both() {
    let server = Server::start("corrupts-itself");
    let said = gdb::says(
        &server,
        &[
            "continue",
            "watch -l variant::TASK.ticks",
            "reverse-continue",
            "break *$pc",
            "continue",
            "continue",
            "echo <back>\\n",
            "reverse-continue",
        ],
        &["SIGSEGV", "SIGSEGV", "<back>", "Breakpoint 2", "variant::rename"],
    );
    let (_, back) = said.split_once("<back>").unwrap();
    assert!(
        back.contains("Hardware watchpoint 1: ") && back.contains("New value = (*mut u64) 0x657669726420"),
        "{said}"
    );
    server.end();
}

#[test]
fn a_source_line_is_undone_as_a_whole() {
    let server = Server::start("corrupts-itself");
    gdb::says(
        &server,
        &[
            "break variant::after_clear",
            "continue",
            "next",
            "next",
            "frame",
            "reverse-next",
            "frame",
            "reverse-next",
            "frame",
            "step",
            "reverse-step",
            "frame",
        ],
        &["rename(b", "rename(b", "run(1000);", "run(1000);", "TASK.ticks = &raw mut TICKS"],
    );
    server.end();
}

#[test]
fn goto_reaches_any_moment_and_says_where_it_is() {
    let server = Server::start("corrupts-itself");
    let said = gdb::says(
        &server,
        &[
            "monitor goto 2",
            "maintenance flush register-cache",
            "info registers pc",
            "monitor goto 100000000",
            "maintenance flush register-cache",
            "maintenance flush dcache",
            "info symbol $pc",
            "monitor goto 0x2",
            "monitor goto back",
            "monitor goto",
        ],
        &[
            "2 instructions since boot, at 0x80200008 <boot+0x8>",
            "The machine has moved, and GDB does not know it. Without this project's .gdbinit, type:",
            "0x80200008 <boot+8>",
            "load access fault",
            "in section .text", // as info symbol says
            "2 instructions since boot",
            "back is not a number of instructions",
            "wrong arguments: usage: monitor goto N",
        ],
    );
    assert_eq!(said.matches("Without this project's .gdbinit").count(), 1, "once to each client: {said}");
    server.end();
}

/// The file that debug/tests/recording.rs tells of: there is no kernel besides it.
#[test]
fn a_recording_of_another_computer_has_its_symbols_and_its_past() {
    let server = Server::at_reset(|listen| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
        command.args(["debug", "serve", "--config", "none", "--listen", listen, "--replay"]);
        command.arg("debug/tests/recordings/corrupts-itself.rec").stdin(Stdio::null()).stdout(Stdio::piped());
        command.current_dir(env!("HYPERVISOR_PROJECT"));
        command
    });
    let commands = ["monitor icount", "backtrace", "info symbol $sepc", "reverse-stepi", "monitor icount"];
    let expected = [
        "1672 instructions since boot",
        "variant::rename (",
        "variant::after_clear ()",
        "variant::main",
        "1671 instructions",
    ];
    gdb::says(&server, &commands, &expected);
}
