//! Whether a printed line tells of a failure, by its words. It does not know who printed it, or when.

/// A word that tells of a failure wherever it stands.
const WORDS: [&str; 9] =
    ["panic", "panicked", "panicking", "abort", "aborted", "aborting", "fatal", "oops", "unhandled"];
/// In capitals only: a kernel may say in passing that something failed.
const CAPITALS: [&str; 3] = ["FAIL", "FAILED", "BUG"];
/// A line may also set a signal: "assert reset".
const ASSERT: [&str; 2] = ["assert", "assertion"];
/// What becomes of a kernel, or of what it runs on; a program may die.
const ENDS: [&str; 7] = ["died", "dead", "dying", "crash", "crashed", "hung", "stuck"];
const SUBJECTS: [&str; 8] = ["kernel", "system", "os", "machine", "cpu", "hart", "core", "hypervisor"];
/// What a handler meets that it was not made for; that of a program is the kernel's daily business.
const EXCEPTIONS: [&str; 5] = ["trap", "exception", "fault", "scause", "mcause"];
const UNMET: [&str; 7] = ["unexpected", "unknown", "uncaught", "unsupported", "invalid", "double", "triple"];
const PROGRAMS: [&str; 8] = ["pid", "user", "usertrap", "app", "application", "process", "program", "killed"];
/// What a check finds, where the line says that it was detected.
const DETECTED: [&str; 7] = ["deadlock", "corruption", "smashing", "overflow", "underflow", "lockup", "violation"];
/// A kernel that stops may say so as well; with a colon behind it the reason follows, or the word stands among asterisks.
const STOPS: [&str; 6] = ["halt", "halted", "halting", "stop", "stopped", "stopping"];
const REASONS: [&str; 16] = [
    "trap",
    "exception",
    "fault",
    "error",
    "unexpected",
    "unknown",
    "invalid",
    "bad",
    "illegal",
    "cannot",
    "failed",
    "failure",
    "violation",
    "corrupt",
    "overflow",
    "memory",
];
/// Words that turn such a line into one of success, unless one of `ILL` is there too.
const WELL: [&str; 6] = ["ok", "pass", "passed", "success", "succeeded", "handled"];
const ILL: [&str; 6] = ["not", "failed", "fail", "failure", "fails", "error"];
/// Before such a word: there was none, or it may come.
const NONE: [&str; 11] = ["no", "0", "zero", "without", "not", "t", "never", "non", "any", "to", "if"];
/// Behind one: the words are about what there is for such a case, unless it is at work.
const FOR: [&str; 13] = [
    "handler",
    "handlers",
    "hook",
    "hooks",
    "handling",
    "timeout",
    "support",
    "enabled",
    "disabled",
    "installed",
    "registered",
    "ready",
    "works",
];
const BETWEEN: [&str; 8] = ["error", "errors", "exception", "exceptions", "trap", "traps", "interrupt", "fault"];
const AT_WORK: [&str; 6] = ["called", "calling", "entered", "entering", "reached", "invoked"];
/// Of the lines that follow a panic.
const DUMP: [&str; 8] = ["backtrace", "trace", "stack", "registers", "halt", "halted", "halting", "rebooting"];
const RUST: &str = "panicked at";

/// The line that tells of a failure: the last line but for what kernels print after a panic (registers, a backtrace, that they halt), or
/// the line of a Rust panic, which is followed by its message.
pub fn of_failure(lines: &[String]) -> Option<&str> {
    let after_dump = lines.iter().rev().find(|line| Line::of(line).tells_of_failure() || !is_dump(line));
    after_dump
        .filter(|line| Line::of(line).tells_of_failure())
        .or_else(|| lines.iter().rev().take(3).find(|line| line.contains(RUST)))
        .map(String::as_str)
}

/// The line that is all a kernel says again and again, but for numbers, if it tells of something that does not work.
pub fn again_and_again(lines: &[String]) -> Option<&str> {
    const OFTEN: usize = 4;
    const WORDS: [&str; 9] =
        ["timeout", "timed", "retry", "retrying", "fail", "failed", "failure", "unable", "unreachable"];
    const NONE: [&str; 4] = ["no", "0", "without", "not"];
    let plain = |line: &str| line.replace(|c: char| c.is_ascii_digit(), "");
    let last = lines.last()?;
    let said = lines.iter().rev().take_while(|line| plain(line) == plain(last)).count();
    let words = Line::of(last).words;
    let counted = |at: usize| words.get(at).is_some_and(|word| word.is(&NONE));
    let tells = |at: usize| words[at].is(&WORDS) && !counted(at + 1) && !(at > 0 && counted(at - 1));
    (said >= OFTEN && (0..words.len()).any(tells)).then_some(last)
}

fn is_dump(line: &str) -> bool {
    let is_number = |word: &str| word.strip_prefix("0x").is_some_and(|digits| !digits.is_empty()) || is_address(word);
    Line::of(line).words.iter().any(|word| word.is(&DUMP) || is_number(word.text))
}

/// Whether a word is an address as dumps have it without a prefix.
fn is_address(word: &str) -> bool {
    matches!(word.len(), 8 | 16) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

struct Line<'a> {
    words: Vec<Word<'a>>,
    is_starred: bool,
}

struct Word<'a> {
    text: &'a str,
    /// The word in small letters.
    plain: String,
    /// What stands between it and the next word, or the line's end.
    behind: &'a str,
}

impl Word<'_> {
    fn is(&self, known: &[&str]) -> bool {
        known.contains(&&*self.plain)
    }

    /// Whether it and the next word belong to one phrase.
    fn goes_on(&self) -> bool {
        !self.behind.is_empty() && self.behind.chars().all(|c| [' ', '-', '_'].contains(&c))
    }
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Line<'a> {
        let mut words = Vec::new();
        let mut rest = line.trim_start_matches(|c: char| !c.is_alphanumeric());
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            let (text, behind) = rest.split_at(end);
            let next = behind.find(char::is_alphanumeric).unwrap_or(behind.len());
            words.push(Word { text, plain: text.to_lowercase(), behind: &behind[..next] });
            rest = &behind[next..];
        }
        Line { words, is_starred: line.trim_start().starts_with("***") }
    }

    fn tells_of_failure(&self) -> bool {
        let told = (0..self.words.len()).any(|at| self.tells(at) && !self.is_spared(at));
        told && (self.has(&ILL) || !self.has(&WELL))
    }

    fn has(&self, known: &[&str]) -> bool {
        self.words.iter().any(|word| word.is(known))
    }

    /// Whether the word at this place tells of a failure.
    fn tells(&self, at: usize) -> bool {
        let word = &self.words[at];
        let asserts = || {
            let place = self.words.get(at + 1).is_some_and(|next| next.is(&["at", "in", "on"]));
            self.has(&ILL) || place || !word.goes_on()
        };
        let stops = || self.is_starred || word.behind.starts_with(':') && self.has(&REASONS);
        word.is(&WORDS)
            || CAPITALS.contains(&word.text)
            || word.is(&ASSERT) && asserts()
            || word.is(&ENDS) && self.is_after(at, &SUBJECTS)
            || word.is(&EXCEPTIONS) && self.is_after(at, &UNMET) && !self.has(&PROGRAMS)
            || word.is(&DETECTED) && self.has(&["detected"])
            || word.is(&STOPS) && stops()
    }

    /// Whether the line speaks of none, of what may come, of a setting, or of what there is for such a case.
    fn is_spared(&self, at: usize) -> bool {
        let word = &self.words[at];
        // Of "FAILED: 0" and "unhandled traps: none" the number counts them, as it does in "FAIL 0"; "PANIC 0" has that of a hart, say.
        let counts = |end: usize| self.words.get(end).is_some_and(|word| word.behind.starts_with([':', '=']));
        let end = if word.goes_on() && counts(at + 1) { at + 1 } else { at };
        let is_counted = counts(end) || CAPITALS.contains(&word.text);
        let count = self.words.get(end + 1);
        let counts_none = is_counted && count.is_some_and(|count| count.is(&["0", "none"]) && !count.goes_on());
        // "panic_on_oops=1" is a name, and has a value.
        let end = self.words[at..].iter().find(|word| word.behind != "_");
        let is_setting = end.is_some_and(|end| end.behind.starts_with('='));
        counts_none || is_setting || self.is_after(at, &NONE) || self.is_about_what_is_for_it(at) && !self.has(&AT_WORK)
    }

    /// Whether one of the three words before, in the same phrase, is among these.
    fn is_after(&self, at: usize, known: &[&str]) -> bool {
        let before = self.words[..at].iter().rev().take_while(|word| word.goes_on());
        before.take(3).any(|word| word.is(known))
    }

    fn is_about_what_is_for_it(&self, at: usize) -> bool {
        let phrase = |at: usize| self.words.get(at).filter(|_| at > 0 && self.words[at - 1].goes_on());
        let is_between = phrase(at + 1).is_some_and(|word| word.is(&BETWEEN));
        phrase(at + 1).is_some_and(|word| word.is(&FOR))
            || is_between && phrase(at + 2).is_some_and(|word| word.is(&FOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(lines: &[&str]) -> Option<String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        of_failure(&lines).map(str::to_owned)
    }

    #[test]
    fn a_last_line_with_words_of_failure_is_found() {
        for line in [
            "PANIC: out of memory",
            "kernel panic - not syncing",
            "Kernel panic - not syncing: VFS: Unable to mount root fs",
            "Assertion `x' failed",
            "assertion failed: a == b, main.c:3",
            "ASSERT at os/main.c:39",
            "assert(ptr) in alloc",
            "Fatal error 3",
            "Oops [#1]",
            "Oops",
            "[PANIC 0] os/main.c:39: ALL DONE",
            "panic: 0 pages left",
            "panic: handler missing for irq 3",
            "panic in trap handler",
            "panic handler called",
            "Panicked at src/main.rs:3 no memory",
            "[kernel] Panicked at src/lib.rs:9 test",
            "Unhandled trap, scause 0xd",
            "unhandled trap 0xd",
            "unexpected trap: scause 0xf sepc 0x80200010",
            "kerneltrap: unknown exception 5",
            "Double fault!",
            "kernel BUG at mm/slab.c:17",
            "BUG: sleeping function called from invalid context",
            "kernel died",
            "CPU 1 is stuck",
            "system crashed at 0x80200010",
            "*** stop",
            "*** STOP: 0x0000007b",
            "*** stack smashing detected ***: terminated",
            "deadlock detected on console lock",
            "halted: unexpected interrupt 9",
            "HALT: illegal instruction",
            "Data abort at 0x10",
            "test result: FAILED. 2 passed; 1 failed",
            "tests: 5 passed, FAILED: 1",
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
            "panic handler installed",
            "fatal error handler installed",
            "panic hook set",
            "panic timeout 10 s",
            "Kernel command line: console=ttyS0 panic=5",
            "panic_on_oops=1",
            "all assertions passed",
            "assertions enabled",
            "kernel 1.0, assertions enabled",
            "assert reset of port 0",
            "0 errors",
            "0 fatal errors",
            "no fatal errors",
            "errors: 0, fatal: 0",
            "non-fatal error corrected",
            "the error isn't fatal",
            "no kernel panic",
            "no panic yet",
            "this must not panic",
            "without any panic",
            "unpanicky",
            "press any key to abort",
            "unhandled interrupts: none, no unhandled traps",
            "0 unhandled interrupts",
            "unhandled: 0",
            "ready",
            "trap handler set",
            "unknown device 3, ignored",
            "usertrap: unexpected scause 0xf pid 3",
            "process 3 died",
            "no deadlock detected",
            "disk detected",
            "*** boot complete ***",
            "System halted.",
            "halted: bye",
            "stopped: 3 tasks",
            "disk failed, RAM disk used",
            "3 passed, 0 failed, debug off",
            "PASSED: 12, FAILED: 0",
            "self-test of panic: passed",
            "debug information loaded",
        ] {
            assert_eq!(failure(&["hello", line]), None, "{line}");
            // Behind a panic it may be part of what follows one.
            assert!(is_dump(line) || failure(&["panic: at first", line]).is_none(), "{line}");
        }
        assert_eq!(failure(&[]), None);
    }

    #[test]
    fn a_complaint_is_said_again_and_again() {
        let said = |line: &str, times: usize| {
            let lines: Vec<String> = (0..times).map(|number| format!("[{number}] {line}")).collect();
            again_and_again(&lines).is_some()
        };
        assert!(said("mmc: timeout waiting for card", 8) && said("disk failed, retrying", 4));
        assert!(!said("mmc: timeout waiting for card", 3), "it may go on");
        for line in ["alive", "uptime 3 s, 0 failed", "no failure", "failed: 0"] {
            assert!(!said(line, 8), "{line}");
        }
    }
}
