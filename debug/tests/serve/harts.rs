//! Several harts in GDB: threads, each with its registers and frames; breakpoints of any, steps of one, and back over all of them.

use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::gdb;
use crate::kernels;
use crate::server::{Server, command};

const HARTS: usize = 4;
/// instret, as GDB numbers it: the instructions that a hart has executed.
const INSTRET: u64 = 65 + 0xc02;

/// `starts-harts` with four harts, of which `boot` boots, under this schedule.
fn serve(schedule: &str) -> Server {
    let kernel = kernels::build("starts-harts");
    Server::at_reset(|listen| {
        let mut command = command(&kernel, listen);
        command.args(["--smp", "4", "--schedule", schedule]);
        command
    })
}

/// Where the other harts begin.
fn second() -> debug::Address {
    let image = debug::Image::open(&kernels::build("starts-harts")).unwrap();
    image.symbols().find(|symbol| symbol.name.contains("second")).expect("the kernel has it").address
}

fn at_second() -> String {
    format!("break *{}", second())
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

/// What VS Code's call stack shows: its adapters ask for it like this.
#[test]
fn an_editor_is_told_of_each_hart_and_its_frames() {
    let server = serve("0");
    let said = gdb::run(
        &server,
        &[
            &at_second(),
            "continue",
            "interpreter-exec mi \"-thread-info\"",
            "interpreter-exec mi \"-stack-list-frames --thread 2\"",
        ],
    );
    for hart in 0..HARTS {
        let thread = format!("{{id=\"{}\",target-id=\"Thread 1.{}\",details=\"hart {hart}\"", hart + 1, hart + 1);
        assert!(said.contains(&thread), "{thread} is not in {said}");
    }
    assert!(said.contains("stack=[frame={level=\"0\"") && said.contains("func=\"variant::second"), "{said}");
}

#[test]
fn a_breakpoint_of_one_hart_stops_no_other() {
    for schedule in ["0", "2"] {
        let server = serve(schedule);
        let breakpoint = format!("{} thread 3", at_second());
        let commands = [&breakpoint, "continue", "print $_thread", "print $mhartid", "reverse-continue"];
        let said = gdb::says(&server, &commands, &["hit Breakpoint 1", "$1 = 3", "$2 = 2", "No more reverse"]);
        assert_eq!(said.matches("hit Breakpoint 1").count(), 1, "schedule {schedule}: {said}");
    }
}

/// Each hart's general registers, and how many instructions it has executed.
fn all_harts(client: &mut Client) -> Vec<(String, u64)> {
    let mut look = |thread: usize| {
        assert_eq!(client.ask(&format!("Hgp1.{thread}")), "OK");
        let executed = u64::from_str_radix(&client.ask(&format!("p{INSTRET:x}")), 16).unwrap().swap_bytes();
        (client.ask("g"), executed)
    };
    (1..=HARTS).map(&mut look).collect()
}

/// Runs until a hart stands where the others begin; its thread.
fn come_to_second(client: &mut Client) -> usize {
    let stop = client.stop("vCont;c:p1.-1");
    let thread =
        stop.strip_prefix("T05thread:").and_then(|rest| rest.split(';').next()).unwrap_or_else(|| panic!("{stop}"));
    usize::from_str_radix(thread, 16).unwrap()
}

/// The hart that boots waits for one that stands still, until all go on; going back is over what was held, too.
#[test]
fn a_hart_goes_on_alone_where_the_scheduler_is_locked() {
    for schedule in ["0", "4"] {
        let server = serve(schedule);
        let mut client = Client::new(&server);
        let boots = all_harts(&mut client).iter().position(|hart| hart.0.contains("0000208000000000")).unwrap() + 1;
        assert_eq!(client.ask(&format!("Z0,{:x},4", second().0)), "OK");
        let other = come_to_second(&mut client);
        let before = all_harts(&mut client);
        client.send(&format!("vCont;c:p1.{boots}"));
        thread::sleep(Duration::from_millis(300));
        client.send_raw(&[3]);
        let stop = String::from_utf8(client.receive()).unwrap();
        assert!(stop.starts_with(&format!("T02thread:{boots:02x};")), "schedule {schedule}: {stop}");
        let alone = all_harts(&mut client);
        for (index, (before, now)) in before.iter().zip(&alone).enumerate() {
            match index + 1 == boots {
                true => assert!(now.1 > before.1 + 10_000, "schedule {schedule}: {} to {}", before.1, now.1),
                // A hart that is not started yet is set up by the one that boots.
                false => assert_eq!(before.1, now.1, "schedule {schedule}: hart {index}"),
            }
        }
        assert_eq!(before[other - 1], alone[other - 1], "schedule {schedule}");
        let moment = client.monitor("icount");
        client.stop(&format!("vCont;s:p1.{other:x}"));
        let stepped = all_harts(&mut client);
        for (index, (before, now)) in alone.iter().zip(&stepped).enumerate() {
            assert_eq!(now.1 - before.1, u64::from(index + 1 == other), "schedule {schedule}: hart {index}");
        }
        let count = moment.split_once(' ').unwrap().0.to_owned();
        client.monitor("goto 100");
        client.monitor(&format!("goto {count}"));
        assert!(all_harts(&mut client) == alone, "schedule {schedule}: what was held before is held again");
        client.monitor(&format!("goto {}", count.parse::<u64>().unwrap() + 1));
        assert!(all_harts(&mut client) == stepped, "schedule {schedule}");
        assert_eq!(client.ask(&format!("z0,{:x},4", second().0)), "OK");
        client.send("vCont;c:p1.-1");
        thread::sleep(Duration::from_millis(300));
        client.send_raw(&[3]);
        client.receive();
        let unlocked = all_harts(&mut client);
        assert!((0..HARTS).all(|hart| unlocked[hart].1 > stepped[hart].1), "schedule {schedule}: all went on");
        drop(client);
        server.end();
    }
}

/// GDB steps the hart that stopped alone over its breakpoint, and others would miss theirs if they went on then.
#[test]
fn a_step_over_a_breakpoint_changes_nothing_of_the_run() {
    for schedule in ["0", "1", "5"] {
        let (plain, stopped) = (serve(schedule), serve(schedule));
        let (mut plain, mut stopped) = (Client::new(&plain), Client::new(&stopped));
        let [set, removed] = ["Z0", "z0"].map(|what| format!("{what},{:x},4", second().0));
        for _ in 1..HARTS {
            assert_eq!(stopped.ask(&set), "OK");
            let thread = come_to_second(&mut stopped);
            assert_eq!(stopped.ask(&removed), "OK");
            stopped.stop(&format!("vCont;s:p1.{thread:x}"));
        }
        let now = stopped.monitor("icount");
        plain.monitor(&format!("goto {}", now.split_once(' ').unwrap().0));
        assert!(all_harts(&mut stopped) == all_harts(&mut plain), "schedule {schedule}: at {now}");
    }
}
