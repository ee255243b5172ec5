//! Links the kernel with hypervisor.ld, so that a plain `cargo build` makes the same image as run.sh.

use std::env;

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
}
