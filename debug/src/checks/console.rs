//! Judges the kernel's console output: its last lines, words of failure, and expected or forbidden text. It does not know devices.

use super::boot_run::BootRun;
use super::boot_run::dialogue::shown;
pub use super::boot_run::dialogue::{Input, Script};
use super::boot_run::event::BootEnd;
use super::finding::{Finding, Status};

/// How many lines reports show.
const LINES: usize = 8;
/// The last printed lines, without empty ones.
pub fn last_lines(console: &[u8]) -> Vec<String> {
    let lines = console.split(|byte| *byte == b'\n').rev().map(shown).filter(|line| !line.trim().is_empty());
    let mut last: Vec<String> = lines.take(LINES).collect();
    last.reverse();
    last
}

/// Fails a kernel that idles or is still running, and whose last line tells of a failure, or that printed forbidden text, or not the
/// expected one.
pub fn judge(run: &mut BootRun<'_>, finding: &mut Finding) {
    let Some(console) = run.machine.printed() else { return };
    let lines = last_lines(&console);
    if let Some(line) = run.dialogue.forbidden(&console) {
        // It may have rested or ended before anybody looked at what it had printed.
        finding.found =
            format!("{}; its last line: {}", finding.summary, lines.last().map_or("nothing", String::as_str));
        finding.summary = format!("printed forbidden text: {line}");
        finding.status = Status::Fail;
    } else if let Some(missing) = run.dialogue.missing(&console) {
        finding.found =
            format!("{}; its last line: {}", finding.summary, lines.last().map_or("nothing", String::as_str));
        let it = if finding.status == Status::Pass { "it" } else { "it was" };
        finding.summary = format!("{missing}; {it} {}", finding.summary);
        finding.status = Status::Fail;
    } else if let Some(line) = words_of_failure(&lines).filter(|line| !was_expected(run, line)) {
        finding.status = Status::Fail;
        finding.found = finding.summary.clone();
        finding.summary = format!("its last words are those of a failure: {line}");
        finding.set("console_line", line);
    } else if let Some(line) = complaint(&lines).filter(|_| matches!(run.end, Some(BootEnd::Beats { .. }))) {
        finding.status = Status::Fail;
        finding.found = finding.summary.clone();
        finding.summary = format!("it says again and again that something does not work: {line}");
        finding.set("console_line", line);
    }
}

/// What a kernel that failed said about it: its last line of failure, and what follows.
pub fn said_at_failure(run: &mut BootRun<'_>) -> Option<String> {
    let lines = last_lines(&run.machine.printed()?);
    let first = words_of_failure(&lines)?;
    let at = lines.iter().rposition(|line| line == first)?;
    Some(shown(lines[at..].join(" ").as_bytes()))
}

/// Whether a person asked for this line: it is no failure then, whatever it says.
fn was_expected(run: &BootRun<'_>, said: &str) -> bool {
    matches!(&run.end, Some(BootEnd::Expected { line }) if line.trim() == said.trim())
}

/// The line that tells of a failure: the last line but for what kernels print after a panic (registers, a backtrace, that they halt), or
/// the line of a Rust panic, which is followed by its message.
fn words_of_failure(lines: &[String]) -> Option<&str> {
    const WORDS: [&str; 11] = [
        "panic",
        "panicked",
        "panicking",
        "abort",
        "aborted",
        "aborting",
        "assert",
        "assertion",
        "fatal",
        "oops",
        "unhandled",
    ];
    /// In capitals only: a kernel may say in passing that something failed.
    const CAPITALS: [&str; 3] = ["FAIL", "FAILED", "BUG"];
    /// Words that turn such a line into one of success, unless one of `ILL` is there too.
    const WELL: [&str; 6] = ["ok", "pass", "passed", "success", "succeeded", "handled"];
    const ILL: [&str; 5] = ["not", "failed", "fail", "failure", "error"];
    /// Right before such a word: there was none.
    const NONE: [&str; 3] = ["no", "0", "without"];
    /// Right behind one: the words are about what there is for such a case.
    const FOR: [&str; 5] = ["handler", "handlers", "hook", "enabled", "disabled"];
    /// Of the lines that follow a panic.
    const DUMP: [&str; 8] = ["backtrace", "trace", "stack", "registers", "halt", "halted", "halting", "rebooting"];
    const RUST: &str = "panicked at";
    let words = |line: &str| -> Vec<String> {
        line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let is = |word: &str, known: &[&str]| known.contains(&&*word.to_lowercase());
    let is_failure = |line: &&String| {
        let words = words(line);
        let has = |known: &[&str]| words.iter().any(|word| is(word, known));
        // Of "FAILED: 0" the number counts them; "PANIC 0" has that of a hart, say.
        let counts_none = |at: usize| words.get(at + 1).is_some_and(|next| next == "0");
        let tells = |at: usize| is(&words[at], &WORDS) || CAPITALS.contains(&&*words[at]) && !counts_none(at);
        let spares =
            |at: usize| at > 0 && is(&words[at - 1], &NONE) || words.get(at + 1).is_some_and(|next| is(next, &FOR));
        let told = (0..words.len()).any(|at| tells(at) && !spares(at));
        told && (has(&ILL) || !has(&WELL))
    };
    let is_dump = |line: &&String| {
        let is_number =
            |word: &str| word.strip_prefix("0x").is_some_and(|digits| !digits.is_empty()) || is_address(word);
        words(line).iter().any(|word| is(word, &DUMP) || is_number(word))
    };
    let after_dump = lines.iter().rev().find(|line| is_failure(line) || !is_dump(line));
    after_dump
        .filter(is_failure)
        .or_else(|| lines.iter().rev().take(3).find(|line| line.contains(RUST)))
        .map(String::as_str)
}

/// The line that is all a kernel says again and again, but for numbers, if it tells of something that does not work.
fn complaint(lines: &[String]) -> Option<&str> {
    const OFTEN: usize = 4;
    const WORDS: [&str; 9] =
        ["timeout", "timed", "retry", "retrying", "fail", "failed", "failure", "unable", "unreachable"];
    const NONE: [&str; 4] = ["no", "0", "without", "not"];
    let plain = |line: &str| line.replace(|c: char| c.is_ascii_digit(), "");
    let last = lines.last()?;
    let said = lines.iter().rev().take_while(|line| plain(line) == plain(last)).count();
    let words = last.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    let counted = |at: usize| words.get(at).is_some_and(|word| NONE.contains(&&**word));
    let tells = |at: usize| WORDS.contains(&&*words[at]) && !counted(at + 1) && !(at > 0 && counted(at - 1));
    (said >= OFTEN && (0..words.len()).any(tells)).then_some(last)
}

/// Whether a word is an address as dumps have it without a prefix.
fn is_address(word: &str) -> bool {
    matches!(word.len(), 8 | 16) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(lines: &[&str]) -> Option<String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        words_of_failure(&lines).map(str::to_owned)
    }

    #[test]
    fn a_last_line_with_words_of_failure_is_found() {
        for line in [
            "PANIC: out of memory",
            "kernel panic - not syncing",
            "Assertion `x' failed",
            "Fatal error 3",
            "Oops [#1]",
            "[PANIC 0] os/main.c:39: ALL DONE",
            "Panicked at src/main.rs:3 no memory",
            "[kernel] Panicked at src/lib.rs:9 test",
            "Unhandled trap, scause 0xd",
            "kernel BUG at mm/slab.c:17",
            "test result: FAILED. 2 passed; 1 failed",
        ] {
            assert_eq!(failure(&["hello", line]).as_deref(), Some(line));
        }
        assert_eq!(
            failure(&["unhandled trap: 13", "System halted."]).as_deref(),
            Some("unhandled trap: 13"),
            "what a kernel says when it stops"
        );
        assert_eq!(
            failure(&["hello", "panicked at src/main.rs:7:5:", "index out of bounds"]).as_deref(),
            Some("panicked at src/main.rs:7:5:")
        );
    }

    #[test]
    fn what_is_printed_after_a_panic_does_not_hide_it() {
        for dump in [
            &["---[ end trace 0000000000000000 ]---"][..],
            &["Call trace:", " [<ffffffff80001234>] kernel_init+0x1c", "System halted"],
            &["ra 0x80200010 sp 0x80210000", "sepc: 0x8020003c scause: 0xf", "halting..."],
        ] {
            let lines = [&["hello", "Kernel panic - not syncing: no init"], dump].concat();
            assert_eq!(failure(&lines).as_deref(), Some(lines[1]));
        }
        assert_eq!(failure(&["panic: a test", "$ "]), None);
        assert_eq!(failure(&["hello", "kernel at 0x80200000", "halted"]), None);
        assert_eq!(failure(&["hello", "panic handler at 0x80200000"]), None);
    }

    #[test]
    fn other_last_lines_are_no_failure() {
        for line in [
            "$ ",
            "panic handler: ok",
            "all assertions passed",
            "0 fatal errors",
            "no panic yet",
            "unpanicky",
            "ready",
            "disk failed, RAM disk used",
            "3 passed, 0 failed, debug off",
            "kernel 1.0, assertions enabled",
            "PASSED: 12, FAILED: 0",
        ] {
            assert_eq!(failure(&["panic: at first", line]), None, "{line}");
        }
        assert_eq!(failure(&[]), None);
    }

    #[test]
    fn a_complaint_is_said_again_and_again() {
        let said = |line: &str, times: usize| {
            let lines: Vec<String> = (0..times).map(|number| format!("[{number}] {line}")).collect();
            complaint(&lines).is_some()
        };
        assert!(said("mmc: timeout waiting for card", 8) && said("disk failed, retrying", 4));
        assert!(!said("mmc: timeout waiting for card", 3), "it may go on");
        for line in ["alive", "uptime 3 s, 0 failed", "no failure", "failed: 0"] {
            assert!(!said(line, 8), "{line}");
        }
    }

    #[test]
    fn the_last_lines_are_shown_without_empty_ones() {
        assert_eq!(last_lines(b"one\r\n\n two \r\n> "), ["one", " two", ">"]);
        assert_eq!(last_lines(b""), Vec::<String>::new());
    }

    #[test]
    fn colours_are_not_shown() {
        assert_eq!(last_lines(b"\x1b[1;31m[ERROR] no\x1b[0m\n\x1b[?25l> \x1b"), ["[ERROR] no", ">"]);
    }
}
