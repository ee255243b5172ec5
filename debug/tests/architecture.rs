//! The rooms use what ARCHITECTURE.md's table says that they use, and each number of a manual stands in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the project's folder")
}

/// Every source file of the crate with its room, which is the first part of its path: `checks`, `main`.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = project().join("debug/src");
    let (mut sources, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(&root).expect("it is within").to_owned();
                let first = relative.iter().next().expect("it has a name").to_string_lossy();
                let text = fs::read_to_string(&path).expect("the file can be read");
                sources.push((first.trim_end_matches(".rs").to_owned(), relative, text));
            }
        }
    }
    assert!(sources.len() > 100, "{} sources", sources.len());
    sources
}

/// A source without its comments, its texts and its unit tests, which are not of the room.
fn code(path: &Path, text: &str) -> String {
    if path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "fixture.rs") {
        return String::new();
    }
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    // What is said to people may name numbers.
    let strings = Regex::new(r#"(?s)"(?:[^"\\]|\\.)*""#).expect("it is a pattern");
    strings.replace_all(&lines.collect::<Vec<_>>().join("\n"), "\"\"").into_owned()
}

/// By room: what its row lets it use, rooms and crates alike; `None` for one that may use all rooms.
struct Row {
    allowed: BTreeSet<String>,
    all_rooms: bool,
}

fn table() -> BTreeMap<String, Row> {
    let page = fs::read_to_string(project().join("ARCHITECTURE.md")).expect("the page can be read");
    let after = page.split("| room | what it holds | what it must not know | what it uses: rooms; crates |").nth(1);
    let rows = after.expect("the table is there").lines().skip(2).take_while(|line| line.starts_with("| "));
    let mut table = BTreeMap::new();
    let words = Regex::new("[a-z0-9_]+").expect("it is a pattern");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let uses = cells.last().filter(|_| cells.len() == 4).copied().unwrap_or_default();
        let mut allowed: BTreeSet<String> = words.find_iter(uses).map(|word| word.as_str().to_owned()).collect();
        let all_rooms = allowed.remove("all");
        for room in cells[0].split(',') {
            let room = room.trim().trim_end_matches(".rs").to_owned();
            table.insert(room, Row { allowed: allowed.clone(), all_rooms });
        }
    }
    assert!(table.len() > 10, "{} rooms", table.len());
    table
}

/// The crates that it depends on, as Rust spells them.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(project().join("debug/Cargo.toml")).expect("the manifest can be read");
    let list = manifest.split("[dependencies]\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let names = list.expect("there are dependencies").lines().filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name.replace('-', "_")).filter(|name| name != "thiserror").collect()
}

/// The rooms and crates that the code names.
fn used(code: &str, rooms: &BTreeSet<String>, crates: &[String]) -> BTreeSet<String> {
    let path = Regex::new(r"\b(?:crate|debug)::(\w+)|\b(\w+)::").expect("it is a pattern");
    let group = Regex::new(r"\b(?:crate|debug)::\{([^;]*)\};").expect("it is a pattern");
    let word = Regex::new(r"\w+").expect("it is a pattern");
    let mut found = BTreeSet::new();
    for captures in path.captures_iter(code) {
        if let Some(room) = captures.get(1).map(|room| room.as_str()).filter(|room| rooms.contains(*room)) {
            found.insert(room.to_owned());
        }
        if let Some(name) = captures.get(2).map(|name| name.as_str()).filter(|name| crates.iter().any(|c| c == name)) {
            found.insert(name.to_owned());
        }
    }
    for captures in group.captures_iter(code) {
        found.extend(
            word.find_iter(&captures[1]).map(|word| word.as_str().to_owned()).filter(|word| rooms.contains(word)),
        );
    }
    found
}

#[test]
fn a_room_uses_what_its_row_says() {
    let (table, crates) = (table(), dependencies());
    let rooms: BTreeSet<String> = table.keys().cloned().collect();
    let mut wrong = BTreeSet::new();
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let sources = sources();
    for (room, path, text) in &sources {
        if room == "lib" {
            continue;
        }
        let Some(row) = table.get(room) else {
            wrong.insert(format!("{}: no row for the room {room}", path.display()));
            continue;
        };
        for name in used(&code(path, text), &rooms, &crates) {
            if name != *room && !row.allowed.contains(&name) && !(row.all_rooms && rooms.contains(&name)) {
                wrong.insert(format!("{}: {room} uses {name}, which its row does not say", path.display()));
            }
            seen.entry(room).or_default().insert(name);
        }
    }
    for (room, row) in &table {
        for name in &row.allowed {
            if !seen.get(&**room).is_some_and(|seen| seen.contains(name)) && room != "cli" && room != "main" {
                wrong.insert(format!("the row of {room} says {name}, which it does not use"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_import_that_no_row_allows_is_found() {
    let rooms = ["checks", "riscv"].map(String::from).into();
    let crates = ["clap".to_owned()];
    let names = |code: &str| used(code, &rooms, &crates).into_iter().collect::<Vec<_>>();
    assert_eq!(names("use crate::checks::Finding;"), ["checks"]);
    assert_eq!(names("use crate::{checks::Finding, riscv};"), ["checks", "riscv"]);
    assert_eq!(names("#[derive(clap::ValueEnum)]"), ["clap"]);
    assert_eq!(names("let checks = other::riscv();"), Vec::<String>::new());
}

/// What a manual numbers, where it would be written: CSRs, the board's addresses, the words of its finisher, SBI extensions; exceptions
/// and interrupts, the modes, the bits of sstatus, and those of a page table's entry, by the names that they would have.
const NUMBERS: &str = r"Csr\(0x|0x5352_?5354|0x5449_?4d45|0x5246_?4e43|0x4442_?434e|0x48_?534d|0x73_?5049|0xd00d_?feed|\
0x8000_?0000\b|0x8008_?0000|0x1000_?0000\b|0x10_?0000\b|\b0x5555\b|\b0x7777\b|\b0x3333\b|: u16 = 0x[1-9a-f][0-9a-f]{2}\b|\
<u16> = 0x[1-9a-f]|\b0x[1-9a-f][0-9a-f]{2}\.\.=0x[0-9a-f]{3}\b|\b[Cc]sr(?:_number)?(?:\(\))? [=!]= \d|\
cause(?:\(\))? [=!]= \d|\bcause: \d|\b1 << 63 \| number|const \w*INTERRUPT: u64 = 1 << 63|\
const \w*(?:MISALIGNED|ACCESS|ILLEGAL|BREAKPOINT|CALL|PAGE|FETCH|FAULT|CALL_FROM_USER)(?:_INSTRUCTION|_FAULT)?: u64 = \d\d?;|\
const \w*(?:MACHINE|SUPERVISOR|USER)(?:_MODE)?: u64 = \d|Priv\)?\)?\? [=!]= (?:Some\()?\d|\
const (?:SSTATUS_)?(?:SIE|SPIE|SPP|FS|SUM|MXR|UXL|SD): u64 = \d|\
const (?:VALID|READ|READABLE|WRITE|WRITABLE|EXECUTE|EXECUTABLE|USER|ACCESSED|DIRTY): u64 = 1 << \d;|\
const (?:SP|RA|A[0-7]): \w+ = \d|\bx\[(?:1|2|10|11)\]";

fn numbers() -> Regex {
    Regex::new(&NUMBERS.replace("\\\n", "")).expect("it is a pattern")
}

#[test]
fn a_number_of_a_manual_is_found_elsewhere() {
    let numbers = numbers();
    for line in [
        "const COUNTERS: std::ops::RangeInclusive<u16> = 0xc00..=0xc02;",
        "register == Register::Csr(0x142)",
        "const ILLEGAL_INSTRUCTION: u64 = 2;",
        "const FETCH: u64 = 12;",
        "let both = machine.cause == 5;",
        "Outcome { trap: Some(TrapValues { cause: 2, pc, value }) }",
        "const MACHINE_MODE: u64 = 3;",
        "read_register(Register::Priv)? == 1",
        "    const SUM: u64 = 1 << 18;",
        "pub const WRITABLE: u64 = 1 << 2;",
        "let sp = registers.x[2];",
        "const UART: u64 = 0x1000_0000;",
    ] {
        assert!(numbers.is_match(line), "{line}");
    }
    for line in ["const QUEUE_PAGE: u64 = 0x040;", "scause: 0,", "const READ_ONLY: u64 = 1 << 5;", "csr == csr::SIP"] {
        assert!(!numbers.is_match(line), "{line}");
    }
}

#[test]
fn each_number_of_a_manual_stands_in_riscv() {
    let numbers = numbers();
    let mut elsewhere = Vec::new();
    let mut here = 0;
    for (room, path, text) in sources() {
        for line in code(&path, &text).lines().filter(|line| numbers.is_match(line)) {
            if room == "riscv" {
                here += 1;
            } else {
                elsewhere.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    assert!(here > 10, "{here}");
}

/// Options and commands in what a room says: `--name` within a text. A text that is nothing else is an argument for a program that the
/// room starts; and some options are of other programs.
fn command_line_words(path: &Path, text: &str) -> Vec<String> {
    static TEXT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).expect("it is a pattern"));
    static WORDS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"--[a-z][a-z-]+|cargo debug [a-z]+|run\.sh --").expect("it is a pattern"));
    const OF_OTHERS: [&str; 3] = ["--target", "--strip-all", "--path"];
    if path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "fixture.rs") {
        return Vec::new();
    }
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let texts = lines.join("\n");
    let said = TEXT.captures_iter(&texts).map(|text| text[1].to_owned()).filter(|text| text.contains(' '));
    let words = |text: String| WORDS.find_iter(&text).map(|word| word.as_str().to_owned()).collect::<Vec<_>>();
    said.flat_map(words).filter(|word| !OF_OTHERS.contains(&&**word)).collect()
}

#[test]
fn only_the_command_line_names_its_options() {
    let mut wrong = Vec::new();
    for (room, path, text) in sources().iter().filter(|(room, ..)| room != "cli") {
        let words = command_line_words(path, text);
        wrong.extend(words.iter().map(|word| format!("{}: {room} says {word}", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let said = |line: &str| command_line_words(Path::new("room.rs"), line);
    assert_eq!(said(r#"#[error("{what}; try: a longer --timeout")]"#), ["--timeout"]);
    assert_eq!(said(r#""look there: cargo debug serve""#), ["cargo debug serve"]);
    assert_eq!(said(r#"arguments.push("--no-reboot"); // --timeout"#), [""; 0]);
}

/// A module's path, as Rust has it: `checks::bss`; the file is `checks/bss.rs` or `checks/bss/mod.rs`.
fn module(path: &Path) -> String {
    let path = path.with_extension("");
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).filter(|part| part != "mod").collect();
    parts.join("::")
}

/// The paths that `use` names: each of a group by itself.
fn paths_of_group(group: &str) -> Vec<String> {
    let Some((before, inside)) = group.split_once('{') else { return vec![group.trim().to_owned()] };
    let inside = inside.trim_end().strip_suffix('}').unwrap_or(inside);
    let (mut depth, mut items) = (0, vec![String::new()]);
    for character in inside.chars() {
        depth += i32::from(character == '{') - i32::from(character == '}');
        match character {
            ',' if depth == 0 => items.push(String::new()),
            other => items.last_mut().expect("there is one").push(other),
        }
    }
    let items = items.iter().filter(|item| !item.trim().is_empty());
    items.flat_map(|item| paths_of_group(&format!("{}{}", before.trim(), item.trim()))).collect()
}

/// The modules that the code of module `own` names, by `use` or by a path that begins with `crate`, `super` or `self`.
fn modules_used(own: &str, code: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    static IMPORT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\buse ([^;]+);").expect("it is a pattern"));
    static PATH: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(?:crate|super|self)(?:::\w+)+").expect("it is a pattern"));
    let mut paths: Vec<String> = IMPORT.captures_iter(code).flat_map(|import| paths_of_group(&import[1])).collect();
    paths.extend(PATH.find_iter(code).map(|path| path.as_str().to_owned()));
    let resolve = |path: &String| {
        let mut place: Vec<&str> = own.split("::").collect();
        let mut rest = path.split("::").map(|name| name.split_whitespace().next().unwrap_or_default()).peekable();
        if rest.next_if_eq(&"crate").is_some() {
            place.clear();
        }
        rest.next_if_eq(&"self");
        while rest.next_if_eq(&"super").is_some() {
            place.pop();
        }
        place.extend(rest);
        // What is left behind the longest module is a thing of that module.
        (1..=place.len()).rev().map(|length| place[..length].join("::")).find(|module| modules.contains(module))
    };
    paths.iter().filter_map(resolve).filter(|module| module != own).collect()
}

/// A way from `start` back to it.
fn cycle(start: &str, uses: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let (mut ways, mut seen) = (vec![vec![start.to_owned()]], BTreeSet::new());
    while let Some(way) = ways.pop() {
        for next in uses.get(way.last().expect("it begins at start")).into_iter().flatten() {
            if next == start {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                ways.push([&way[..], std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}

/// What each module of a room uses of the others. A module and its own submodules are parts of one thing, and may know each other.
fn uses_within_rooms(sources: &[(String, PathBuf, String)]) -> BTreeMap<String, BTreeSet<String>> {
    let modules: BTreeSet<String> = sources.iter().map(|(_, path, _)| module(path)).collect();
    let room = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let within = |one: &str, other: &str| other.strip_prefix(one).is_some_and(|rest| rest.starts_with("::"));
    let uses = |(_, path, text): &(String, PathBuf, String)| {
        let own = module(path);
        let mut used = modules_used(&own, &code(path, text), &modules);
        used.retain(|used| room(used) == room(&own) && !within(used, &own) && !within(&own, used));
        (own, used)
    };
    sources.iter().map(uses).collect()
}

#[test]
fn no_files_of_a_room_use_each_other_in_a_circle() {
    let uses = uses_within_rooms(&sources());
    assert!(uses.values().map(BTreeSet::len).sum::<usize>() > 100, "{uses:#?}");
    let cycles: BTreeSet<Vec<String>> = uses.keys().filter_map(|module| cycle(module, &uses)).collect();
    assert!(cycles.is_empty(), "{cycles:#?}");
}

#[test]
fn a_circle_is_found_whatever_form_its_imports_have() {
    let source = |path: &str, text: &str| ("room".to_owned(), PathBuf::from(path), text.to_owned());
    let circle = |second: &str| {
        let uses = uses_within_rooms(&[
            source("room/mod.rs", "mod one;\nmod two;\nuse one::One;"),
            source("room/one.rs", "use super::two::Two;"),
            source("room/two.rs", second),
        ]);
        cycle("room::one", &uses).is_some()
    };
    for second in
        ["use super::one::One;", "use super::{one::{One, Other}};", "use crate::room::one;", "f(super::one::g())"]
    {
        assert!(circle(second), "{second}");
    }
    for second in ["use super::Room;", "use crate::other::one;", "// use super::one::One;"] {
        assert!(!circle(second), "{second}");
    }
}

#[test]
fn a_module_with_a_folder_is_the_folder_s_mod_rs() {
    let sources = sources();
    let paths: BTreeSet<&PathBuf> = sources.iter().map(|(_, path, _)| path).collect();
    let beside: Vec<_> = paths
        .iter()
        .filter(|path| paths.iter().any(|other| other.starts_with(path.with_extension("")) && other != *path))
        .filter(|path| !path.ends_with("mod.rs"))
        .collect();
    assert!(beside.is_empty(), "{beside:?}");
}
