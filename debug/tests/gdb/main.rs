//! GDB and .gdbinit on real machines.

#[path = "../kernels/mod.rs"]
mod kernels;

#[test]
fn our_kernel_has_an_entry_in_gdb() {
    assert!(kernels::build("good").exists());
}
