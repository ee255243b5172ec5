//! A hart's instruction set: its width, and its extensions; as device trees write it. It does not know which hart has which.

use super::{Extension, Extensions, Xlen};

/// RV32GC or RV64GC, and what a hart has beyond it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Isa {
    /// The width of the x registers.
    pub xlen: Xlen,
    /// The extensions beyond those of G and C.
    pub extensions: Extensions,
}

impl Isa {
    /// Whether it has the extension.
    #[inline(always)]
    pub const fn has(self, extension: Extension) -> bool {
        self.extensions.has(extension)
    }

    /// The base, as in the `riscv,isa-base` property of a device tree: `rv64i`.
    pub const fn base(self) -> &'static str {
        match self.xlen {
            Xlen::Rv32 => "rv32i",
            Xlen::Rv64 => "rv64i",
        }
    }

    /// Its single letters, and the longer names, in the order of the `riscv,isa` string (Devicetree binding `riscv/extensions.yaml`).
    pub fn names(self) -> (String, Vec<&'static str>) {
        let mut letters = String::from("imafdc");
        let mut names = vec!["zicsr", "zifencei"];
        for extension in self.extensions.iter() {
            match extension.name() {
                letter if letter.len() == 1 => letters.push_str(letter),
                name => names.push(name),
            }
        }
        names.sort_by_key(|name| category(name));
        (letters, names)
    }
}

/// What the names with more than one letter are sorted by: Z before S, and the Z by the letter that follows, in the order of the
/// single-letter extensions (unprivileged manual, "ISA Extension Naming Conventions").
fn category(name: &str) -> (bool, usize, String) {
    const ORDER: &str = "imafdqlcbkjtpvnh";
    let second = name.chars().nth(1).and_then(|letter| ORDER.find(letter)).unwrap_or(ORDER.len());
    (name.starts_with('s'), second, name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_told_as_device_trees_do() {
        let extensions = Extensions::of(&[Extension::Hypervisor, Extension::Sstc, Extension::Zba, Extension::Zicntr]);
        let isa = Isa { xlen: Xlen::Rv32, extensions };
        assert_eq!(isa.base(), "rv32i");
        assert_eq!(isa.names(), ("imafdch".into(), vec!["zicntr", "zicsr", "zifencei", "zba", "sstc"]));
        assert!(isa.has(Extension::Zba) && !isa.has(Extension::Zbb));
        assert!(!extensions.with(Extension::Zba, false).has(Extension::Zba));
    }
}
