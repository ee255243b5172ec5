//! The keys of debug.toml. Each key is also an option. docs/configuration.md describes them, and a test
//! compares the two. It does not read the file.

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string or a number.
    Text,
    /// A file, relative to the folder of debug.toml.
    Path,
    /// `true` or `false`.
    Flag,
    /// A string or an array of strings.
    Texts,
    /// Like [`Kind::Texts`], with a path after `file=`.
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

/// The topic of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The kernel. Ignored if the command line names a kernel.
    Kernel,
    /// The kernel's places and the machine.
    Machine,
    /// Only for QEMU. Ignored if the embedded machine was asked for.
    Qemu,
    /// Only for a verdict. Ignored by `run`, which cargo also uses as a runner for kernels with other output.
    Verdict,
}

const fn key(name: &'static str, kind: Kind, part: Part) -> Key {
    Key { name, option: name, kind, part }
}

/// All keys, in the order of the documentation.
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
    key("instructions", Kind::Text, Part::Verdict),
    key("min-margin", Kind::Text, Part::Verdict),
    key("harsh", Kind::Flag, Part::Verdict),
];

/// The key with this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The key with the most similar name.
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
