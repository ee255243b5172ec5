//! Follows a machine behind QEMU's stub while it runs, through QEMU's log and a pipe.

use std::time::{Duration, Instant};

use super::Remote;
use super::qemu::Follower;
use crate::machine::{Address, Error, Machine, Register, Stop, Traceable, Traced};

/// How long to listen to the stub while nothing comes through the pipe.
const GLANCE: Duration = Duration::from_millis(1);
/// How long to wait for the pipe before listening to the stub.
const PIECE: Duration = Duration::from_millis(5);

/// The followed machine, and how it stopped.
pub(super) struct Trace {
    follower: Follower,
    stopped: Option<Stop>,
}

impl Traceable for Remote {
    fn prepare_trace(&mut self, registers: &[Register]) -> Result<(), Error> {
        let follower = self.begin_log(registers)?;
        self.trace = Some(Trace { follower, stopped: None });
        Ok(())
    }

    fn start_trace(&mut self) -> Result<(), Error> {
        if let Some(trace) = &self.trace {
            trace.follower.begin();
        }
        let stopped = self.start()?;
        if let Some(trace) = &mut self.trace {
            if stopped.is_some() {
                trace.follower.expect_end();
            }
            trace.stopped = stopped;
        }
        Ok(())
    }

    fn next_traced(&mut self, limit: Duration) -> Result<Traced, Error> {
        let deadline = Instant::now() + limit;
        loop {
            let Some(trace) = &mut self.trace else { return Ok(Traced::Nothing) };
            let left = deadline.saturating_duration_since(Instant::now());
            let moment = trace.follower.next(left.min(PIECE)).map_err(|cause| Error::Connection(Box::new(cause)))?;
            if let Some(moment) = moment {
                return Ok(Traced::Moment(Box::new(moment)));
            }
            match trace.stopped {
                Some(stop) if trace.follower.is_drained() => return Ok(Traced::Stopped(stop)),
                Some(_) => {}
                None => {
                    let stopped = self.stopped(GLANCE)?;
                    if let (Some(stop), Some(trace)) = (stopped, &mut self.trace) {
                        trace.stopped = Some(stop);
                        trace.follower.expect_end();
                        continue;
                    }
                }
            }
            if left.is_zero() {
                return Ok(Traced::Nothing);
            }
        }
    }

    fn stop_trace(&mut self) -> Result<(), Error> {
        let Some(trace) = &mut self.trace else { return Ok(()) };
        if trace.stopped.is_some() {
            return Ok(());
        }
        trace.follower.let_go();
        let stopped = self.stop(Ok(None), Stop::Interrupted)?;
        if let Some(trace) = &mut self.trace {
            trace.stopped = Some(stopped);
            trace.follower.expect_end();
        }
        Ok(())
    }
}

impl Remote {
    /// Makes QEMU log the hart before each instruction, into a pipe.
    fn begin_log(&mut self, registers: &[Register]) -> Result<Follower, Error> {
        let what = || "logging each instruction".to_owned();
        let Some(folder) = self.trace_folder.clone() else {
            return Err(Error::Unsupported { what: what(), by: self.name.clone() });
        };
        let failed = |cause| Error::Unsupported { what: format!("{}: {cause}", what()), by: "the pipe".into() };
        let follower = Follower::new(&folder, registers).map_err(failed)?;
        let path = follower.path().display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        // QEMU 8.1 renamed the second command.
        for alternatives in [
            vec!["log none".to_owned()],
            vec!["one-insn-per-tb on".into(), "singlestep on".into()],
            vec![format!("logfile \"{path}\"")],
            vec!["log cpu,fpu,nochain".into()],
        ] {
            let mut complaint = String::new();
            let mut done = false;
            for command in alternatives {
                // On success it prints nothing.
                complaint = self.monitor(&command)?;
                done = complaint.trim().is_empty();
                if done {
                    break;
                }
            }
            if !done {
                let what = format!("{}: {}", what(), complaint.trim());
                return Err(Error::Unsupported { what, by: self.name.clone() });
            }
        }
        Ok(follower)
    }

    /// Runs the machine. Returns the stop if it stops at once.
    fn start(&mut self) -> Result<Option<Stop>, Error> {
        let here = Address(self.registers()?.pc);
        if self.caught || self.breakpoints.contains(&here) {
            let stop = self.step_over(super::STEP_PATIENCE)?;
            if stop != Stop::Stepped {
                return Ok(Some(stop));
            }
            let here = Address(self.registers()?.pc);
            if self.breakpoints.contains(&here) {
                return Ok(Some(Stop::Breakpoint));
            }
        }
        self.client.start()?;
        Ok(None)
    }

    /// Why a machine that was started has stopped; `None` while it runs.
    fn stopped(&mut self, limit: Duration) -> Result<Option<Stop>, Error> {
        let reply = match self.client.stopped(limit) {
            Ok(None) => return Ok(None),
            reply => reply,
        };
        self.stop(reply, Stop::Breakpoint).map(Some)
    }
}
