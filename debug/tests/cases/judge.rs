//! A case's header, and whether what the command says is right by it. It does not run the command.

use std::path::{Path, PathBuf};
use std::{fs, io};

use regex::{NoExpand, Regex, RegexBuilder};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

pub struct Case {
    pub name: String,
    pub source: PathBuf,
    pub expect: Vec<String>,
    pub words: Vec<String>,
    pub flags: Vec<String>,
    /// The only machine that it is for.
    pub on: Option<String>,
}

/// What the command said, and its exit status; no status where it did not end in time, or by a signal.
pub struct Answer {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Case {
    /// The case in a file; `None` for what is none.
    pub fn read(source: &Path) -> Option<Case> {
        let kind = source.extension()?.to_str()?;
        if !["S", "c", "rs"].contains(&kind) {
            return None;
        }
        let text = fs::read_to_string(source).unwrap();
        let list = |key: &str, separator: char| -> Vec<String> {
            let line = header(&text, key).unwrap_or_default();
            let parts = line.split(separator).map(str::trim).filter(|part| !part.is_empty() && *part != "-");
            parts.map(str::to_owned).collect()
        };
        Some(Case {
            name: source.file_stem()?.to_str()?.to_owned(),
            source: source.to_owned(),
            expect: list("expect", '|'),
            words: list("words", ';'),
            flags: list("flags", ' '),
            on: header(&text, "on"),
        })
        .filter(|case| !case.expect.is_empty())
    }
}

/// What the source's first lines say under `key`.
pub fn header(text: &str, key: &str) -> Option<String> {
    let value = |line: &str| {
        let rest = line.strip_prefix("//").or_else(|| line.strip_prefix('#'))?;
        Some(rest.trim_start().strip_prefix(key)?.strip_prefix(':')?.trim().to_owned())
    };
    text.lines().take(8).find_map(value)
}

/// What is wrong with an answer, if anything is.
pub fn fault(case: &Case, answer: &Answer) -> Option<String> {
    // A word is not said by the name of the source.
    let own_name = Regex::new(&format!(r#"[^" ]*{}\.(S|c|rs|elf)"#, regex::escape(&case.name))).unwrap();
    let by_name = case.words.iter().any(|words| words.contains("\"file\""));
    let without_name = |text: &str| match by_name {
        true => text.to_owned(),
        false => own_name.replace_all(text, NoExpand("SOURCE")).into_owned(),
    };
    let (out, err) = (without_name(&answer.out), without_name(&answer.err));
    if let Some(fault) = without_advice(answer) {
        return Some(fault);
    }
    let (which, said) = match answer.status {
        Some(0 | 1) => verdict(&out),
        Some(2) => ("refused".into(), err.trim().to_owned()),
        _ => return Some(format!("it did not end as it should: {:?} {err}", answer.status)),
    };
    if !case.expect.contains(&which) {
        return Some(format!("expected {}, got {which}: {said}", case.expect.join(" or ")));
    }
    let said_it = |words: &&String| RegexBuilder::new(words).case_insensitive(true).build().unwrap().is_match(&said);
    let missing: Vec<&String> = case.words.iter().filter(|words| !said_it(words)).collect();
    let needs_words = which != "pass" || case.expect == ["pass"];
    (needs_words && !missing.is_empty()).then(|| format!("{which} does not say {missing:?}: {said}"))
}

/// Every failure says what to try, on a line of its own; so does a refusal.
fn without_advice(answer: &Answer) -> Option<String> {
    if answer.status == Some(2) {
        return (!answer.err.contains("try: ")).then(|| format!("the refusal says nothing to try: {}", answer.err));
    }
    let report: Value = serde_json::from_str(&answer.out).ok()?;
    let failed = report["checks"].as_array()?.iter().filter(|check| check["status"] == "fail");
    let is_well = |check: &Value| {
        let advice = check["try"].as_str().unwrap_or_default();
        let elsewhere =
            ["summary", "found"].iter().any(|field| check[field].as_str().unwrap_or_default().contains("try:"));
        !advice.is_empty() && !advice.contains('\n') && !elsewhere
    };
    failed.into_iter().find(|check| !is_well(check)).map(|check| format!("a failure without one line to try: {check}"))
}

/// The first check that failed, or `pass`, and what it said; all checks where all hold.
fn verdict(report: &str) -> (String, String) {
    let report: Value = serde_json::from_str(report).expect("a report in JSON");
    let mut checks = report["checks"].as_array().expect("checks").clone();
    for check in &mut checks {
        check.as_object_mut().expect("an object").remove("expected");
    }
    match checks.iter_mut().find(|check| check["status"] == "fail") {
        Some(failed) => {
            let name = failed["name"].as_str().expect("a name").to_owned();
            let fields = failed.as_object_mut().expect("an object");
            fields.remove("name");
            fields.remove("status");
            (name, spaced(failed))
        }
        None if report["verdict"] == "pass" => ("pass".into(), spaced(&Value::Array(checks))),
        None => ("not run".into(), spaced(&Value::Array(checks))),
    }
}

/// JSON with a space behind each comma and colon, as the headers' words have it.
fn spaced(value: &Value) -> String {
    struct Spaced;
    impl Formatter for Spaced {
        fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
            if first { Ok(()) } else { writer.write_all(b", ") }
        }
        fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
            if first { Ok(()) } else { writer.write_all(b", ") }
        }
        fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
            writer.write_all(b": ")
        }
    }
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced)).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_answer_is_right_by_check_and_words() {
    let case = |expect: &[&str], words: &[&str]| Case {
        name: "01a-case".into(),
        source: PathBuf::new(),
        expect: expect.iter().map(|text| text.to_string()).collect(),
        words: words.iter().map(|text| text.to_string()).collect(),
        flags: vec![],
        on: None,
    };
    let out = r#"{"verdict":"fail","checks":[{"name":"trap","status":"fail","summary":"illegal instruction in 01a-case.S",
        "expected":"words","found":"","try":"less","location":{"file":"a.c","line":12}}]}"#;
    let failed = Answer { status: Some(1), out: out.into(), err: String::new() };
    assert_eq!(fault(&case(&["trap"], &["ILLEGAL", r#""file": "a.c", "line": 1[0-9]"#]), &failed), None);
    assert!(fault(&case(&["trap"], &["case"]), &failed).is_some(), "the source's name says nothing");
    assert!(fault(&case(&["trap"], &["words"]), &failed).is_some(), "what was expected was not found");
    assert!(fault(&case(&["bss", "pass"], &[]), &failed).is_some());
    let silent = Answer {
        out: out.replace(r#""try":"less","#, ""),
        ..Answer { status: Some(1), out: String::new(), err: String::new() }
    };
    assert!(fault(&case(&["trap"], &[]), &silent).is_some(), "it says nothing to try");
    let refused = Answer { status: Some(2), out: String::new(), err: "stripped; try: strip less".into() };
    assert_eq!(fault(&case(&["refused", "pass"], &["stripped"]), &refused), None);
    assert!(fault(&case(&["refused"], &[]), &Answer { status: None, ..refused }).is_some());
}
