//! The facts of a finding, for programs: each has a name and a value with a type. It does not know how they are written.

use std::ops::Index;
use std::time::Duration;

use crate::riscv::Address;

/// The value of a fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// What nobody knows.
    Unknown,
    /// Yes or no.
    Flag(bool),
    /// How many; of sizes, bytes.
    Count(u64),
    /// An address.
    Address(Address),
    /// What a register holds.
    Register(u64),
    /// A time.
    Time(Duration),
    /// Text.
    Text(String),
    /// Several facts.
    List(Vec<Fact>),
    /// Named facts.
    Record(Facts),
}

/// Facts by name, in the order in which they were set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(Vec<(&'static str, Fact)>);

impl Facts {
    /// A fact that is set already keeps its place.
    pub fn set(&mut self, name: &'static str, fact: impl Into<Fact>) {
        let fact = fact.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = fact,
            None => self.0.push((name, fact)),
        }
    }

    /// As [`Facts::set`], for each of the others.
    pub fn append(&mut self, others: Facts) {
        others.0.into_iter().for_each(|(name, fact)| self.set(name, fact));
    }

    /// The fact with this name.
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, fact)| fact)
    }

    /// All facts with their names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Fact)> {
        self.0.iter().map(|(name, fact)| (*name, fact))
    }
}

impl<const N: usize> From<[(&'static str, Fact); N]> for Facts {
    fn from(facts: [(&'static str, Fact); N]) -> Facts {
        Facts(facts.into())
    }
}

/// A fact that was not set is [`Fact::Unknown`].
impl Index<&str> for Facts {
    type Output = Fact;

    fn index(&self, name: &str) -> &Fact {
        self.get(name).unwrap_or(&Fact::Unknown)
    }
}

impl Fact {
    /// The number of a count.
    pub fn count(&self) -> Option<u64> {
        if let Fact::Count(count) = self { Some(*count) } else { None }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Fact::Text(text) = self { Some(text) } else { None }
    }

    /// The facts of a list; none for another fact.
    pub fn list(&self) -> &[Fact] {
        if let Fact::List(facts) = self { facts } else { &[] }
    }
}

macro_rules! count_from {
    ($($number:ty),*) => {
        $(impl From<$number> for Fact {
            fn from(count: $number) -> Fact {
                Fact::Count(count as u64)
            }
        })*
    };
}

count_from!(u8, u32, u64, usize);

impl From<bool> for Fact {
    fn from(flag: bool) -> Fact {
        Fact::Flag(flag)
    }
}

impl From<Address> for Fact {
    fn from(address: Address) -> Fact {
        Fact::Address(address)
    }
}

impl From<Duration> for Fact {
    fn from(time: Duration) -> Fact {
        Fact::Time(time)
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Fact {
        Fact::Text(text.into())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Fact {
        Fact::Text(text)
    }
}

impl From<Facts> for Fact {
    fn from(facts: Facts) -> Fact {
        Fact::Record(facts)
    }
}

impl<T: Into<Fact>> From<Vec<T>> for Fact {
    fn from(facts: Vec<T>) -> Fact {
        Fact::List(facts.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Fact>> From<Option<T>> for Fact {
    fn from(fact: Option<T>) -> Fact {
        fact.map_or(Fact::Unknown, Into::into)
    }
}

impl PartialEq<u64> for Fact {
    fn eq(&self, count: &u64) -> bool {
        self.count() == Some(*count)
    }
}

impl PartialEq<&str> for Fact {
    fn eq(&self, text: &&str) -> bool {
        self.text() == Some(text)
    }
}
