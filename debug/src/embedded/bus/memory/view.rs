//! What one hart knows of memory, kept while another executes. It does not know when harts change.

use super::Memory;
use crate::embedded::bus::protection::Protection;
use crate::embedded::bus::tlb::Tlb;
use crate::embedded::bus::translate::Context;
use crate::embedded::hart::state::Hart;
use crate::machine::OtherHart;

/// A parked hart's translations and protection.
pub struct View {
    context: Context,
    fetch_context: Context,
    protection: Protection,
    loads: Tlb,
    stores: Tlb,
    /// That of [`Memory`] when it was parked: all are to be looked up again where it has changed.
    generation: u64,
}

impl View {
    /// That of a hart that has accessed nothing yet.
    pub fn of(hart: &Hart) -> View {
        let (loads, stores) = (Tlb::new(), Tlb::new());
        let (context, fetch_context) = (Context::of_data(hart), Context::of(hart));
        let mut view = View { context, fetch_context, protection: Protection::Firmware, loads, stores, generation: 0 };
        view.loads.select(context.privilege);
        view.stores.select(context.privilege);
        view
    }

    /// Forgets every translation.
    pub fn forget(&mut self) {
        self.loads.flush();
        self.stores.flush();
    }
}

impl Memory {
    /// Takes this hart's view, and leaves that of the other in its place.
    pub fn exchange(&mut self, view: &mut View) {
        std::mem::swap(&mut self.context, &mut view.context);
        std::mem::swap(&mut self.fetch_context, &mut view.fetch_context);
        std::mem::swap(&mut self.protection, &mut view.protection);
        std::mem::swap(&mut self.loads, &mut view.loads);
        std::mem::swap(&mut self.stores, &mut view.stores);
        if std::mem::replace(&mut view.generation, self.generation) != self.generation {
            self.flush();
        }
    }

    /// All harts forget every translation: what accesses have to be noticed has changed.
    pub fn flush_everywhere(&mut self) {
        self.generation += 1;
        self.flush();
    }

    /// Says which hart executes, if it is not the one that is observed: of that, only some accesses are recorded.
    pub fn set_other(&mut self, other: Option<OtherHart>) {
        self.other = other;
    }
}
