//! `monitor world [any|host|guest]`: whose instructions breakpoints stop, a hypervisor's or its guest's. `monitor physical [on|off]`:
//! whether an address that nothing maps is a physical one.

use super::super::target::GdbTarget;
use super::Answer;
use crate::ask;
use crate::embedded::World;

/// Each world by the word for it, and what it means.
const WORLDS: [(&str, World, &str); 3] = [
    ("any", World::Any, "breakpoints stop the hypervisor and its guest"),
    ("host", World::Host, "breakpoints stop only the hypervisor (V = 0)"),
    ("guest", World::Guest, "breakpoints stop only the guest (V = 1)"),
];

impl GdbTarget {
    pub(super) fn physical(&mut self, word: Option<&str>) -> Answer {
        match word {
            Some("on") => self.set.physical = true,
            Some("off") => self.set.physical = false,
            Some(word) => return Err(format!("{word} is neither on nor off")),
            None => {}
        }
        Ok(match self.set.physical {
            true => "addresses that no page table maps are physical".into(),
            false => "all addresses are virtual".into(),
        })
    }

    pub(super) fn world(&mut self, word: Option<&str>) -> Answer {
        if let Some(word) = word {
            let asked = WORLDS.iter().find(|(known, ..)| *known == word);
            let (_, world, _) = asked.ok_or_else(|| format!("{word} is not a world: any, host or guest"))?;
            if *world != World::Any {
                ask::require_guests(&self.machine)?;
            }
            self.break_in(*world);
        }
        let meaning = WORLDS.iter().find(|(_, world, _)| *world == self.set.world).map(|(.., meaning)| *meaning);
        let here = if self.machine.is_in_guest() { "guest" } else { "host" };
        Ok(format!("{}; the hart executes the {here} now", meaning.unwrap_or_default()))
    }
}
