//! Does a recorded run again, and compares it with the digests. It does not know where the recording is.

use std::time::Duration;

use super::{Error, Kind, Noted, POINTS, Point, Recording};
use crate::embedded::{Change, Contents, Embedded};
use crate::machine::{Address, Register};

impl Recording {
    /// Does the run again on a machine at its start, which then stands where the recorded one stood.
    ///
    /// # Errors
    /// [`Error::Differs`]: the machine's run is another.
    pub fn play(&self, machine: &mut Embedded) -> Result<(), Error> {
        let mut changes = self.header.changes.iter().peekable();
        for point in &self.header.points {
            while let Some((at, noted)) = changes.next_if(|(at, _)| *at <= point.at) {
                self.run_to(machine, *at)?;
                self.change(machine, *at, noted)?;
            }
            self.run_to(machine, point.at)?;
            if let Some(what) = Point::of(point.at, machine.digest()).difference(point) {
                return Err(self.differs(point.at, what));
            }
        }
        self.come_to_rest(machine);
        Ok(())
    }

    /// Whether a machine's changes from outside, and its end, are those of the recorded run; else the first moment that differs.
    pub fn compare(&self, machine: &Embedded) -> Result<(), Error> {
        let mut others = machine.changes().iter();
        for (at, noted) in &self.header.changes {
            let Some((other_at, other)) = others.next() else { return Err(self.differs(*at, "what the checks do")) };
            if other_at != at || Some(other) != self.to_change(noted).as_ref() {
                return Err(self.differs((*at).min(*other_at), "what the checks do"));
            }
        }
        match others.next() {
            Some((at, _)) => Err(self.differs(*at, "what the checks do")),
            None if machine.icount() != self.header.end => {
                Err(self.differs(machine.icount().min(self.header.end), "the run's end"))
            }
            None => Ok(()),
        }
    }

    /// Does the run again without digests to compare, and takes them.
    pub(super) fn digests(&self, machine: &mut Embedded) -> Result<Vec<Point>, Error> {
        let end = self.header.end;
        let mut changes = self.header.changes.iter().peekable();
        let mut points = Vec::new();
        let mut moments: Vec<u64> =
            (1..=POINTS).map(|number| (u128::from(end) * u128::from(number) / u128::from(POINTS)) as u64).collect();
        moments.dedup();
        for at in moments {
            while let Some((when, noted)) = changes.next_if(|(when, _)| *when <= at) {
                self.run_to(machine, *when)?;
                self.change(machine, *when, noted)?;
            }
            self.run_to(machine, at)?;
            points.push(Point::of(at, machine.digest()));
        }
        Ok(points)
    }

    fn run_to(&self, machine: &mut Embedded, target: u64) -> Result<(), Error> {
        while machine.icount() < target {
            let before = machine.icount();
            machine.run_to(target, false, Duration::MAX);
            if machine.icount() == before {
                return Err(self.differs(before, "the end"));
            }
        }
        Ok(())
    }

    /// A fault is known only where the instruction was tried.
    fn come_to_rest(&self, machine: &mut Embedded) {
        if self.header.faulted {
            machine.run_to(self.header.end + 1, false, Duration::MAX);
        }
    }

    fn change(&self, machine: &mut Embedded, at: u64, noted: &Noted) -> Result<(), Error> {
        let made = self.to_change(noted).is_some_and(|change| machine.change(&change));
        if made { Ok(()) } else { Err(self.differs(at, "what can be changed")) }
    }

    fn to_change(&self, noted: &Noted) -> Option<Change> {
        Some(match noted {
            Noted::Input(blob) => Change::Input(self.blobs[*blob].clone()),
            Noted::Register(kind, number, value) => {
                let register = match kind {
                    Kind::Gpr => Register::Gpr(number_of(*number)?),
                    Kind::Fpr => Register::Fpr(number_of(*number)?),
                    Kind::Pc => Register::Pc,
                    Kind::Csr => Register::Csr(*number),
                    Kind::Privilege => Register::Priv,
                };
                Change::Register(register, *value)
            }
            Noted::Fill { start, physical, byte, length } => {
                Change::Memory { start: Address(*start), physical: *physical, bytes: Contents::Fill(*byte, *length) }
            }
            Noted::Memory { start, physical, blob } => Change::Memory {
                start: Address(*start),
                physical: *physical,
                bytes: Contents::Bytes(self.blobs[*blob].clone()),
            },
            Noted::Time(ticks) => Change::Time(*ticks),
            Noted::Guest(in_guest) => Change::Guest(*in_guest),
            Noted::Hart(number) => Change::Hart(*number),
            Noted::Held(harts) => Change::Held(*harts),
        })
    }
}

/// The number of one of 32 registers.
fn number_of(number: u16) -> Option<u8> {
    u8::try_from(number).ok().filter(|number| *number < 32)
}
