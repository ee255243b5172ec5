//! `cargo debug profile` as its users meet it: where it begins and ends.

use std::process::{Command, Output, Stdio};

use testkit::kernels;

fn profile(arguments: &[&str]) -> Output {
    let kernel = kernels::build("corrupts-itself");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["debug", "profile", "--config", "none", "--kernel", kernel.to_str().unwrap()]).args(arguments);
    command.stdin(Stdio::null()).current_dir(env!("HYPERVISOR_PROJECT")).output().unwrap()
}

/// The last line's number, and what was said besides.
fn total(arguments: &[&str]) -> (u64, String) {
    let output = profile(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let total = text.lines().last().and_then(|line| line.strip_suffix(" instructions")).unwrap();
    (total.parse().unwrap(), said)
}

#[test]
fn it_ends_at_to_or_says_that_it_was_not_executed() {
    let (until, said) = total(&["--until", "500", "--to", "__bss"]);
    assert_eq!(until, 500);
    let expected =
        "__bss was not executed, so the profile ends after 500 instructions; try: another --to, or a larger --until";
    assert!(said.contains(expected), "{said}");
    let (boot, said) = total(&["--to", "variant::rename"]);
    assert!(!said.contains("was not executed"), "{said}");
    let (rest, _) = total(&["--from", "variant::rename", "--until", &(boot + 10).to_string()]);
    assert_eq!(rest, 10, "{boot}");
}

#[test]
fn a_from_that_is_never_executed_is_refused() {
    let output = profile(&["--until", "500", "--from", "__bss"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
    assert!(said.contains("__bss was not executed in 500 instructions; try: another --from"), "{said}");
}
