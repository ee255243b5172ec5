//! QEMU's log of a kernel that traps for ever: bounded, and QEMU goes on.

use std::fs;
use std::process::Stdio;

use crate::processes::Family;
use crate::processes::await_some;
use crate::script::Script;

const LIMIT: u64 = 64 << 20;

#[test]
fn a_kernel_that_traps_for_ever_does_not_fill_the_disk() {
    let mut script = Script::with_kernel("traps-for-ever", &["--wait", "--tied", "--socket"]);
    script.command.arg(script.folder.path().join("gdb")).stdin(Stdio::piped());
    let mut running = script.start();
    running.await_line("waiting for GDB");
    let family = Family::with_qemu(running.child.id());
    running.gdb(&["detach"]); // lets it run
    let size = || fs::metadata(running.folder.path().join("qemu.log")).unwrap().len();
    await_some("a full log", || (size() >= LIMIT).then_some(()));
    // It still traps: at the breakpoint it has come to boot once more.
    for _ in 0..2 {
        let shown = running.gdb(&["tbreak *0x80200000", "continue", "print $scause"]);
        assert!(shown.contains("$1 = 2"), "an illegal instruction brought it there: {shown}");
    }
    assert_eq!(size(), LIMIT);
    drop(running.child.stdin.take());
    running.await_end();
    family.assert_gone();
}
