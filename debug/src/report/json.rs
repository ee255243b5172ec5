//! The report for programs. In schema 1 keys may be added, but not changed or removed; their order is fixed too.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Report, Verdict, is_printable};
use crate::checks::{Fact, Facts, Finding, Status};
use crate::image::Place;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    machine: &'a str,
    kernel: &'a str,
    verdict: &'static str,
    /// Milliseconds.
    elapsed_ms: u64,
    checks: Vec<Check<'a>>,
    /// The last lines that the kernel printed; null if the machine does not show them.
    console: Option<&'a [String]>,
}

#[derive(Serialize)]
struct Check<'a> {
    name: &'static str,
    status: &'static str,
    summary: &'a str,
    expected: &'a str,
    found: &'a str,
    /// What to try; absent if nothing is known.
    #[serde(rename = "try", skip_serializing_if = "Option::is_none")]
    advice: Option<&'a str>,
    /// Null if the finding is not about an instruction.
    location: Option<Location>,
    data: Map<String, Value>,
}

/// All except `pc` are null if the image does not know them.
#[derive(Serialize)]
pub(super) struct Location {
    /// Hexadecimal text: JSON's numbers are not exact beyond 2^53.
    pc: String,
    symbol: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

pub(super) fn json(report: &Report) -> io::Result<String> {
    let document = Document {
        schema: 1,
        machine: &report.machine,
        kernel: &report.kernel_name(),
        verdict: match report.verdict() {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
        },
        elapsed_ms: report.elapsed.as_millis().try_into().unwrap_or(u64::MAX),
        checks: report.findings.iter().map(check).collect::<io::Result<_>>()?,
        console: report.console.as_deref(),
    };
    Ok(printable(&serde_json::to_string_pretty(&document)?) + "\n")
}

fn check(finding: &Finding) -> io::Result<Check<'_>> {
    let mut data = object(&finding.data);
    if !finding.backtrace.is_empty() {
        let backtrace: Vec<Location> = finding.backtrace.iter().map(location).collect();
        data.insert("backtrace".into(), serde_json::to_value(backtrace)?);
    }
    Ok(Check {
        name: finding.name,
        status: match finding.status {
            Status::Pass => "pass",
            Status::Fail => "fail",
            Status::NotRun => "not run",
        },
        summary: &finding.summary,
        expected: &finding.expected,
        found: &finding.found,
        advice: finding.advice.as_deref(),
        location: finding.location.as_ref().map(location),
        data,
    })
}

fn object(facts: &Facts) -> Map<String, Value> {
    facts.iter().map(|(name, fact)| (name.to_owned(), value(fact))).collect()
}

/// Addresses and registers are hexadecimal strings, as JSON's numbers are not exact beyond 2^53; times are microseconds.
fn value(fact: &Fact) -> Value {
    match fact {
        Fact::Unknown => Value::Null,
        Fact::Flag(flag) => (*flag).into(),
        Fact::Count(count) => (*count).into(),
        Fact::Address(address) => address.to_string().into(),
        Fact::Register(register) => format!("{register:#x}").into(),
        Fact::Time(time) => (time.as_micros() as u64).into(),
        Fact::Text(text) => text.as_str().into(),
        Fact::List(facts) => facts.iter().map(value).collect(),
        Fact::Record(facts) => object(facts).into(),
    }
}

pub(super) fn location(place: &Place) -> Location {
    Location {
        pc: place.address.to_string(),
        symbol: place.symbol_text(),
        file: place.line.as_ref().map(|line| line.file.clone()),
        line: place.line.as_ref().map(|line| line.line),
    }
}

/// Escapes control characters above 0x1f, which JSON need not escape. All of them are in strings.
pub(super) fn printable(json: &str) -> String {
    let mut printable = String::with_capacity(json.len());
    for character in json.chars() {
        if is_printable(character) || character == '\n' {
            printable.push(character);
        } else {
            // All of them are below 0x10000, where JSON's escape is the number itself.
            printable += &format!("\\u{:04x}", u32::from(character));
        }
    }
    printable
}
