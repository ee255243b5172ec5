//! `monitor console [TEXT]`: the kernel's console, both sides of it.

use super::super::target::GdbTarget;

impl GdbTarget {
    /// What was printed up to now; or, with a text, types that, as a person would, with Enter behind it.
    pub(super) fn console(&mut self, text: &str) -> String {
        if text.is_empty() {
            return String::from_utf8_lossy(&self.machine.console()).into_owned();
        }
        self.machine.input(format!("{text}\r").as_bytes());
        String::new()
    }
}
