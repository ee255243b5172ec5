//! The report for CI: a test suite named after the kernel's file, with a test case for each check.
//!
//! JUnit's format has no standard. Jenkins, GitLab and GitHub's actions read this.

use std::io;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Report, details, printable};
use crate::checks::{Finding, Status};

pub(super) fn junit(report: &Report) -> io::Result<String> {
    let kernel = report.kernel_name();
    let name = report.kernel.file_name().map_or(kernel.clone(), |name| name.to_string_lossy());
    let name = printable(&name);
    let mut suite = TestSuite::new(&*name);
    suite.set_time(report.elapsed);
    suite.add_property(("machine", &*printable(&report.machine)));
    suite.add_property(("kernel", &*printable(&kernel)));
    suite.add_test_cases(report.findings.iter().map(|finding| {
        let mut case = TestCase::new(finding.name, status(finding));
        case.set_classname(&*name);
        case
    }));
    if let Some(lines) = report.console.as_ref().filter(|lines| !lines.is_empty()) {
        let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
        suite.set_system_out(lines.join("\n"));
    }
    let mut document = quick_junit::Report::new("boot");
    document.set_time(report.elapsed);
    document.add_test_suite(suite);
    document.to_string().map_err(io::Error::other)
}

fn status(finding: &Finding) -> TestCaseStatus {
    let summary = printable(&finding.summary);
    match finding.status {
        Status::Pass => TestCaseStatus::success(),
        Status::NotRun => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(summary);
            status
        }
        Status::Fail => {
            let lines: Vec<String> = details(finding).iter().map(|(label, text)| format!("{label:10}{text}")).collect();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(summary).set_type(finding.name).set_description(lines.join("\n"));
            status
        }
    }
}
