//! Links the kernel with hypervisor.ld, so that `cargo build` alone makes the same image as run.sh.

use std::env;
use std::path::Path;

fn main() {
    let target = env::var("TARGET").expect("cargo sets TARGET");
    if !target.starts_with("riscv64") {
        println!(
            "cargo::error=the kernel runs on RISC-V, not on {target}: \
             cargo build -p kernel --target riscv64gc-unknown-none-elf"
        );
        return;
    }
    let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    println!("cargo::rustc-link-arg-bins=-T{folder}/../hypervisor.ld");
    println!("cargo::rerun-if-changed=../hypervisor.ld");
    println!("cargo::rerun-if-env-changed=HYPERVISOR_PROJECT"); // it changes when the folder is copied or moved
    // dwarf.rs needs the folder that file!() is relative to. It gets numbers, because a path may contain a quote.
    let workspace = Path::new(&folder).parent().expect("the package is a folder of the workspace");
    let bytes: Vec<_> = workspace.as_os_str().as_encoded_bytes().iter().map(u8::to_string).collect();
    println!("cargo::rustc-env=COMPILED_IN={}", bytes.join(","));
}
