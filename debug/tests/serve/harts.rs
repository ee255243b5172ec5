//! Several harts in GDB: threads, each with its registers and frames; breakpoints of any, steps of one, and back over all of them.

use crate::gdb;
use crate::kernels;
use crate::server::{Server, command};

/// `starts-harts` with four harts, of which `boot` boots, under this schedule.
fn serve(schedule: &str) -> Server {
    let kernel = kernels::build("starts-harts");
    Server::at_reset(|listen| {
        let mut command = command(&kernel, listen);
        command.args(["--smp", "4", "--schedule", schedule]);
        command
    })
}

/// A breakpoint where the other harts begin.
fn at_second() -> String {
    let image = debug::Image::open(&kernels::build("starts-harts")).unwrap();
    let second = image.symbols().find(|symbol| symbol.name.contains("second")).expect("the kernel has it");
    format!("break *{}", second.address)
}

#[test]
fn harts_are_threads() {
    let server = serve("0");
    gdb::says(
        &server,
        &["info threads", "thread 1", "print $mhartid", "thread 4", "print $mhartid", "thread 1", "stepi", "print $pc"],
        &[
            "Thread 1.1 (hart 0)",
            "boot ()",
            "Thread 1.2 (hart 1)",
            "Thread 1.3 (hart 2)",
            "Thread 1.4 (hart 3)",
            "= 0",
            "= 3",
            "<boot+4>",
        ],
    );
}

#[test]
fn a_breakpoint_stops_any_hart_and_all_show_their_frames() {
    for schedule in ["0", "1", "5"] {
        let server = serve(schedule);
        let output = gdb::says(
            &server,
            &[&at_second(), "continue", "thread apply all backtrace 1", "continue", "continue"],
            &[
                "hit Breakpoint 1",
                "Thread 4",
                "Thread 3",
                "Thread 2",
                "Thread 1",
                "hit Breakpoint 1",
                "hit Breakpoint 1",
            ],
        );
        assert!(output.contains("variant::second"), "schedule {schedule}: {output}");
    }
}

/// The same stops, in the other direction; a step back is one of the hart that is looked at, whatever others did in between.
#[test]
fn going_back_is_over_all_harts() {
    for schedule in ["0", "3"] {
        let server = serve(schedule);
        let output = gdb::says(
            &server,
            &[
                &at_second(),
                "continue",
                "continue",
                "continue",
                "print $_thread",
                "stepi",
                "stepi",
                "print $pc",
                "reverse-stepi",
                "reverse-stepi",
                "print $pc",
                "reverse-continue",
                "print $_thread",
                "reverse-continue",
                "reverse-continue",
                "info threads",
            ],
            &[
                "hit Breakpoint 1",
                "hit Breakpoint 1",
                "hit Breakpoint 1",
                "$1 = ",
                "second",
                "second",
                "hit Breakpoint 1",
                "No more reverse-execution history",
                "boot ()",
            ],
        );
        let thread = |name: &str| output.split(name).nth(1).and_then(|rest| rest.chars().next());
        assert!(thread("$1 = ").is_some() && thread("$1 = ") != thread("$4 = "), "schedule {schedule}: {output}");
    }
}
