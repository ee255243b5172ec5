//! What is typed in the server's terminal, on its way to the kernel. It does not know terminals: bytes come from a descriptor.
//!
//! A person's Ctrl-A is not for the kernel, as with QEMU's `-nographic`: Ctrl-A X ends the server, Ctrl-A twice types one.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Where the two ways out of the kernel's terminal begin.
const ESCAPE: u8 = 1;

/// Someone who types.
pub struct Typing {
    input: OwnedFd,
    /// Ctrl-A begins a way out.
    by_a_person: bool,
    /// The last byte was Ctrl-A.
    escaped: bool,
    ended: bool,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// For the kernel; may be empty.
    Bytes(Vec<u8>),
    /// Ctrl-A X.
    Leave,
}

impl Typing {
    /// A person's keys are read from `input` when it is readable.
    pub fn new(input: OwnedFd) -> Typing {
        Typing { input, by_a_person: true, escaped: false, ended: false }
    }

    /// The bytes of a pipe or a file, each of them for the kernel.
    pub fn of_file(input: OwnedFd) -> Typing {
        Typing { by_a_person: false, ..Typing::new(input) }
    }

    /// Whether nobody sits there.
    pub(super) fn is_a_file(&self) -> bool {
        !self.by_a_person
    }

    /// What to wait for; `None` after the end of it.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        (!self.ended).then(|| self.input.as_fd())
    }

    /// Takes what there is to read.
    pub(super) fn take(&mut self) -> Typed {
        let mut bytes = [0; 256];
        match rustix::io::read(&self.input, &mut bytes) {
            Ok(0) => self.ended = true,
            Ok(count) => return self.sort(&bytes[..count]),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            // A terminal that was closed: who sat there is gone.
            Err(_) => self.ended = true,
        }
        Typed::Bytes(Vec::new())
    }

    fn sort(&mut self, typed: &[u8]) -> Typed {
        let mut bytes = Vec::new();
        for byte in typed {
            match (std::mem::take(&mut self.escaped), *byte) {
                (true, b'x' | b'X') => return Typed::Leave,
                (false, ESCAPE) if self.by_a_person => self.escaped = true,
                (_, byte) => bytes.push(byte),
            }
        }
        Typed::Bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn typed(parts: &[&[u8]]) -> Vec<Typed> {
        typed_to(Typing::new, parts)
    }

    fn typed_to(typing: fn(OwnedFd) -> Typing, parts: &[&[u8]]) -> Vec<Typed> {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut typing = typing(reader.into());
        let mut take = |part: &&[u8]| {
            writer.write_all(part).unwrap();
            typing.take()
        };
        parts.iter().map(&mut take).collect()
    }

    #[test]
    fn all_but_the_way_out_is_for_the_kernel() {
        let bytes = |bytes: &[u8]| Typed::Bytes(bytes.to_vec());
        assert_eq!(typed(&[b"ls\r\x03\x1b[A"]), [bytes(b"ls\r\x03\x1b[A")]);
        assert_eq!(typed(&[b"a\x01", b"\x01b"]), [bytes(b"a"), bytes(b"\x01b")], "twice is one");
        assert_eq!(typed(&[b"\x01", b"x"]), [bytes(b""), Typed::Leave]);
        assert_eq!(typed(&[b"\x01q"]), [bytes(b"q")]);
        assert_eq!(typed_to(Typing::of_file, &[b"\x01x", b"y"]), [bytes(b"\x01x"), bytes(b"y")], "no person typed it");
    }

    #[test]
    fn the_end_is_not_waited_for_again() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut typing = Typing::new(reader.into());
        drop(writer);
        assert!(typing.descriptor().is_some());
        assert_eq!(typing.take(), Typed::Bytes(Vec::new()));
        assert!(typing.descriptor().is_none());
    }
}
