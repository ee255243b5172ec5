//! Which proof each configuration has, in one table: for the tests' output, for launch.json, for docs/vscode.md.

use std::fs;

use crate::workspace::{self, EMBEDDED, FOLDER, QEMU, string};

struct Configuration {
    kind: &'static str,
    machine: &'static str,
    extension: &'static str,
    proof: &'static str,
}

/// The word behind `Proof:` in launch.json, which says there what it means.
const CONFIGURATIONS: [Configuration; 7] = [
    Configuration { kind: "gdbtarget", machine: QEMU, extension: "eclipse-cdt.cdt-gdb-vscode", proof: "adapter" },
    Configuration { kind: "cppdbg", machine: QEMU, extension: "ms-vscode.cpptools", proof: "commands" },
    Configuration { kind: "gdb-dap", machine: QEMU, extension: "OlegTolmatcev.gdb-dap", proof: "adapter" },
    Configuration { kind: "gdb-dap", machine: EMBEDDED, extension: "OlegTolmatcev.gdb-dap", proof: "adapter" },
    Configuration { kind: "lldb", machine: QEMU, extension: "vadimcn.vscode-lldb", proof: "commands" },
    Configuration { kind: "lldb", machine: EMBEDDED, extension: "vadimcn.vscode-lldb", proof: "commands" },
    Configuration { kind: "lldb-dap", machine: QEMU, extension: "llvm-vs-code-extensions.lldb-dap", proof: "adapter" },
];

#[test]
fn each_configuration_says_its_extension_and_its_proof() {
    let all = workspace::configurations();
    let kinds: Vec<(&str, &str)> = all.iter().map(|one| (string(one, "type"), string(one, "preLaunchTask"))).collect();
    let expected = CONFIGURATIONS.map(|one| (one.kind, one.machine));
    assert_eq!(kinds, expected, "each has a line in the table, in the order of launch.json");
    let text = fs::read_to_string(FOLDER.join(".vscode/launch.json")).expect("it is there");
    let blocks: Vec<&str> = text.split("// Extension: ").skip(1).collect();
    assert_eq!(blocks.len(), CONFIGURATIONS.len());
    for (Configuration { kind, machine, extension, proof }, block) in CONFIGURATIONS.iter().zip(blocks) {
        let comment = block.lines().next().expect("the comment's line");
        assert!(comment.starts_with(extension) && comment.contains(&format!("Proof: {proof}")), "{kind}: {comment}");
        assert!(block.contains(&format!("\"type\": \"{kind}\"")), "{kind}: {block}");
        println!("{kind:<10} {machine:<17} {extension:<34} {proof}");
    }
}

#[test]
fn the_readme_repeats_it() {
    let readme = fs::read_to_string(FOLDER.join("docs/vscode.md")).expect("it is there");
    for (configuration, Configuration { extension, proof, .. }) in
        workspace::configurations().iter().zip(&CONFIGURATIONS)
    {
        let name = string(configuration, "name");
        let row = readme.lines().find(|line| line.starts_with(&format!("| {name} | `{extension}` |")));
        let says =
            row.unwrap_or_else(|| panic!("no row for {name} with {extension}")).rsplit('|').nth(1).unwrap_or_default();
        assert!(says.trim_start().starts_with(proof), "{name}: {says:?} is not {proof:?}");
    }
}

#[test]
fn what_is_recommended_is_a_configuration_s_extension_or_rust_analyzer() {
    let recommended = workspace::array(&workspace::read("extensions.json"), "recommendations");
    assert_eq!(
        recommended,
        ["rust-lang.rust-analyzer", CONFIGURATIONS[0].extension],
        "the first in the list is what F5 runs"
    );
}
