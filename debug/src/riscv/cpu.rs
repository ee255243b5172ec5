//! A CPU model with its properties, as QEMU writes it: `rv64,h=on,zba=off`, `rv32`. It does not know which machine supports it.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::{Extension, Extensions, Isa, Xlen};

/// The extensions of QEMU's `rv64` and `rv32`: those of 7.2, and those that 10.0 and 11.1 add. Each machine supports some of them.
const USUAL: Extensions = Extensions::of(&[
    Extension::Hypervisor,
    Extension::Zicbom,
    Extension::Zicbop,
    Extension::Zicboz,
    Extension::Zicntr,
    Extension::Zihintntl,
    Extension::Zihintpause,
    Extension::Zihpm,
    Extension::Zawrs,
    Extension::Zfa,
    Extension::Zba,
    Extension::Zbb,
    Extension::Zbc,
    Extension::Zbs,
    Extension::Sstc,
    Extension::Svadu,
]);

/// Every hart here has these: a property that turns one on changes nothing, and one that turns it off is unknown.
const ALWAYS: [&str; 17] =
    ["i", "m", "a", "f", "d", "c", "g", "s", "u", "zicsr", "zifencei", "zca", "zcd", "zaamo", "zalrsc", "zmmul", "mmu"];

/// A CPU model, and the properties that change it.
///
/// It is parsed from QEMU's syntax and shown in the same syntax, so QEMU can be started with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    text: String,
    isa: Isa,
    unknown: Vec<String>,
}

impl Cpu {
    /// QEMU's usual model of this width; that of RV32 without H, which must be asked for.
    pub fn of(xlen: Xlen) -> Cpu {
        let (text, extensions) = match xlen {
            Xlen::Rv32 => ("rv32", USUAL.with(Extension::Hypervisor, false)),
            Xlen::Rv64 => ("rv64", USUAL),
        };
        Cpu { text: text.into(), isa: Isa { xlen, extensions }, unknown: Vec::new() }
    }

    /// Its width, and its extensions as far as this crate knows them.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Its extensions beyond RV32GC or RV64GC, as far as this crate knows them.
    pub fn extensions(&self) -> Extensions {
        self.isa.extensions
    }

    /// The parts that this crate does not know. QEMU may know them.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// The same model, with this extension on or off.
    pub fn with(self, extension: Extension, present: bool) -> Cpu {
        let text = format!("{},{}={}", self.text, extension.name(), if present { "on" } else { "off" });
        let mut cpu = Cpu { text, ..self };
        cpu.isa.extensions = cpu.isa.extensions.with(extension, present);
        cpu
    }

    fn set(&mut self, property: &str) {
        let (name, value) = property.split_once('=').unwrap_or((property, "on"));
        // QEMU's words for yes and no.
        let present = match value {
            "on" | "yes" | "true" | "y" => true,
            "off" | "no" | "false" | "n" => false,
            _ => return self.unknown.push(property.into()),
        };
        // QEMU 7.2 has capitals in some: Zicsr.
        let name = name.to_ascii_lowercase();
        match Extension::ALL.iter().find(|extension| extension.name() == name) {
            Some(extension) => self.isa.extensions = self.isa.extensions.with(*extension, present),
            None if present && ALWAYS.contains(&&*name) => {}
            None => self.unknown.push(property.into()),
        }
    }
}

impl Default for Cpu {
    fn default() -> Cpu {
        Cpu::of(Xlen::Rv64)
    }
}

impl FromStr for Cpu {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Cpu, Infallible> {
        let mut parts = text.split(',').filter(|part| !part.is_empty());
        let model = parts.next().unwrap_or("rv64");
        let xlen = if model.starts_with("rv32") { Xlen::Rv32 } else { Xlen::Rv64 };
        let mut cpu = Cpu { text: text.into(), ..Cpu::of(xlen) };
        match model {
            "rv64" | "rv32" => {}
            // The bare model has nothing that is not asked for; of G and C ours has all the same.
            "rv64i" | "rv32i" => cpu.isa.extensions = Extensions::NONE,
            model => cpu.unknown.push(model.into()),
        }
        parts.for_each(|property| cpu.set(property));
        Ok(cpu)
    }
}

/// As it was given, in QEMU's syntax.
impl fmt::Display for Cpu {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Cpu {
        text.parse().unwrap_or_else(|never| match never {})
    }

    #[test]
    fn properties_change_the_model() {
        let cpu = parsed("rv64,h=off,Zba=false,svpbmt=on,zicond");
        let has = |extension| cpu.extensions().has(extension);
        assert!(!has(Extension::Hypervisor) && !has(Extension::Zba) && has(Extension::Zbb));
        assert!(has(Extension::Svpbmt) && has(Extension::Zicond));
        assert_eq!(cpu.unknown(), [""; 0]);
        assert_eq!(cpu.to_string(), "rv64,h=off,Zba=false,svpbmt=on,zicond");
        assert_eq!(cpu.with(Extension::Zbb, false), parsed("rv64,h=off,Zba=false,svpbmt=on,zicond,zbb=off"));
        assert_eq!(parsed("rv64"), Cpu::default());
        assert_eq!(parsed("rv32"), Cpu::of(Xlen::Rv32));
        assert_eq!(parsed("rv32,zbb=off").isa().xlen, Xlen::Rv32);
    }

    #[test]
    fn what_is_not_known_is_kept() {
        assert_eq!(parsed("rv64,vlen=256,m=off,m=on").unknown(), ["vlen=256", "m=off"]);
        assert_eq!(parsed("sifive-u54").unknown(), ["sifive-u54"]);
        assert_eq!(parsed("rv64i,zba=on").extensions(), Extensions::of(&[Extension::Zba]));
    }
}
