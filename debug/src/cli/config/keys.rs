//! The keys of debug.toml, each of which is an option as well. Their meaning stands in docs/configuration.md, and a test
//! compares the two. It does not read the file.

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text, or a number.
    Text,
    /// A file, relative to the folder of debug.toml.
    Path,
    /// `true` or `false`.
    Flag,
    /// A text, or several in brackets.
    Texts,
    /// As [`Kind::Texts`]; what is behind `file=` is a path.
    Drives,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    /// The long option, without its dashes.
    pub option: &'static str,
    pub kind: Kind,
    pub part: Part,
}

/// What a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Which kernel: who names one on the command line means that one.
    Kernel,
    /// Where its things are, and its machine.
    Machine,
    /// What only QEMU has: of no matter where the embedded machine was asked for.
    Qemu,
    /// What a verdict asks for: of no matter for `run`, which is cargo's runner too, for kernels of other words.
    Verdict,
}

const fn key(name: &'static str, kind: Kind, part: Part) -> Key {
    Key { name, option: name, kind, part }
}

/// All of them, in the order of the documentation.
pub const KEYS: &[Key] = &[
    key("package", Kind::Text, Part::Kernel),
    key("bin", Kind::Text, Part::Kernel),
    key("target", Kind::Text, Part::Kernel),
    key("profile", Kind::Text, Part::Kernel),
    key("features", Kind::Text, Part::Kernel),
    key("build", Kind::Text, Part::Kernel),
    key("kernel", Kind::Path, Part::Kernel),
    key("raw", Kind::Path, Part::Kernel),
    key("load-address", Kind::Text, Part::Kernel),
    key("symbols", Kind::Path, Part::Kernel),
    key("entry", Kind::Text, Part::Machine),
    key("stack-top", Kind::Text, Part::Machine),
    key("stack-bottom", Kind::Text, Part::Machine),
    key("bss-start", Kind::Text, Part::Machine),
    key("bss-end", Kind::Text, Part::Machine),
    key("on", Kind::Text, Part::Machine),
    key("machine", Kind::Text, Part::Qemu),
    key("bios", Kind::Path, Part::Machine),
    key("cpu", Kind::Text, Part::Machine),
    key("smp", Kind::Text, Part::Qemu),
    key("memory", Kind::Text, Part::Machine),
    key("boot-hart", Kind::Text, Part::Machine),
    key("append", Kind::Text, Part::Machine),
    key("initrd", Kind::Path, Part::Machine),
    Key { name: "drives", option: "drive", kind: Kind::Drives, part: Part::Machine },
    key("qemu-args", Kind::Texts, Part::Qemu),
    key("expect", Kind::Texts, Part::Verdict),
    key("forbid", Kind::Texts, Part::Verdict),
    key("input", Kind::Texts, Part::Verdict),
    key("after", Kind::Texts, Part::Verdict),
    key("timeout", Kind::Text, Part::Verdict),
    key("min-margin", Kind::Text, Part::Verdict),
    key("harsh", Kind::Flag, Part::Verdict),
];

/// The key of that name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The key whose name is the most like that one.
pub fn nearest(name: &str) -> &'static str {
    let likeness = |key: &&Key| (strsim::jaro_winkler(name, key.name) * 1e6) as u64;
    KEYS.iter().max_by_key(likeness).map_or("", |key| key.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_the_one_that_was_meant() {
        for (written, meant) in
            [("stack_top", "stack-top"), ("cpus", "cpu"), ("bss_end", "bss-end"), ("drive", "drives")]
        {
            assert_eq!(nearest(written), meant);
        }
    }

    /// The first cell of each row of the table.
    fn documented() -> Vec<&'static str> {
        let page = include_str!("../../../../docs/configuration.md");
        let rows = page.lines().skip_while(|line| !line.starts_with("| key |")).skip(2);
        let rows = rows.take_while(|line| line.starts_with("| "));
        rows.map(|row| row.split('`').nth(1).expect("a key is in backticks")).collect()
    }

    #[test]
    fn each_key_is_documented_and_each_documented_one_is_a_key() {
        assert_eq!(documented(), KEYS.iter().map(|key| key.name).collect::<Vec<_>>());
    }
}
