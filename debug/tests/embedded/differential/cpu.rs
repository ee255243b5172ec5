//! Which hart QEMU is given: one with what ours has, whatever the version. QEMU is asked what it knows.

use std::process::Command;
use std::sync::LazyLock;

/// The model without extensions, which newer versions have.
const BARE: &str = "rv64i";
/// RV64GC and what else our hart has: Zicntr, Sstc, Sv57, and page tables whose A and D bits the hart sets.
const OURS: &str = "m=on,a=on,f=on,d=on,c=on,s=on,u=on,zicsr=on,zifencei=on,zicntr=on,zca=on,zcd=on,sstc=on,svadu=on,\
                    mmu=on,pmp=on,sv57=on";
/// What our machine names where it stops for want of it.
const NAMED: &str = "h=on,zba=on,zbb=on,zbc=on,zbs=on,zihpm=on";
/// Where there is no bare model, these are taken from the usual one.
const WITHOUT: &str = "rv64,h=off,zba=off,zbb=off,zbc=off,zbs=off,zawrs=off";

/// A hart with what ours has and nothing else.
pub fn ours() -> &'static str {
    static CPU: LazyLock<String> = LazyLock::new(|| if has_bare() { format!("{BARE},{OURS}") } else { known(WITHOUT) });
    &CPU
}

/// The same with the extensions of which our machine says that it does not have them.
pub fn with_what_ours_names() -> &'static str {
    static CPU: LazyLock<String> =
        LazyLock::new(|| if has_bare() { format!("{BARE},{OURS},{NAMED}") } else { "rv64".into() });
    &CPU
}

fn has_bare() -> bool {
    ask(&["-cpu", "help"]).split_whitespace().any(|word| word == BARE)
}

/// Without the properties that this QEMU does not know: it has not got those either.
fn known(cpu: &str) -> String {
    let properties = ask(&["-device", "rv64-riscv-cpu,help"]);
    let is_known = |part: &&str| {
        let name = part.split_once('=').map(|(name, _)| name);
        name.is_none_or(|name| properties.lines().any(|line| line.trim_start().starts_with(&format!("{name}=<bool>"))))
    };
    cpu.split(',').filter(is_known).collect::<Vec<_>>().join(",")
}

pub fn ask(arguments: &[&str]) -> String {
    let qemu = std::env::var_os("QEMU").filter(|name| !name.is_empty()).unwrap_or("qemu-system-riscv64".into());
    let output = Command::new(qemu).args(arguments).output().expect("QEMU runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
