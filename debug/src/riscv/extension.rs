//! Extensions of the instruction set: their names, and sets of them. It does not know which hart has which.

use std::fmt;

macro_rules! extensions {
    ($($(#[$about:meta])* $name:ident $text:literal $long:literal,)*) => {
        /// An extension beyond RV64GC.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Extension {
            $($(#[$about])* #[doc = $long] $name,)*
        }

        impl Extension {
            /// All extensions that this crate knows, in the order of the `riscv,isa` string: single letters, then Z, then S.
            pub const ALL: &[Extension] = &[$(Extension::$name),*];

            /// Its name in the `riscv,isa` string; QEMU's property has the same name.
            pub fn name(self) -> &'static str {
                match self { $(Extension::$name => $text,)* }
            }

            /// What it adds.
            pub fn about(self) -> &'static str {
                match self { $(Extension::$name => $long,)* }
            }
        }
    };
}

extensions! {
    Vector "v" "vectors",
    Hypervisor "h" "the hypervisor's mode",
    Zicbom "zicbom" "cleaning, flushing and invalidating cache blocks",
    Zicbop "zicbop" "prefetching cache blocks",
    Zicboz "zicboz" "zeroing cache blocks",
    Zicntr "zicntr" "the counters cycle, time and instret",
    Zicond "zicond" "conditional zeroing",
    Zihintntl "zihintntl" "hints about memory that is not used again soon",
    Zihintpause "zihintpause" "the hint pause",
    Zihpm "zihpm" "hardware performance counters",
    Zawrs "zawrs" "waiting for a reservation to end",
    Zfa "zfa" "additional floating-point instructions",
    Zba "zba" "bit manipulation for addresses",
    Zbb "zbb" "basic bit manipulation",
    Zbc "zbc" "carry-less multiplication",
    Zbs "zbs" "single bits",
    Sstc "sstc" "the supervisor's own timer",
    Svadu "svadu" "accessed and dirty bits that the hart sets",
    Svinval "svinval" "fine-grained invalidation of translations",
    Svnapot "svnapot" "pages of 64 KiB",
    Svpbmt "svpbmt" "memory types in page tables",
}

/// A set of extensions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Extensions(u64);

impl Extensions {
    /// No extension.
    pub const NONE: Extensions = Extensions(0);

    /// Exactly these extensions.
    pub const fn of(extensions: &[Extension]) -> Extensions {
        let (mut bits, mut index) = (0, 0);
        while index < extensions.len() {
            bits |= 1 << extensions[index] as u32;
            index += 1;
        }
        Extensions(bits)
    }

    /// Whether the extension is in the set.
    #[inline(always)]
    pub const fn has(self, extension: Extension) -> bool {
        self.0 >> extension as u32 & 1 != 0
    }

    /// The same set, with or without this extension.
    pub const fn with(self, extension: Extension, present: bool) -> Extensions {
        let bit = 1 << extension as u32;
        Extensions(if present { self.0 | bit } else { self.0 & !bit })
    }

    /// The extensions that `others` does not have.
    pub const fn without(self, others: Extensions) -> Extensions {
        Extensions(self.0 & !others.0)
    }

    /// In the order of the `riscv,isa` string.
    pub fn iter(self) -> impl Iterator<Item = Extension> {
        Extension::ALL.iter().copied().filter(move |extension| self.has(*extension))
    }

    /// RV64GC with these extensions, as in the `riscv,isa` property of a device tree (Devicetree binding `riscv/extensions.yaml`).
    pub fn isa(self) -> String {
        let mut isa = String::from("rv64imafdc");
        let mut separated: Vec<&str> = vec!["zicsr", "zifencei"];
        for extension in self.iter() {
            match extension.name() {
                letter if letter.len() == 1 => isa.push_str(letter),
                name => separated.push(name),
            }
        }
        separated.sort_by_key(|name| category(name));
        separated.iter().for_each(|name| isa.extend(["_", name]));
        isa
    }
}

/// What the names with more than one letter are sorted by: Z before S, and the Z by the letter that follows, in the order of the
/// single-letter extensions (unprivileged manual, "ISA Extension Naming Conventions").
fn category(name: &str) -> (bool, usize, String) {
    const ORDER: &str = "imafdqlcbkjtpvnh";
    let second = name.chars().nth(1).and_then(|letter| ORDER.find(letter)).unwrap_or(ORDER.len());
    (name.starts_with('s'), second, name.into())
}

impl fmt::Debug for Extensions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_told_as_device_trees_do() {
        let set = Extensions::of(&[Extension::Hypervisor, Extension::Sstc, Extension::Zba, Extension::Zicntr]);
        assert_eq!(set.isa(), "rv64imafdch_zicntr_zicsr_zifencei_zba_sstc");
        assert!(set.has(Extension::Zba) && !set.has(Extension::Zbb));
        assert_eq!(set.with(Extension::Zba, false).isa(), "rv64imafdch_zicntr_zicsr_zifencei_sstc");
    }
}
