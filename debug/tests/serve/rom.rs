//! The reset ROM: a debugger begins there as on QEMU, and nothing counts what happens in it.

use crate::client::Client;
use crate::gdb;
use crate::kernels;
use crate::server::{Server, command};

fn at_reset() -> Server {
    Server::at_reset(|listen| command(&kernels::build("good"), listen))
}

#[test]
fn a_breakpoint_on_boot_and_continue_go_there() {
    let server = at_reset();
    gdb::says(
        &server,
        &["x/i $pc", "tbreak *boot", "continue", "monitor icount"],
        &[
            "0x0000000000001000 in ?? ()",
            "=> 0x1000:\tmret",
            "boot () at",
            "0 instructions since boot, at 0x80200000 <boot>",
        ],
    );
    server.end();
}

#[test]
fn a_step_enters_the_kernel_and_counts_nothing() {
    let server = at_reset();
    gdb::says(
        &server,
        &["monitor icount", "stepi", "monitor icount", "stepi", "monitor icount"],
        &["0 instructions since boot, at 0x1000", "boot () at", "0 instructions", "1 instructions"],
    );
    server.end();
}

#[test]
fn the_way_back_ends_at_boot_and_before_it_there_is_none() {
    let server = at_reset();
    let end = "No more reverse-execution history.";
    gdb::says(
        &server,
        &["reverse-stepi", "stepi", "stepi", "reverse-continue"],
        &[end, "boot () at", end, "boot () at"],
    );
    gdb::says(&server, &["monitor reset", "maintenance flush register-cache", "print/x $pc"], &["0x1000", "= 0x1000"]);
    server.end();
}

#[test]
fn whoever_sets_pc_or_travels_is_out_of_it() {
    let server = at_reset();
    let mut client = Client::new(&server);
    let le = |value: u64| format!("{:016x}", value.swap_bytes());
    assert_eq!(client.ask("p20"), le(0x1000));
    assert_eq!(client.ask(&format!("P20={}", le(0x8020_0004))), "OK");
    assert_eq!(client.ask("p20"), le(0x8020_0004));
    drop(client);
    let server = at_reset();
    let mut client = Client::new(&server);
    assert!(client.monitor("goto 2").contains("2 instructions since boot, at 0x80200008"));
    assert_eq!(client.ask("m1000,4"), "73002030");
    assert_eq!(client.ask("m1ffe,4"), "E0e", "not all of it is ROM");
    server.end();
}
