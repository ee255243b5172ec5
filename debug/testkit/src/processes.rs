//! Who is running: to prove that a process and all that it started are gone. Reads /proc; it starts and ends nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take to be gone, once it has no reason to be there.
const PATIENCE: Duration = Duration::from_secs(90);

/// A process and all that descend from it, as they were when this was made.
pub struct Family {
    members: BTreeSet<u32>,
}

impl Family {
    /// Waits until there is a QEMU among the descendants of `root`.
    pub fn with_qemu(root: u32) -> Family {
        let family = await_some("a QEMU among the descendants", || {
            let members = descendants(root);
            members.iter().any(|member| command_line(*member).contains("-machine virt")).then_some(Family { members })
        });
        assert!(family.members.contains(&root));
        family
    }

    /// Waits until none of them is alive.
    pub fn assert_gone(&self) {
        await_some("the end of all that was started", || {
            self.members.iter().all(|member| !is_alive(*member)).then_some(())
        });
    }
}

/// Looks until there is something: for what no call waits for.
pub fn await_some<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    await_described(|| what.to_owned(), look)
}

/// As [`await_some`], where `what` says what is there instead when the time is over.
///
/// # Panics
/// If it does not come.
pub fn await_described<T>(what: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "did not come within {PATIENCE:?}: {}", what());
        thread::sleep(Duration::from_millis(2));
    }
}

/// The processes, zombies left out, whose environment has this `NAME=VALUE`: who was started with it, and all that they started.
#[allow(dead_code)] // not all tests that share this module need it
pub fn marked(variable: &OsStr) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc is there");
    let processes = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let has_mark = |process: &u32| {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_encoded_bytes())
    };
    processes.filter(|process| has_mark(process) && is_alive(*process)).collect()
}

fn descendants(root: u32) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("/proc is there")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|process| Some((process, stat(process)?.1)))
        .collect();
    let mut members = BTreeSet::from([root]);
    loop {
        let children = parents.iter().filter(|(child, parent)| members.contains(parent) && !members.contains(child));
        let children: Vec<u32> = children.map(|(child, _)| *child).collect();
        if children.is_empty() {
            return members;
        }
        members.extend(children);
    }
}

/// A process's state and parent (proc(5), /proc/PID/stat: the fields behind the name's closing parenthesis).
fn stat(process: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// A zombie has ended: it waits to be asked how.
fn is_alive(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

fn command_line(process: u32) -> String {
    let bytes = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}
