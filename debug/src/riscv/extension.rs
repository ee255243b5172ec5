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
}

impl fmt::Debug for Extensions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}
