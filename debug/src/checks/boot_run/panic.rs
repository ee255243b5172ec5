//! Finds panics: the record that a kernel without a console leaves in memory, and the functions that a panic calls.
//!
//! It does not judge. kernel/src/panic.rs documents the record's layout; any kernel can use it.

use super::BootRun;
use crate::image::{Image, Place, demangled};
use crate::machine::{Address, Error, TakenTrap};

/// The symbol of the record.
const SYMBOL: &str = "panic_record";
const MAGIC: &[u8; 8] = b"panicked";
const BYTES: usize = 4096;
const FILE: std::ops::Range<usize> = 16..256;
const MESSAGE: std::ops::Range<usize> = 256..BYTES;

/// The message of a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    pub message: String,
    /// `kernel/src/main.rs:31:5`
    pub location: String,
}

/// The panic that the kernel recorded; `None` if it has no record, or did not panic.
pub fn recorded(run: &mut BootRun<'_>) -> Result<Option<Panic>, Error> {
    let Some(symbol) = run.image.symbol(SYMBOL).filter(|symbol| symbol.size >= BYTES as u64) else { return Ok(None) };
    let mut record = vec![0; BYTES];
    run.machine.read_memory(symbol.address, &mut record)?;
    Ok(parse(&record))
}

fn parse(record: &[u8]) -> Option<Panic> {
    let rest = record.strip_prefix(MAGIC)?;
    let number =
        |at: usize| rest.get(at..at + 4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let (line, column) = (number(0)?, number(4)?);
    Some(Panic {
        message: text(record.get(MESSAGE)?),
        location: format!("{}:{line}:{column}", text(record.get(FILE)?)),
    })
}

/// Up to the zero byte, or all of it.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The call of a panic function.
#[derive(Clone, Debug)]
pub struct Panicked {
    /// The function.
    pub name: String,
    /// The backtrace at the call, innermost first.
    pub backtrace: Vec<Place>,
    /// The exception that was being handled.
    pub handling: Option<TakenTrap>,
}

impl Panicked {
    /// The caller: the first function in the backtrace that is not a panic function, if possible in the kernel's own sources.
    pub fn caller(&self) -> Option<&Place> {
        let panics = |place: &Place| place.symbol.as_ref().is_some_and(|(name, _)| is_panic(name));
        // What is inlined into the panic function comes before it.
        let inner = self.backtrace.iter().position(panics).map_or(0, |panic| panic + 1);
        let mut callers = self.backtrace[inner..].iter().filter(|place| place.symbol.is_some() && !panics(place));
        let first = callers.clone().next();
        callers.find(|place| place.is_own()).or(first)
    }
}

/// The panic function in the backtrace, if there is one.
pub fn handler(backtrace: &[Place]) -> Option<&str> {
    backtrace
        .iter()
        .filter_map(|place| place.symbol.as_ref())
        .map(|(name, _)| name.as_str())
        .find(|name| is_panic(name))
}

/// The first instructions of all panic functions of the image.
pub fn functions(image: &Image) -> Vec<Address> {
    let functions = image.symbols().filter(|symbol| image.is_code(symbol.address));
    functions.filter(|symbol| is_panic(&demangled(&symbol.name))).map(|symbol| symbol.address).collect()
}

/// Whether this demangled name is that of a panic function: Rust's, C's, or one that a kernel made of their words, like
/// `riscv_arch_panic`, `z_fatal_error` and `__assert_fail`.
///
/// The last words decide, so `panic_init` is none. Functions that only ask or test (`in_panic`) return, and a panic that returns
/// counts as none. Threads end in functions like `k_thread_abort` that do not return.
pub fn is_panic(name: &str) -> bool {
    /// With any words before.
    const PANICS: [&str; 13] = [
        "panic",
        "kpanic",
        "panicked",
        "panicking",
        "oops",
        "fatal",
        "fatal_error",
        "assert",
        "assert2",
        "chk_fail",
        "alloc_error",
        "begin_unwind",
        "pure_virtual",
    ];
    /// Alone, or behind the words that follow.
    const ENDS: [&str; 4] = ["abort", "die", "kdie", "bug"];
    const OF_THE_KERNEL: [&str; 11] =
        ["kernel", "k", "do", "arch", "riscv", "sys", "system", "rust", "cpu", "sbi", "panic"];
    /// What may follow.
    const SUFFIXES: [&str; 7] = ["handler", "impl", "abort", "fail", "failed", "func", "called"];
    /// What functions that only note a panic function begin with.
    const SETTERS: [&str; 5] = ["set", "take", "register", "install", "get"];
    if ["core::panicking::", "std::panicking::", "std::terminate"].iter().any(|module| name.starts_with(module)) {
        return true;
    }
    // For a generic function or a closure, only the name before its parameters counts.
    let plain = name.split(['<', '{', '(']).next().unwrap_or(name).trim_end_matches("::");
    let last = plain.rsplit("::").next().unwrap_or(plain);
    // Compilers copy and split functions: `panic.constprop.0`, `die.cold`.
    let words = words(last.split('.').next().unwrap_or(last));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.first().is_some_and(|first| SETTERS.contains(first)) {
        return false;
    }
    let is_one = |words: &[&str]| {
        let of_the_kernel = |before: &[&str]| before.iter().all(|word| OF_THE_KERNEL.contains(word));
        PANICS.iter().any(|panic| before(words, panic).is_some())
            || ENDS.iter().filter_map(|end| before(words, end)).any(of_the_kernel)
    };
    is_one(&words) || words.split_last().is_some_and(|(last, before)| SUFFIXES.contains(last) && is_one(before))
}

/// The words before an ending like `fatal_error`.
fn before<'a, 'b>(words: &'a [&'b str], ending: &'b str) -> Option<&'a [&'b str]> {
    words.strip_suffix(&*ending.split('_').collect::<Vec<_>>())
}

/// The words of an identifier, in lower case: `__assert_fail`, `vAssertCalled`, `PANIC`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![];
    let mut last_is_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() {
            words.push(String::new());
        } else if character.is_uppercase() && last_is_lower {
            words.push(character.to_lowercase().collect());
        } else {
            if words.is_empty() {
                words.push(String::new());
            }
            words.last_mut().expect("there is one").extend(character.to_lowercase());
        }
        last_is_lower = character.is_lowercase() || character.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Line;

    fn record(magic: &[u8], file: &[u8], message: &[u8]) -> Vec<u8> {
        let mut record = vec![0; BYTES];
        record[..magic.len()].copy_from_slice(magic);
        record[8..16].copy_from_slice(&[31, 0, 0, 0, 5, 0, 0, 0]);
        record[16..16 + file.len()].copy_from_slice(file);
        record[256..256 + message.len()].copy_from_slice(message);
        record
    }

    #[test]
    fn a_record_tells_where_and_why() {
        let panic = parse(&record(MAGIC, b"kernel/src/main.rs", b"no memory")).unwrap();
        assert_eq!(panic.location, "kernel/src/main.rs:31:5");
        assert_eq!(panic.message, "no memory");
    }

    #[test]
    fn the_caller_is_outside_of_the_panic_function_and_in_the_kernel_s_sources() {
        let place = |name: &str, file: &str| Place {
            address: Address(0x8020_0000),
            symbol: Some((name.into(), 4)),
            line: Some(Line { file: file.into(), line: 7 }),
            inlined: false,
        };
        let caller = |backtrace: &[Place]| {
            let panicked = Panicked { name: "panic".into(), backtrace: backtrace.to_vec(), handling: None };
            panicked.caller().and_then(|place| place.symbol_text())
        };
        let (inlined, panic, main) = (place("puts", "k.h"), place("panic", "main.c"), place("main", "main.c"));
        assert_eq!(caller(&[inlined, panic.clone(), main.clone()]).as_deref(), Some("main+0x4"));
        let library = place("core::option::unwrap_failed", "/rustc/59807616/library/core/src/option.rs");
        assert_eq!(caller(&[panic.clone(), library.clone(), main]).as_deref(), Some("main+0x4"));
        assert_eq!(caller(&[panic.clone(), library]).as_deref(), Some("core::option::unwrap_failed+0x4"));
        assert_eq!(caller(&[panic]), None);
    }

    #[test]
    fn functions_that_kernels_end_in_are_known_by_name() {
        for name in [
            "core::panicking::panic_fmt",
            "core::panicking::panic_bounds_check",
            "__rustc::rust_begin_unwind",
            "kernel::trap::panic",
            "core::panicking::assert_failed::<usize, usize>",
            "panic.constprop.0",
            "__stack_chk_fail",
            "rust_panic",
            "begin_panic_handler",
            "handle_alloc_error",
            "__rg_oom_handle_alloc_error",
            "riscv_arch_panic",
            "__ostd_panic_handler",
            "z_fatal_error",
            "k_sys_fatal_error_handler",
            "vAssertCalled",
            "rt_assert_handler",
            "__assert2_fail",
            "__assert",
            "PANIC",
            "std::terminate()",
            "kernel_abort",
            "__abort",
            "__cxa_pure_virtual",
            "die.cold",
        ] {
            assert!(is_panic(name), "{name}");
        }
        for name in [
            "main",
            "panic_record",
            "kernel::panic::install",
            "diet",
            "panic_init",
            "set_panic_handler",
            "abort_transfer",
            "assert_irqs_off",
            "handler",
            "fail",
            "debug",
            "z_impl_k_thread_abort",
            "task_die",
            "<core::panicking::AssertKind as core::fmt::Debug>::fmt",
        ] {
            assert!(!is_panic(name), "{name}");
        }
    }

    #[test]
    fn zeros_and_poison_are_no_panic() {
        assert_eq!(parse(&record(&[0; 8], b"", b"")), None);
        assert_eq!(parse(&vec![super::super::poison::PATTERN; BYTES]), None);
    }

    #[test]
    fn a_text_without_an_end_is_taken_whole() {
        assert_eq!(parse(&record(MAGIC, b"f", &[b'x'; 3840])).unwrap().message.len(), 3840);
    }
}
