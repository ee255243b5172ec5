//! The terminal that a command was started in, made the kernel's for as long as the command runs. It does not know what is typed.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use debug::guardian::Ward;
use rustix::process::getpgrp;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr,
};

/// A terminal in raw mode; dropping this gives it back as it was.
pub struct RawTerminal {
    terminal: OwnedFd,
    before: Termios,
    /// Gives it back if we cannot: after SIGKILL.
    _ward: Option<Ward>,
}

impl RawTerminal {
    /// Takes standard input where it is a terminal in which this program is in the foreground; `None` elsewhere.
    ///
    /// Each byte is passed on at once and unchanged, Ctrl-C too. Line ends of output are still the terminal's to make.
    pub fn take() -> io::Result<Option<RawTerminal>> {
        let stdin = io::stdin();
        let in_front = isatty(&stdin) && tcgetpgrp(&stdin).is_ok_and(|group| group == getpgrp());
        if !in_front {
            return Ok(None);
        }
        let before = tcgetattr(&stdin)?;
        // Without one, only SIGKILL leaves the terminal as it is.
        let ward = Ward::of_terminal(stdin.as_fd()).ok();
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        raw.input_modes -= InputModes::ICRNL
            | InputModes::INLCR
            | InputModes::IGNCR
            | InputModes::IXON
            | InputModes::ISTRIP
            | InputModes::BRKINT;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        let terminal = stdin.as_fd().try_clone_to_owned()?;
        tcsetattr(&terminal, OptionalActions::Now, &raw)?;
        Ok(Some(RawTerminal { terminal, before, _ward: ward }))
    }

    /// The terminal, to read from.
    pub fn input(&self) -> io::Result<OwnedFd> {
        self.terminal.try_clone()
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
