//! Target descriptions: which number a stub gives to which register. Names are kept as the stub spells them.
//!
//! Source: the GDB manual, appendix "Target Descriptions".

use roxmltree::{Document, Node};

/// A stub's registers, in all the documents that its target description includes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// `riscv:rv64`; empty where the stub does not say.
    pub architecture: String,
    pub registers: Vec<FeatureRegister>,
}

/// One `<reg>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureRegister {
    /// The feature that it is part of: `org.gnu.gdb.riscv.cpu`.
    pub feature: String,
    pub name: String,
    /// What `p` and `P` call it.
    pub number: u32,
    /// Its size.
    pub bits: u32,
}

/// A file to read next, or what is wrong with this one.
type Read<'a> = dyn FnMut(&str) -> Result<String, super::Error> + 'a;

/// Why a description is of no use.
#[derive(Debug)]
pub(super) enum Fault {
    Stub(super::Error),
    Malformed(String),
}

/// How many documents a description may consist of; a circle of includes ends here.
const DOCUMENTS: usize = 32;

impl Description {
    /// Reads target.xml and all that it includes.
    pub(super) fn read(read: &mut Read<'_>) -> Result<Description, Fault> {
        let mut description = Description::default();
        description.add("target.xml", read, &mut 0)?;
        Ok(description)
    }

    fn add(&mut self, annex: &str, read: &mut Read<'_>, documents: &mut usize) -> Result<(), Fault> {
        *documents += 1;
        if *documents > DOCUMENTS {
            return Err(Fault::Malformed(format!("more than {DOCUMENTS} documents include one another")));
        }
        let text = read(annex).map_err(Fault::Stub)?;
        // GDB's documents begin with a DTD; roxmltree bounds what entities may expand to.
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = Document::parse_with_options(&text, options)
            .map_err(|error| Fault::Malformed(format!("{annex} is not XML: {error}")))?;
        for node in document.descendants() {
            match node.tag_name().name() {
                "architecture" => self.architecture = node.text().unwrap_or_default().trim().to_owned(),
                "include" => {
                    let file = node.attribute("href").unwrap_or_default().to_owned();
                    self.add(&file, read, documents)?;
                }
                "reg" => self.add_register(node, annex)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn add_register(&mut self, node: Node<'_, '_>, annex: &str) -> Result<(), Fault> {
        let malformed = |what: &str| Fault::Malformed(format!("{annex}: a register {what}"));
        let name = node.attribute("name").ok_or_else(|| malformed("without a name"))?;
        let bits = node.attribute("bitsize").and_then(|bits| bits.parse().ok());
        let bits = bits.ok_or_else(|| malformed("without a size in bits"))?;
        // Without a number of its own, a register follows the one before it.
        let number = match node.attribute("regnum") {
            Some(number) => number.parse().map_err(|_| malformed("whose number is none"))?,
            None => match self.registers.last() {
                Some(last) => last.number.checked_add(1).ok_or_else(|| malformed("past the last number"))?,
                None => 0,
            },
        };
        let feature = node.parent().and_then(|feature| feature.attribute("name")).unwrap_or_default().to_owned();
        self.registers.push(FeatureRegister { feature, name: name.to_owned(), number, bits });
        Ok(())
    }

    /// The register of that name.
    pub fn register(&self, name: &str) -> Option<&FeatureRegister> {
        self.registers.iter().find(|register| register.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Description, Fault> {
        Description::read(&mut |annex| {
            let file = files.iter().find(|(name, _)| *name == annex);
            Ok(file.map(|(_, text)| (*text).to_owned()).unwrap_or_default())
        })
    }

    #[test]
    fn included_registers_go_on_counting_unless_they_are_numbered() {
        let description = read(&[
            (
                "target.xml",
                r#"<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">
                <target><architecture>riscv:rv64</architecture>
                <xi:include href="cpu.xml" xmlns:xi="http://www.w3.org/2001/XInclude"/></target>"#,
            ),
            (
                "cpu.xml",
                r#"<feature name="cpu"><reg name="zero" bitsize="64"/><reg name="ra" bitsize="64"/>
                <reg name="satp" bitsize="64" regnum="450"/><reg name="next" bitsize="8"/></feature>"#,
            ),
        ])
        .unwrap();
        assert_eq!(description.architecture, "riscv:rv64");
        let numbers: Vec<_> = description.registers.iter().map(|register| register.number).collect();
        assert_eq!(numbers, [0, 1, 450, 451]);
        assert_eq!(description.register("satp").unwrap().feature, "cpu");
    }

    #[test]
    fn a_circle_of_includes_ends() {
        let circle = r#"<target><include href="target.xml"/></target>"#;
        assert!(matches!(read(&[("target.xml", circle)]), Err(Fault::Malformed(_))));
    }

    #[test]
    fn what_is_no_description_is_malformed() {
        for text in
            ["", "OK", "<target>", r#"<target><reg/></target>"#, r#"<target><reg name="a" bitsize="x"/></target>"#]
        {
            assert!(matches!(read(&[("target.xml", text)]), Err(Fault::Malformed(_))), "{text}");
        }
    }
}
