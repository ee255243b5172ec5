//! What is told while a command works: the commands that it runs, with `-v`, and on a terminal what it waits for. It goes to
//! standard error. It does not know what the work is.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use debug::guardian;
use debug::qemu::MachineOptions;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// From now on commands are told.
pub fn be_verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

pub fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// Shows a command that is about to be run, such that it can be pasted.
pub fn tell_command(command: &Command) {
    let words: Vec<&OsStr> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let folder = command.get_current_dir().map(|folder| format!("cd {} && ", guardian::quoted(&[folder])));
    tell_line(&format!("{}{}", folder.unwrap_or_default(), guardian::quoted(&words)));
}

/// As [`tell_command`], of one that is quoted already.
pub fn tell_line(command: &str) {
    if is_verbose() {
        let _ = writeln!(io::stderr(), "+ {command}");
    }
}

/// The machine that is started, `waits` for a debugger or not: its private sockets are left out.
pub fn tell_machine(machine: &MachineOptions, waits: bool) {
    let mut words = vec![machine.program.clone()];
    words.extend(machine.arguments());
    let waits = waits && machine.line.is_none();
    words.extend(waits.then_some(["-s", "-S"]).into_iter().flatten().map(Into::into));
    tell_line(&guardian::quoted(&words));
}

/// For what a person should know.
pub fn say(words: &str) {
    // Whoever does not want to read it does not stop us.
    let _ = writeln!(io::stderr(), "debug: {words}");
}

/// Standard error, for the output of a command that is no result.
pub fn stderr() -> io::Result<Stdio> {
    use std::os::fd::AsFd;
    Ok(io::stderr().as_fd().try_clone_to_owned()?.into())
}

/// Says on a terminal, while it lives, what is waited for and for how long.
pub struct Waiting(ProgressBar);

impl Waiting {
    pub fn until(what: &str) -> Waiting {
        let bar = ProgressBar::with_draw_target(None, target());
        let style =
            ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("the template has known keys only");
        let bar = bar.with_style(style).with_message(what.to_owned());
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(150));
        }
        Waiting(bar)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Where progress is drawn: on a terminal with a cursor that moves, or nowhere.
pub fn target() -> ProgressDrawTarget {
    if is_dumb() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
}

/// A terminal without colours, and without a cursor that moves.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb")
}
