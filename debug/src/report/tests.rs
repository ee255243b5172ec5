//! Each format, to the letter, and with a kernel's text that would harm a terminal or a parser.

use proptest::prelude::*;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use serde_json::{Value, json};

use super::*;
use crate::checks::{Fact, Facts};
use crate::image::{Line, Place};
use crate::riscv::Address;

fn place(address: u64, symbol: &str, offset: u64, line: u32) -> Place {
    let file = "kernel/src/main.rs".into();
    Place {
        address: Address(address),
        symbol: Some((symbol.into(), offset)),
        line: Some(Line { file, line }),
        inlined: false,
    }
}

fn finding(name: &'static str, status: Status, summary: &str) -> Finding {
    let (expected, found, data) = (String::new(), String::new(), Facts::default());
    Finding {
        name,
        status,
        summary: summary.into(),
        expected,
        found,
        advice: None,
        location: None,
        backtrace: vec![],
        data,
    }
}

fn report(findings: Vec<Finding>) -> Report {
    Report {
        machine: "qemu".into(),
        kernel: "target/hypervisor.elf".into(),
        elapsed: Duration::from_micros(80_900),
        findings,
        console: None,
    }
}

fn passing() -> Report {
    let mut stack = finding("stack", Status::Pass, "sp = 0x80301050 = __stack_top, set by boot+0x4");
    stack.expected = "sp = __stack_top = 0x80301050".into();
    stack.found = "sp = 0x80301050".into();
    stack.location = Some(place(0x8020_0008, "boot", 8, 31));
    let handoff = finding("handoff", Status::Pass, "S-mode, hart 0, device tree at 0x87e00000");
    report(vec![handoff, stack])
}

fn failing() -> Report {
    let mut trap = finding("trap", Status::Fail, "load access fault in kernel::probe");
    trap.expected = "no trap from boot to idle".into();
    trap.found = "load access fault: ld a0, 0(zero) read address 0x0".into();
    trap.location = Some(place(0x8020_0010, "kernel::probe", 4, 50));
    trap.backtrace = vec![place(0x8020_0010, "kernel::probe", 4, 50), place(0x8020_0038, "kernel::main", 0xc, 32)];
    trap.data.set("scause", Fact::Register(5));
    report(vec![
        finding("stack", Status::Pass, "sp = 0x80301050 = __stack_top"),
        trap,
        finding("idle", Status::NotRun, "trap failed before"),
        finding("margin", Status::NotRun, "trap failed before"),
    ])
}

fn written(report: &Report, format: Format, colour: bool) -> String {
    let mut bytes = Vec::new();
    report.write(format, colour, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_verdict_is_pass_only_when_all_hold() {
    assert_eq!(passing().verdict(), Verdict::Pass);
    assert_eq!(failing().verdict(), Verdict::Fail);
    assert_eq!(report(vec![finding("idle", Status::NotRun, "")]).verdict(), Verdict::Fail);
    assert_eq!(report(vec![]).verdict(), Verdict::Fail);
}

#[test]
fn text_of_a_kernel_that_boots() {
    let expected = lines(&[
        "ok    handoff  S-mode, hart 0, device tree at 0x87e00000",
        "ok    stack    sp = 0x80301050 = __stack_top, set by boot+0x4",
        "boots: 2 of 2 checks hold (80 ms on qemu)",
    ]);
    assert_eq!(written(&passing(), Format::Text, false), expected);
}

#[test]
fn text_of_a_kernel_that_does_not() {
    let expected = lines(&[
        "ok       stack   sp = 0x80301050 = __stack_top",
        "FAIL     trap    load access fault in kernel::probe",
        "                 expected  no trap from boot to idle",
        "                 found     load access fault: ld a0, 0(zero) read address 0x0",
        "                 at        0x80200010 <kernel::probe+0x4> kernel/src/main.rs:50",
        "                 from      0x80200038 <kernel::main+0xc> kernel/src/main.rs:32",
        "not run  idle    trap failed before",
        "not run  margin  trap failed before",
        "does not boot: trap failed, 2 checks not run (80 ms on qemu)",
    ]);
    assert_eq!(written(&failing(), Format::Text, false), expected);
}

#[test]
fn text_with_colours_differs_in_them_alone() {
    let text = written(&failing(), Format::Text, true);
    let start: Vec<&str> = text.lines().take(2).collect();
    assert_eq!(start[0], "\x1b[32mok\x1b[0m       stack   sp = 0x80301050 = __stack_top");
    assert_eq!(start[1], "\x1b[31mFAIL\x1b[0m     trap    load access fault in kernel::probe");
    assert!(text.contains("\x1b[33mnot run\x1b[0m  idle    trap"));
    assert!(text.ends_with("\x1b[31mdoes not boot: trap failed, 2 checks not run (80 ms on qemu)\x1b[0m\n"));
    let plain =
        ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"].iter().fold(text, |text, colour| text.replace(colour, ""));
    assert_eq!(plain, written(&failing(), Format::Text, false));
}

#[test]
fn verdicts_name_what_failed() {
    let fail = |name| finding(name, Status::Fail, "");
    let last_line = |findings| written(&report(findings), Format::Text, false).lines().last().unwrap().to_owned();
    assert_eq!(last_line(vec![fail("idle"), fail("margin")]), "does not boot: idle and margin failed (80 ms on qemu)");
    let three = vec![fail("bss"), fail("idle"), fail("margin")];
    assert_eq!(last_line(three), "does not boot: bss, idle and margin failed (80 ms on qemu)");
    assert_eq!(last_line(vec![finding("idle", Status::NotRun, "")]), "does not boot: 1 check not run (80 ms on qemu)");
    assert_eq!(last_line(vec![]), "does not boot: no check was made (80 ms on qemu)");
    let slow = Report { elapsed: Duration::from_millis(12_345), ..report(vec![finding("image", Status::Pass, "")]) };
    assert!(written(&slow, Format::Text, false).ends_with("boots: 1 of 1 check holds (12.3 s on qemu)\n"));
}

#[test]
fn a_backtrace_from_elsewhere_is_shown_whole() {
    let mut report = failing();
    report.findings[1].location = Some(place(0x8020_0000, "boot", 0, 20));
    let text = written(&report, Format::Text, false);
    assert!(text.contains(" at        0x80200000 <boot> kernel/src/main.rs:20\n"), "{text}");
    assert!(text.contains(" from      0x80200010 <kernel::probe+0x4> "), "{text}");
    report.findings[1].location = None;
    let text = written(&report, Format::Text, false);
    assert!(text.contains(" at        0x80200010 <kernel::probe+0x4> "), "{text}");
    assert_eq!(text.matches("0x80200010").count(), 1, "{text}");
}

#[test]
fn json_of_a_kernel_that_does_not_boot() {
    let expected = r#"{
  "schema": 1,
  "machine": "qemu",
  "kernel": "target/hypervisor.elf",
  "verdict": "fail",
  "elapsed_ms": 80,
  "checks": [
    {
      "name": "trap",
      "status": "fail",
      "summary": "load access fault in kernel::probe",
      "expected": "no trap from boot to idle",
      "found": "load access fault: ld a0, 0(zero) read address 0x0",
      "location": {
        "pc": "0x80200010",
        "symbol": "kernel::probe+0x4",
        "file": "kernel/src/main.rs",
        "line": 50
      },
      "data": {
        "scause": "0x5",
        "backtrace": [
          {
            "pc": "0x80200010",
            "symbol": "kernel::probe+0x4",
            "file": "kernel/src/main.rs",
            "line": 50
          },
          {
            "pc": "0x0",
            "symbol": null,
            "file": null,
            "line": null
          }
        ]
      }
    },
    {
      "name": "idle",
      "status": "not run",
      "summary": "trap failed before",
      "expected": "",
      "found": "",
      "location": null,
      "data": {}
    }
  ],
  "console": null
}
"#;
    let mut report = failing();
    report.findings.retain(|finding| ["trap", "idle"].contains(&finding.name));
    report.findings[0].backtrace[1] = Place { address: Address(0), symbol: None, line: None, inlined: false };
    assert_eq!(written(&report, Format::Json, false), expected);
    let passing: Value = serde_json::from_str(&written(&passing(), Format::Json, false)).unwrap();
    assert_eq!((&passing["verdict"], &passing["checks"][1]["status"]), (&json!("pass"), &json!("pass")));
}

#[test]
fn junit_of_a_kernel_that_does_not_boot() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="boot" tests="4" skipped="2" failures="1" errors="0" time="0.081">
    <testsuite name="hypervisor.elf" tests="4" skipped="2" errors="0" failures="1" time="0.081">
        <properties>
            <property name="machine" value="qemu"/>
            <property name="kernel" value="target/hypervisor.elf"/>
        </properties>
        <testcase name="stack" classname="hypervisor.elf"/>
        <testcase name="trap" classname="hypervisor.elf">
            <failure message="load access fault in kernel::probe" type="trap">expected  no trap from boot to idle
found     load access fault: ld a0, 0(zero) read address 0x0
at        0x80200010 &lt;kernel::probe+0x4&gt; kernel/src/main.rs:50
from      0x80200038 &lt;kernel::main+0xc&gt; kernel/src/main.rs:32</failure>
        </testcase>
        <testcase name="idle" classname="hypervisor.elf">
            <skipped message="trap failed before"/>
        </testcase>
        <testcase name="margin" classname="hypervisor.elf">
            <skipped message="trap failed before"/>
        </testcase>
    </testsuite>
</testsuites>
"#;
    assert_eq!(written(&failing(), Format::Junit, false), expected);
}

/// A report with `text` wherever the kernel may have put it.
fn report_of(text: &str) -> Report {
    let mut idle = finding("idle", Status::Fail, text);
    idle.expected = text.into();
    idle.found = text.into();
    let mut place = place(0x8020_0000, text, 4, 1);
    place.line = Some(Line { file: text.into(), line: 7 });
    idle.location = Some(place.clone());
    idle.backtrace = vec![place.clone(), Place { address: Address(0), ..place }];
    idle.data.set("kernel_text", text);
    let skipped = finding("margin", Status::NotRun, text);
    Report { kernel: text.into(), machine: text.into(), ..report(vec![idle, skipped]) }
}

#[test]
fn control_characters_are_shown_and_not_sent() {
    let report = report_of("a\u{1b}[2Jb\nc\u{9b}d\0e\u{202e}f\u{ffff}");
    let text = written(&report, Format::Text, false);
    assert!(text.starts_with(r"FAIL     idle    a\u{1b}[2Jb\nc\u{9b}d\u{0}e\u{202e}f\u{ffff}"), "{text}");
    assert!(
        written(&report, Format::Junit, false).contains(r#"message="a\u{1b}[2Jb\nc\u{9b}d\u{0}e\u{202e}f\u{ffff}""#)
    );
    let json = written(&report, Format::Json, false);
    assert!(json.contains(r"a\u001b[2Jb\nc\u009bd\u0000e\u202ef\uffff"), "{json}");
}

/// As a CI reads it: to the end, and by XML 1.0's rules.
fn message_of_the_failure(junit: &str) -> String {
    let mut reader = quick_xml::Reader::from_str(junit);
    let mut message = None;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) if element.name().as_ref() == b"failure" => {
                let attribute = element.try_get_attribute("message").unwrap().unwrap();
                message = Some(attribute.normalized_value(XmlVersion::Implicit1_0).unwrap().into_owned());
            }
            Event::Eof => return message.unwrap(),
            _ => {}
        }
    }
}

/// Any text, in which what is not to be printed comes often.
fn any_text() -> impl Strategy<Value = String> {
    let often = ['\0'..='\u{9f}', '\u{2000}'..='\u{206f}', '\u{fff0}'..='\u{ffff}'].map(Vec::from_iter).concat();
    let character = prop_oneof![any::<char>(), prop::sample::select(often)];
    proptest::collection::vec(character, 0..20).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn no_text_of_the_kernel_harms_a_terminal_or_a_parser(text in any_text()) {
        let report = report_of(&text);
        for format in [Format::Text, Format::Json, Format::Junit] {
            let written = written(&report, format, false);
            let harmful = written.chars().find(|character| !is_printable(*character) && *character != '\n');
            prop_assert_eq!(harmful, None);
        }
        let parsed: Value = serde_json::from_str(&written(&report, Format::Json, false)).unwrap();
        prop_assert_eq!(&parsed["checks"][0]["summary"], &text);
        let junit = written(&report, Format::Junit, false);
        prop_assert_eq!(message_of_the_failure(&junit), printable(&text));
        // Two of the lines are expected and found, which are left out where they are empty.
        let lines = if text.is_empty() { 5 } else { 7 };
        prop_assert_eq!(written(&report, Format::Text, false).lines().count(), lines);
    }
}

#[test]
fn a_recursion_is_told_once_with_how_often_it_went_round() {
    let mut margin = finding("margin", Status::Fail, "the stack overflows");
    let (innermost, again) = (place(0x8020_0010, "descend", 4, 50), place(0x8020_0020, "descend", 0x14, 51));
    margin.location = Some(innermost.clone());
    margin.backtrace = [vec![innermost], vec![again; 63]].concat();
    let details = details(&margin);
    assert_eq!(details.len(), 2, "{details:?}");
    assert_eq!(details[1], ("from", "0x80200020 <descend+0x14> kernel/src/main.rs:51 (63 times)".into()));
}

#[test]
fn the_console_s_last_lines_are_in_every_report() {
    let report = Report { console: Some(vec!["hello".into(), "\u{1b}[2Jworld".into()]), ..passing() };
    let text = written(&report, Format::Text, false);
    assert!(text.contains("console  hello\n         \\u{1b}[2Jworld\nboots: "), "{text}");
    let json: Value = serde_json::from_str(&written(&report, Format::Json, false)).unwrap();
    assert_eq!(json["console"], json!(["hello", "\u{1b}[2Jworld"]));
    let junit = written(&report, Format::Junit, false);
    assert!(junit.contains("<system-out>hello\n\\u{1b}[2Jworld</system-out>"), "{junit}");
    let silent = Report { console: Some(Vec::new()), ..passing() };
    assert_eq!(written(&silent, Format::Text, false), written(&passing(), Format::Text, false));
}
