//! gdbstub's `ExecFile`: which file the kernel is, so that a GDB that has loaded none finds its symbols.

use std::os::unix::ffi::OsStrExt;

use gdbstub::common::Pid;
use gdbstub::target::TargetResult;
use gdbstub::target::ext::exec_file::ExecFile;

use super::target::{GdbTarget, part};

impl ExecFile for GdbTarget {
    fn get_exec_file(
        &self,
        _: Option<Pid>,
        offset: u64,
        length: usize,
        buffer: &mut [u8],
    ) -> TargetResult<usize, Self> {
        Ok(part(self.kernel.as_os_str().as_bytes(), offset, length, buffer))
    }
}
