//! `cargo debug gdb --reverse`: QEMU records the boot, and GDB debugs the recording. It does not start GDB.

use debug::Endpoint;
use debug::qemu::{Foreground, Replay};

use super::kernel::{Kernel, KernelArguments};
use super::{START, listen, narration};

/// Records the boot, and starts the replay, which stands at reset. Its stub is at `listen`, by default a private socket.
pub fn start(
    arguments: &KernelArguments,
    kernel: &Kernel,
    listen: Option<&Endpoint>,
) -> anyhow::Result<(Replay, Foreground)> {
    listen::make_way(arguments, listen)?;
    let mut replay = Replay::new(kernel.machine(), kernel.image.jumped_to())?;
    narration::tell_command(&replay.snapshots_command());
    narration::tell_machine(&replay.recorder(), true);
    let waiting = narration::Waiting::until("recording the boot");
    if !replay.record(START)? {
        narration::say("the kernel does not idle after 3 seconds: recorded until here");
    }
    drop(waiting);
    let held = replay.hold()?;
    let machine = listen::start_machine(arguments, &replay.replayer(), listen)?;
    drop(held);
    Ok((replay, machine))
}
