//! The sessions of README.md and docs/ are what a person sees: each `console` block is run, and its output compared.
//!
//! `$ ` begins a command, typed in the project's folder; `(gdb) ` what is typed into the GDB that it starts. A line `...`
//! stands for any lines. Times differ from run to run, and addresses from compiler to compiler: they are compared as if
//! they were all the same. A block marked
//! `console my-kernel=NAME` speaks of a kernel of debug/tests/kernels as `my-kernel`.

use std::io::Write;
use std::process::{Command, Stdio};
use testkit::kernels;

const PROJECT: &str = env!("HYPERVISOR_PROJECT");
const PAGES: [&str; 6] = [
    include_str!("../../README.md"),
    include_str!("../../docs/vscode.md"),
    include_str!("../../docs/time-travel.md"),
    include_str!("../../docs/ci.md"),
    include_str!("../../docs/harsh.md"),
    include_str!("../../docs/troubleshooting.md"),
];
const PROMPT: &str = "(gdb) ";

/// A command, what is typed into what it starts, and what is then to be seen.
#[derive(Debug, Default)]
struct Session {
    command: String,
    typed: String,
    output: Vec<String>,
}

/// The sessions of all blocks that are marked so.
fn sessions() -> Vec<Session> {
    let mut sessions = Vec::new();
    let mut lines = PAGES.iter().flat_map(|page| page.lines());
    while let Some(mark) = lines.by_ref().find_map(|line| line.strip_prefix("```console")) {
        let kernel = mark.strip_prefix(" my-kernel=").map(kernels::build);
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        for line in block {
            if let Some(command) = line.strip_prefix("$ ") {
                let mut command = command.to_owned();
                if let Some(kernel) = &kernel {
                    command = command.replace("my-kernel", kernel.to_str().expect("the path is text"));
                }
                sessions.push(Session { command, ..Session::default() });
                continue;
            }
            let session: &mut Session = sessions.last_mut().expect("a block begins with a command");
            match line.strip_prefix(PROMPT) {
                Some(typed) => {
                    session.typed += &format!("{typed}\n");
                    // Where no terminal echoes it, what was typed is not seen: the answer follows the prompt.
                    session.output.push(PROMPT.into());
                }
                None => match session.output.last_mut() {
                    Some(last) if last == PROMPT => last.push_str(line),
                    _ => session.output.push(line.into()),
                },
            }
        }
    }
    sessions
}

impl Session {
    /// All that it prints, to either stream, in order.
    fn run(&self) -> Vec<String> {
        let mut shell = Command::new("bash")
            .args(["-c", &format!("exec 2>&1; {}", self.command)])
            .current_dir(PROJECT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash is there");
        // What does not read its input may have ended already.
        let _ = shell.stdin.take().expect("it is piped").write_all(self.typed.as_bytes());
        let output = shell.wait_with_output().expect("it is our child");
        String::from_utf8(output.stdout).expect("it prints text").lines().map(str::to_owned).collect()
    }
}

/// Whether the lines are as expected, where `...` is any number of lines.
fn matches(expected: &[String], actual: &[String]) -> bool {
    match expected {
        [] => actual.is_empty(),
        [dots, rest @ ..] if dots == "..." => (0..=actual.len()).any(|skipped| matches(rest, &actual[skipped..])),
        // What was typed has any answer.
        [line, rest @ ..] if line.strip_prefix(PROMPT) == Some("...") => {
            actual.first().is_some_and(|first| first.starts_with(PROMPT))
                && (1..=actual.len()).any(|skipped| matches(rest, &actual[skipped..]))
        }
        [line, rest @ ..] => actual
            .split_first()
            .is_some_and(|(first, others)| comparable(line) == comparable(first) && matches(rest, others)),
    }
}

/// The line with all times in it made the same, and all hexadecimal numbers, and what GDB spells so since 14: `addi` where it
/// said `add` before.
fn comparable(line: &str) -> String {
    let mut parts = timeless(line).replace("\taddi\t", "\tadd\t").split("0x").map(str::to_owned).collect::<Vec<_>>();
    for part in parts.iter_mut().skip(1) {
        *part = part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit()).to_owned();
    }
    parts.join("0xN")
}

fn timeless(line: &str) -> String {
    let words = line.trim_end().split(' ').collect::<Vec<_>>();
    let is_number = |word: &str| word.trim_start_matches('(').parse::<f64>().is_ok();
    let is_time = |index: usize| {
        let unit = words.get(index + 1).map(|unit| unit.trim_end_matches([')', ';', ',']));
        is_number(words[index]) && matches!(unit, Some("ms" | "s"))
    };
    let shown = |index: usize| if is_time(index) { "N" } else { words[index] };
    (0..words.len()).map(shown).collect::<Vec<_>>().join(" ")
}

#[test]
fn sessions_are_what_a_person_sees() {
    let sessions = sessions();
    assert!(sessions.len() >= 3, "the pages show what they promise: {sessions:#?}");
    for session in sessions {
        let actual = session.run();
        assert!(
            !actual.iter().any(|line| line.contains("(y or n)")),
            "$ {}: it asks:\n{}",
            session.command,
            actual.join("\n")
        );
        assert!(
            matches(&session.output, &actual),
            "$ {}\nthe page shows:\n{}\nseen:\n{}",
            session.command,
            session.output.join("\n"),
            actual.join("\n")
        );
    }
}

/// A new machine runs the commands that stand before the first section, in a block each: tests that are only mentioned are not run there.
#[test]
fn a_newcomer_is_told_to_run_the_tests() {
    let top = include_str!("../../README.md").split("\n## ").next().expect("what stands before the first section");
    assert!(top.contains("```sh\n./run.sh --test\n```"), "{top}");
}

#[test]
fn the_table_of_what_was_tested_has_whole_rows() {
    let table = include_str!("../../README.md")
        .split("| system | QEMU | OpenSBI | GDB | LLDB |\n")
        .nth(1)
        .expect("the table of .ci/table");
    let rows: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).skip(1).collect();
    assert!(!rows.is_empty());
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let versions = cells.iter().skip(1).all(|cell| cell.starts_with(|digit: char| digit.is_ascii_digit()));
        assert!(cells.len() == 5 && versions, "{row}");
    }
}

#[test]
fn times_are_compared_as_if_they_were_the_same() {
    assert_eq!(timeless("cleared in 1.2 ms; 32 bytes"), timeless("cleared in 34.5 ms; 32 bytes"));
    assert_ne!(timeless("cleared in 1.2 ms; 32 bytes"), timeless("cleared in 1.2 ms; 33 bytes"));
}

#[test]
fn addresses_are_compared_as_if_they_were_the_same() {
    assert_eq!(comparable("at 0x80200cea <main+0x20>"), comparable("at 0x80200dec <main+0x4>"));
    assert_ne!(comparable("at 0x80200cea <main+0x20>"), comparable("at 0x80200cea <boot+0x20>"));
}

#[test]
fn dots_stand_for_any_lines() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(matches(&lines("a\n...\nd"), &lines("a\nb\nc\nd")));
    assert!(matches(&lines("...\nd"), &lines("d")));
    assert!(!matches(&lines("a\n...\nd"), &lines("a\nb\nc")));
}
