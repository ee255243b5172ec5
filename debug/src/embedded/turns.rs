//! Harts take turns: the one whose turn it is, is selected and executes. A change of the turn ends a reservation of `lr`, because any other
//! hart's store may come then.
//!
//! It does not know what they execute.

use crate::embedded::board::Board;
use crate::embedded::hart::state::{Hart, Lifecycle};
use crate::embedded::harts::State;
use crate::embedded::run::StopAt;
use crate::machine::MOST_HARTS;
use crate::machine::{Address, OtherHart, Stop};
use crate::riscv::Register;

impl Board {
    /// Makes this hart the one whose registers and addresses are seen. That changes nothing that any hart could notice.
    pub fn select(&mut self, number: usize) {
        let Some(index) = self.harts.parked.iter().position(|parked| parked.hart.number == number) else { return };
        let executed = self.icount - self.hart.away;
        let parked = &mut self.harts.parked[index];
        std::mem::swap(&mut self.hart, &mut parked.hart);
        self.hart.away = self.icount - std::mem::replace(&mut parked.executed, executed);
        self.memory.exchange(&mut parked.memory);
        self.code.exchange(&mut parked.code);
        if let Some(races) = &mut self.memory.races {
            races.select(number);
        }
        if let Some(followed) = self.harts.followed {
            let other = (number != followed).then(|| self.beside(followed));
            self.memory.set_other(other);
        }
    }

    /// The selected hart, as it is told beside the followed one.
    fn beside(&self, followed: usize) -> OtherHart {
        let sp = |hart: &Hart| Address(hart.x(Register::SP));
        let mut beside = OtherHart { hart: self.hart.id, followed_sp: None, others: [None; MOST_HARTS] };
        for hart in self.harts.others().filter(|hart| hart.lifecycle != Lifecycle::Stopped) {
            if hart.number == followed {
                beside.followed_sp = Some(sp(hart));
            } else {
                beside.others[hart.number] = Some((hart.id, sp(hart)));
            }
        }
        beside
    }

    /// Does something to each hart as if it were the only one; the same one is selected afterwards.
    pub fn each_hart(&mut self, mut change: impl FnMut(&mut Board)) {
        let selected = self.hart.number;
        for number in 0..self.harts.count() {
            self.select(number);
            change(self);
        }
        self.select(selected);
    }

    /// All harts, by their numbers.
    pub fn all_harts(&self) -> Vec<&Hart> {
        let mut all: Vec<&Hart> = self.harts.others().chain([&*self.hart]).collect();
        all.sort_unstable_by_key(|hart| hart.number);
        all
    }

    /// From now on the selected hart is followed.
    pub fn follow(&mut self) {
        if !self.harts.is_one() {
            self.harts.followed = Some(self.hart.number);
            self.memory.set_other(None);
            self.memory.flush_everywhere();
        }
    }

    pub fn followed(&self) -> Option<usize> {
        self.harts.followed
    }

    /// The followed hart is seen again.
    pub fn show_followed(&mut self) {
        if let Some(followed) = self.harts.followed {
            self.select(followed);
        }
    }

    /// The instructions that the selected hart has executed.
    pub fn executed_by_hart(&self) -> u64 {
        self.icount - self.hart.away
    }

    /// Those of any hart.
    pub fn executed_by(&self, number: usize) -> u64 {
        let parked = self.harts.parked.iter().find(|parked| parked.hart.number == number);
        parked.map_or_else(|| self.executed_by_hart(), |parked| parked.executed)
    }

    /// The selected hart does not stop at the breakpoint where it stands, whenever its turn comes.
    pub(super) fn pass(&mut self) {
        if !self.harts.is_one() {
            self.harts.passing = Some(self.hart.number);
        }
    }

    /// Selects the hart whose turn it is; false where nothing can be executed before time passes, which it has done.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] where nothing ends what they wait for.
    pub(super) fn take_turn(&mut self) -> Result<bool, Stop> {
        self.select(self.harts.schedule.hart);
        if self.icount < self.harts.schedule.end && !self.hart.waiting {
            return Ok(true);
        }
        let ready = self.ready();
        if ready == 0 {
            let next = self.next_event_of_all();
            if next == u64::MAX {
                return Err(Stop::Interrupted);
            }
            self.wfi_skipped += next.saturating_sub(self.icount);
            return Ok(false);
        }
        self.harts.before = Some((self.icount, self.harts.schedule.clone()));
        self.harts.schedule.choose(ready, self.icount);
        if self.harts.schedule.hart != self.hart.number {
            self.hart.reservation = None;
            self.select(self.harts.schedule.hart);
        }
        self.hart.wake();
        Ok(true)
    }

    /// The harts of these bits stand still from now on, the others take turns. Whether that is new.
    pub fn hold(&mut self, held: u32) -> bool {
        let is_new = std::mem::replace(&mut self.harts.schedule.held, held) != held;
        let (turn, shown) = (self.harts.schedule.hart, self.hart.number);
        let next = (0..self.harts.count()).find(|hart| self.harts.schedule.lets(*hart));
        if let Some(next) = next.filter(|_| !self.harts.schedule.lets(turn)) {
            self.select(turn);
            self.hart.reservation = None;
            self.select(shown);
            (self.harts.schedule.hart, self.harts.schedule.end) = (next, self.icount);
        }
        is_new
    }

    /// The hart that executes the next instruction, where no time has to pass before.
    pub fn next_to_execute(&self) -> Option<usize> {
        let (schedule, ready) = (&self.harts.schedule, self.ready());
        let waits = |hart: &Hart| hart.number == schedule.hart && hart.waiting;
        let waits = self.harts.others().chain([&*self.hart]).any(waits);
        if self.icount < schedule.end && !waits {
            return Some(schedule.hart);
        }
        let mut next = schedule.clone();
        (ready != 0).then(|| {
            next.choose(ready, self.icount);
            next.hart
        })
    }

    /// How far the selected hart may execute now, and where it stops.
    pub(super) fn limits_of_turn(&mut self, end: u64, stop_at: StopAt) -> (u64, StopAt) {
        if self.harts.is_one() {
            return (end, stop_at);
        }
        let number = self.hart.number;
        let mut end = end.min(self.harts.schedule.end);
        let is_followed = self.harts.followed.is_none_or(|followed| followed == number);
        if self.harts.followed == Some(number) && self.harts.own_end != u64::MAX {
            end = end.min(self.icount + self.harts.own_end.saturating_sub(self.executed_by_hart()));
        }
        let passes = self.harts.passing.take_if(|passing| *passing == number).is_some();
        match stop_at {
            StopAt::All if passes => (end.min(self.icount + 1), StopAt::Watchpoints),
            StopAt::All if !is_followed => (end, StopAt::Watchpoints),
            _ => (end, stop_at),
        }
    }

    /// Whether the followed hart has executed what it was to execute.
    pub(super) fn is_at_own_end(&self) -> bool {
        self.harts.own_end != u64::MAX
            && self.harts.followed == Some(self.hart.number)
            && self.executed_by_hart() >= self.harts.own_end
    }

    /// A run stopped: a turn in which nothing was executed has not begun.
    pub(super) fn end_run(&mut self) {
        if let Some((icount, schedule)) = self.harts.before.take()
            && icount == self.icount
        {
            self.harts.schedule = schedule;
        }
    }

    /// The harts that can go on: a bit for each.
    fn ready(&self) -> u32 {
        let goes_on = |hart: &Hart| !hart.waiting || self.pending_for(hart) & hart.sie != 0;
        self.those_with_turns().filter(|hart| goes_on(hart)).fold(0, |ready, hart| ready | 1 << hart.number)
    }

    /// All harts that nobody holds.
    fn those_with_turns(&self) -> impl Iterator<Item = &Hart> {
        self.harts.others().chain([&*self.hart]).filter(|hart| self.harts.schedule.lets(hart.number))
    }

    pub(super) fn next_event_of_all(&self) -> u64 {
        let timers = self.those_with_turns().map(|hart| self.next_timer_event_of(hart));
        timers.fold(self.next_device_event(), u64::min)
    }

    /// Whether all but the followed hart wait for what never comes by itself.
    pub fn others_wait(&self) -> bool {
        let followed = self.harts.followed.unwrap_or(self.hart.number);
        let others = || self.harts.others().chain([&*self.hart]).filter(|hart| hart.number != followed);
        self.ready() & !(1 << followed) == 0
            && self.next_device_event() == u64::MAX
            && others().all(|hart| self.next_timer_event_of(hart) == u64::MAX)
    }

    /// Whether all harts wait for what never comes.
    pub(super) fn all_wait_for_ever(&self) -> bool {
        self.ready() == 0 && self.next_event_of_all() == u64::MAX
    }

    /// All harts, for a checkpoint.
    pub fn harts_state(&self) -> State {
        let parked = self.harts.parked.iter().map(|parked| (Hart::clone(&parked.hart), parked.executed)).collect();
        // A turn that was chosen now is chosen again.
        let schedule = match &self.harts.before {
            Some((icount, schedule)) if *icount == self.icount => schedule.clone(),
            _ => self.harts.schedule.clone(),
        };
        State { selected: Hart::clone(&self.hart), parked, schedule }
    }

    pub fn restore_harts(&mut self, state: &State) {
        *self.hart = state.selected.clone();
        for (parked, (hart, executed)) in self.harts.parked.iter_mut().zip(&state.parked) {
            *parked.hart = hart.clone();
            parked.executed = *executed;
        }
        self.harts.schedule = state.schedule.clone();
        self.harts.before = None;
        // What is executed again would be found again.
        self.memory.races = None;
        self.each_hart(|board| {
            board.refresh_context();
            board.protect();
            board.flush_translations();
        });
        self.show_followed();
    }
}
