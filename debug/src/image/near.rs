//! Finds similar names: for `__bss`, the symbols `__bss_start`, `_sbss` and so on. It only knows names.

/// The largest number of names.
const MOST: usize = 5;

/// The names that are most similar to `wanted`, the best first, at most five.
pub(super) fn near(wanted: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let mut scored: Vec<(usize, String)> = names.filter_map(|name| Some((distance(wanted, &name)?, name))).collect();
    scored.sort();
    scored.dedup();
    scored.truncate(MOST);
    scored.into_iter().map(|(_, name)| name).collect()
}

/// The distance of two names; `None` if they are not similar at all.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    // Mangled names contain many words, and people do not type them.
    if name.len() > 64 || wanted.len() > 64 || name.starts_with("_ZN") || name.starts_with("_R") {
        return None;
    }
    let (wanted, name) = (wanted.to_lowercase(), name.to_lowercase());
    let core = |text: &str| text.trim_matches(['_', '.']).to_owned();
    let edits = strsim::levenshtein(&core(&wanted), &core(&name));
    let words: Vec<&str> = wanted.split(['_', '.']).filter(|word| word.len() >= 3).collect();
    let shared = words.iter().filter(|word| name.contains(**word)).count();
    if shared > 0 {
        // A common word counts more than equal letters, and two words more than one.
        Some(edits + 8 * (words.len() - shared))
    } else if edits <= core(&wanted).len() / 3 {
        Some(edits + 8 * words.len())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near_of(wanted: &str, names: &[&str]) -> Vec<String> {
        near(wanted, names.iter().map(|name| name.to_string()))
    }

    const RCORE: [&str; 10] = [
        "_start",
        "stext",
        "etext",
        "sbss",
        "sbss_with_stack",
        "ebss",
        "boot_stack_lower_bound",
        "boot_stack_top",
        "ekernel",
        "rust_main",
    ];

    #[test]
    fn finds_the_bss_of_other_kernels() {
        assert_eq!(
            near_of("__bss", &["__bss_start", "bss_start", "_sbss", "main"]),
            ["_sbss", "__bss_start", "bss_start"]
        );
        assert_eq!(near_of("__bss", &RCORE), ["ebss", "sbss", "sbss_with_stack"]);
        assert_eq!(near_of("__bss_end", &RCORE)[..2], ["ebss", "sbss"]);
    }

    #[test]
    fn finds_the_stack_of_other_kernels() {
        assert_eq!(
            near_of("__stack_top", &["_stack_top", "boot_stack_top", "stack0", "timer"]),
            ["_stack_top", "boot_stack_top", "stack0"]
        );
    }

    #[test]
    fn finds_a_misspelt_name() {
        assert_eq!(near_of("boot", &["bot", "memset"]), ["bot"]);
    }

    #[test]
    fn offers_nothing_that_is_not_similar() {
        assert!(near_of("__bss", &["memset", "_ZN6kernel3bss5clear17h0123456789abcdefE", "_start"]).is_empty());
    }

    #[test]
    fn offers_at_most_five() {
        assert_eq!(near_of("stack", &["stack0", "stack1", "stack2", "stack3", "stack4", "stack5"]).len(), 5);
    }
}
