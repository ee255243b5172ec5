//! Parses target descriptions: the stub's number for each register. Names are kept as the stub spells them.
//!
//! Source: the GDB manual, appendix "Target Descriptions".

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A stub's registers, from all documents that its target description includes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// `riscv:rv64`; empty if the stub does not tell.
    pub architecture: String,
    /// The registers, in the description's order.
    pub registers: Vec<FeatureRegister>,
}

/// One `<reg>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureRegister {
    /// Its feature: `org.gnu.gdb.riscv.cpu`.
    pub feature: String,
    /// Its name, in the stub's spelling.
    pub name: String,
    /// Its number in `p` and `P`.
    pub number: u32,
    /// Its size in bits.
    pub bits: u32,
}

/// Reads a document of this name; or the error.
type Read<'a> = dyn FnMut(&str) -> Result<String, super::Error> + 'a;

/// Why a description cannot be used.
#[derive(Debug)]
pub(super) enum DescriptionError {
    Stub(super::Error),
    Malformed(String),
}

/// How many documents a description may have. This ends a cycle of includes.
const DOCUMENTS: usize = 32;

impl Description {
    /// Reads target.xml and the documents that it includes.
    pub(super) fn read(read: &mut Read<'_>) -> Result<Description, DescriptionError> {
        let mut description = Description::default();
        description.add("target.xml", read, &mut 0)?;
        Ok(description)
    }

    fn add(&mut self, annex: &str, read: &mut Read<'_>, documents: &mut usize) -> Result<(), DescriptionError> {
        *documents += 1;
        if *documents > DOCUMENTS {
            return Err(DescriptionError::Malformed(format!("more than {DOCUMENTS} documents include one another")));
        }
        let text = read(annex).map_err(DescriptionError::Stub)?;
        let malformed = |what: &str| DescriptionError::Malformed(format!("{annex}: {what}"));
        // Use events, not a tree: QEMU's document uses the prefix `xi` without declaring it.
        let mut reader = Reader::from_str(&text);
        let (mut feature, mut in_architecture) = (String::new(), false);
        let (mut elements, mut open) = (0, 0);
        loop {
            let event = reader.read_event().map_err(|error| malformed(&format!("not XML: {error}")))?;
            match &event {
                Event::Start(_) => open += 1,
                Event::End(_) => open -= 1,
                _ => {}
            }
            match event {
                Event::Start(element) | Event::Empty(element) => {
                    elements += 1;
                    match element.local_name().as_ref() {
                        b"feature" => feature = attribute(&element, "name").unwrap_or_default(),
                        b"include" => self.add(&attribute(&element, "href").unwrap_or_default(), read, documents)?,
                        b"reg" => self.add_register(&element, &feature).map_err(malformed)?,
                        b"architecture" => in_architecture = true,
                        _ => {}
                    }
                }
                Event::Text(text) if in_architecture => {
                    self.architecture = String::from_utf8_lossy(&text).trim().to_owned();
                    in_architecture = false;
                }
                Event::Eof if elements == 0 || open > 0 => return Err(malformed("not XML: it ends too early")),
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn add_register(&mut self, element: &BytesStart<'_>, feature: &str) -> Result<(), &'static str> {
        let name = attribute(element, "name").ok_or("a register without a name")?;
        let bits = attribute(element, "bitsize").and_then(|bits| bits.parse().ok());
        let bits = bits.ok_or("a register without a size in bits")?;
        // A register without a number follows the one before it.
        let number = match attribute(element, "regnum") {
            Some(number) => number.parse().map_err(|_| "a register whose number is invalid")?,
            None => match self.registers.last() {
                Some(last) => last.number.checked_add(1).ok_or("a register past the last number")?,
                None => 0,
            },
        };
        self.registers.push(FeatureRegister { feature: feature.into(), name, number, bits });
        Ok(())
    }

    /// The register of that name.
    pub fn register(&self, name: &str) -> Option<&FeatureRegister> {
        self.registers.iter().find(|register| register.name == name)
    }
}

/// An attribute's value. Escapes are not decoded, because registers and files have plain names.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    Some(String::from_utf8_lossy(&attribute.value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Description, DescriptionError> {
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
                <xi:include href="cpu.xml"/></target>"#,
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
        assert!(matches!(read(&[("target.xml", circle)]), Err(DescriptionError::Malformed(_))));
    }

    #[test]
    fn what_is_no_description_is_malformed() {
        for text in
            ["", "OK", "<target>", r#"<target><reg/></target>"#, r#"<target><reg name="a" bitsize="x"/></target>"#]
        {
            assert!(matches!(read(&[("target.xml", text)]), Err(DescriptionError::Malformed(_))), "{text}");
        }
    }
}
