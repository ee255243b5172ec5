//! The served target: the machine, its kernel, and the breakpoints of the current client. Each gdbstub extension has a file.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gdbstub::common::Pid;
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::breakpoints::BreakpointsOps;
use gdbstub::target::ext::exec_file::{ExecFile, ExecFileOps};
use gdbstub::target::ext::memory_map::{MemoryMap, MemoryMapOps};
use gdbstub::target::ext::monitor_cmd::MonitorCmdOps;
use gdbstub::target::ext::target_description_xml_override::{
    TargetDescriptionXmlOverride, TargetDescriptionXmlOverrideOps,
};
use gdbstub::target::{Target, TargetError, TargetResult};
use rustix::net::{RecvFlags, recv};

use super::arch::Hart;
use super::framing::{RECEIVED, SEND_AGAIN};
use super::progress::Progress;
use super::wire::{Others, Readiness, Wire, await_readable};
use super::wishes::{Motion, Set};
use super::{Error, description};
use crate::embedded::{Embedded, Firmware, Options};
use crate::image::{Image, KernelFiles};
use crate::machine::Machine;

/// A kernel on the embedded machine, which clients can inspect and move in both directions of time.
pub struct GdbTarget {
    pub(super) machine: Embedded,
    pub(super) image: Image,
    /// With absolute paths.
    pub(super) files: KernelFiles,
    pub(super) options: Options,
    pub(super) description: String,
    /// The hart is in the reset ROM; see `rom`.
    pub(super) in_rom: bool,
    pub(super) set: Set,
    pub(super) motion: Motion,
    pub(super) interrupt_poll: Option<InterruptPoll>,
    /// How far a monitor command is that takes long.
    pub(super) progress: Progress,
    /// The present client was told what a GDB must forget once the machine was moved behind its back.
    pub(super) warned: bool,
}

/// So many packets of progress that are not acknowledged tell that the client left: two seconds, the time after which GDB takes a packet for lost.
const MOST_UNREAD: u64 = 4;

/// The current client's socket, and the socket that ends the server.
pub(super) struct InterruptPoll {
    client: OwnedFd,
    ending: OwnedFd,
    /// The packets that show the present command's progress and that the client has not acknowledged.
    unread: Arc<AtomicU64>,
}

impl GdbTarget {
    /// Boots a kernel: the machine stands in its reset ROM.
    ///
    /// # Errors
    /// Where the files are no kernel that can be loaded.
    pub fn open(files: &KernelFiles, options: Options) -> Result<GdbTarget, Error> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(Error::Folder);
        let symbols = files.symbols.as_deref().map(absolute).transpose()?;
        let guest = files.guest.as_deref().map(absolute).transpose()?;
        let files = KernelFiles { kernel: absolute(&files.kernel)?, symbols, load_address: files.load_address, guest };
        let image = Image::open_files(&files)?;
        let mut machine = Embedded::load(&image, &options)?;
        let description = description::of(&mut machine);
        // A machine whose M-mode is not in the host has a ROM of its own; one with several harts stands where one of them has left it.
        let in_rom = options.firmware == Firmware::Host && options.harts == 1;
        Ok(GdbTarget {
            machine,
            image,
            files,
            options,
            description,
            in_rom,
            set: Set::default(),
            motion: Motion::default(),
            interrupt_poll: None,
            progress: Progress::default(),
            warned: false,
        })
    }

    /// Has somebody else move the machine out of its reset ROM.
    pub fn moved<T>(&mut self, play: impl FnOnce(&mut Embedded) -> T) -> T {
        self.in_rom = false;
        play(&mut self.machine)
    }

    /// The kernel that it boots, and the machine.
    pub fn parts(&mut self) -> (&Image, &mut Embedded) {
        (&self.image, &mut self.machine)
    }

    /// The machine at the moment at which it stands, for who has no more clients for it.
    pub fn into_machine(self) -> Embedded {
        self.machine
    }

    /// The kernel's output since the last call.
    pub(super) fn printed(&mut self) -> Vec<u8> {
        self.machine.new_console_output()
    }

    /// From now on [`GdbTarget::is_wanted`] polls this client.
    pub(super) fn watch_client(&mut self, wire: &Wire, ending: BorrowedFd<'_>) -> io::Result<()> {
        let (client, ending) = (wire.descriptor()?, ending.try_clone_to_owned()?);
        self.interrupt_poll = Some(InterruptPoll { client, ending, unread: Arc::default() });
        Ok(())
    }

    /// Like [`InterruptPoll::is_wanted`].
    pub(super) fn is_wanted(&self) -> bool {
        self.interrupt_poll.as_ref().is_some_and(InterruptPoll::is_wanted)
    }

    /// Removes the client's breakpoints. The machine stays as it is.
    pub(super) fn forget_client(&mut self) {
        self.take_set();
        self.motion = Motion::default();
        self.interrupt_poll = None;
        self.warned = false;
    }
}

impl InterruptPoll {
    pub(super) fn client(&self) -> &OwnedFd {
        &self.client
    }

    /// The counter of the packets that the client has not read.
    pub(super) fn unread(&self) -> &Arc<AtomicU64> {
        &self.unread
    }

    /// Whether a slow command must stop: the client sent data, hung up or does not listen any more, or shutdown was requested. ACKs and
    /// NACKs do not count.
    pub(super) fn is_wanted(&self) -> bool {
        let others = Others { ending: self.ending.as_fd(), typing: None };
        let ready = await_readable(&[self.client.as_fd()], others, Some(Duration::ZERO));
        match ready {
            Ok(Readiness::Readable(_)) if !self.take_acknowledgements() => true,
            Ok(Readiness::Ending) | Err(_) => true,
            Ok(_) => self.unread.load(Ordering::Relaxed) > MOST_UNREAD,
        }
    }

    /// Takes ACKs and NACKs from the connection; whether that was all.
    pub(super) fn take_acknowledgements(&self) -> bool {
        let mut said = [0; 256];
        let Ok((count, _)) = recv(&self.client, &mut said, RecvFlags::PEEK | RecvFlags::DONTWAIT) else { return false };
        let acknowledges = |byte: &&u8| [RECEIVED, SEND_AGAIN].contains(byte);
        let acknowledged = said[..count].iter().take_while(acknowledges).count();
        if acknowledged == 0 {
            return false;
        }
        let _ = recv(&self.client, &mut said[..acknowledged], RecvFlags::DONTWAIT);
        let received = said[..acknowledged].iter().filter(|byte| **byte == RECEIVED).count() as u64;
        let less = |unread: u64| Some(unread.saturating_sub(received));
        let _ = self.unread.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        acknowledged == count
    }
}

impl Target for GdbTarget {
    type Arch = Hart;
    type Error = Infallible;

    /// On Ctrl-C in a monitor command GDB sends nothing, and no longer waits. What comes nevertheless it would take for replies to its next
    /// requests, were it not for ACKs: it drops what comes before that of its request. And that it does not send any tells that it left.
    fn use_no_ack_mode(&self) -> bool {
        false
    }

    fn base_ops(&mut self) -> BaseOps<'_, Hart, Infallible> {
        match self.machine.harts() {
            1 => BaseOps::SingleThread(self),
            _ => BaseOps::MultiThread(self),
        }
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }

    fn support_target_description_xml_override(&mut self) -> Option<TargetDescriptionXmlOverrideOps<'_, Self>> {
        Some(self)
    }

    fn support_memory_map(&mut self) -> Option<MemoryMapOps<'_, Self>> {
        Some(self)
    }

    fn support_exec_file(&mut self) -> Option<ExecFileOps<'_, Self>> {
        Some(self)
    }
}

impl TargetDescriptionXmlOverride for GdbTarget {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buffer: &mut [u8],
    ) -> TargetResult<usize, Self> {
        if annex != b"target.xml" {
            return Err(TargetError::NonFatal);
        }
        Ok(part(self.description.as_bytes(), offset, length, buffer))
    }
}

impl MemoryMap for GdbTarget {
    fn memory_map_xml(&self, offset: u64, length: usize, buffer: &mut [u8]) -> TargetResult<usize, Self> {
        Ok(part(
            description::map(self.machine.isa().xlen, self.options.memory_mib << 20).as_bytes(),
            offset,
            length,
            buffer,
        ))
    }
}

/// The kernel's file: a GDB that has loaded none finds its symbols there.
impl ExecFile for GdbTarget {
    fn get_exec_file(
        &self,
        _: Option<Pid>,
        offset: u64,
        length: usize,
        buffer: &mut [u8],
    ) -> TargetResult<usize, Self> {
        let elf = match &self.files.symbols {
            Some(symbols) => Some(symbols),
            // GDB can make nothing of a flat image.
            None => Some(&self.files.kernel).filter(|_| !self.image.is_flat()),
        };
        let name = elf.map_or(&[][..], |elf| elf.as_os_str().as_bytes());
        Ok(part(name, offset, length, buffer))
    }
}

/// Copies the requested part of a document. Returns the number of bytes, 0 at its end.
fn part(document: &[u8], offset: u64, length: usize, buffer: &mut [u8]) -> usize {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(document.len());
    let length = length.min(buffer.len()).min(document.len() - offset);
    buffer[..length].copy_from_slice(&document[offset..offset + length]);
    length
}
