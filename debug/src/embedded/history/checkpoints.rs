//! Checkpoints of the machine. They share unchanged pages, and old ones are removed to keep within a limit of memory.
//!
//! Moments between checkpoints are reached by executing again; the machine is deterministic, so this is exact. Changes from outside
//! are kept: typed input with its instruction count (by the console), changes of registers and memory as pinned checkpoints. It does
//! not know why the machine goes back.

use std::ops::RangeInclusive;

use crate::embedded::board::Board;
use crate::embedded::bus::console;
use crate::embedded::bus::devices;
use crate::embedded::bus::memory::{Ended, Memory};
use crate::embedded::bus::ram::PAGE;
use crate::embedded::harts;
use crate::embedded::history::pages::Pages;

/// Instructions between the newest checkpoints: the more of them, the longer the run is, up to about a millisecond of execution.
const INTERVALS: RangeInclusive<u64> = 100_000..=1_000_000;
/// Executing this many instructions takes about twenty times as long as keeping a page. So the history costs a twentieth.
const INSTRUCTIONS_PER_DIRTY_PAGE: u64 = 12_000;
/// A checkpoint is needed if its neighbours are further apart than this fraction of its age, or than [`LONGEST_GAP`]. To keep more makes
/// a way back shorter, and takes memory that was not used before, which costs the host more time than to copy a page.
const AGE_PER_GAP: u64 = 16;
/// A search back is heard after each stretch between two checkpoints: these are some thirty milliseconds.
const LONGEST_GAP: u64 = 32_000_000;
/// How often, in checkpoints, the old ones are thinned. Their memory is for the next ones.
const THINNING_PERIOD: usize = 16;

struct Checkpoint {
    icount: u64,
    state: Box<State>,
    /// The pages that have a version from here on.
    pages: Vec<u32>,
    /// A change from outside: executing does not lead here.
    pinned: bool,
}

/// All but memory.
struct State {
    wfi_skipped: u64,
    traps: u64,
    harts: harts::State,
    devices: devices::State,
    console: console::Position,
    ended: Option<Ended>,
}

impl State {
    fn of(board: &Board) -> State {
        State {
            wfi_skipped: board.wfi_skipped,
            traps: board.traps,
            harts: board.harts_state(),
            devices: board.memory.devices.state(),
            console: board.memory.devices.uart.console.position(),
            ended: board.memory.ended,
        }
    }

    fn restore(&self, board: &mut Board) {
        board.wfi_skipped = self.wfi_skipped;
        board.traps = self.traps;
        board.tasks.forget();
        board.memory.devices.uart.console.set_position(self.console);
        board.memory.devices.restore(&self.devices);
        board.memory.ended = self.ended;
        board.restore_harts(&self.harts);
    }
}

pub struct History {
    /// In the order of time; never empty.
    checkpoints: Vec<Checkpoint>,
    pages: Pages,
    /// RAM equals this checkpoint, except for the dirty pages.
    base: u64,
    /// A moment that must be kept, because the caller returns to it.
    kept: u64,
    /// In bytes.
    bound: usize,
    /// When a checkpoint was last left out because it did not fit.
    left_out: u64,
    since_thinning: usize,
}

impl History {
    /// The history of a machine that has not run yet.
    pub fn new(board: &mut Board, bound: usize) -> History {
        let pages = Pages::new(board.memory.ram_pages());
        let mut history = History {
            checkpoints: Vec::new(),
            pages,
            base: board.icount,
            kept: 0,
            bound,
            left_out: 0,
            since_thinning: 0,
        };
        history.record(board, true);
        history
    }

    /// The earliest moment that can be reached.
    pub fn beginning(&self) -> u64 {
        self.checkpoints[0].icount
    }

    /// The latest checkpoint.
    pub fn newest(&self) -> u64 {
        self.checkpoints[self.checkpoints.len() - 1].icount
    }

    /// The last checkpoint at or before `icount`.
    pub fn at_or_before(&self, icount: u64) -> Option<u64> {
        let after = self.checkpoints.partition_point(|checkpoint| checkpoint.icount <= icount);
        self.checkpoints[..after].last().map(|checkpoint| checkpoint.icount)
    }

    /// The kernel's traps until then, at a checkpoint that is exactly at `icount`.
    pub fn traps_until(&self, icount: u64) -> Option<u64> {
        let index = self.checkpoints.binary_search_by_key(&icount, |checkpoint| checkpoint.icount).ok()?;
        Some(self.checkpoints[index].state.traps)
    }

    /// The next change from outside after `icount`.
    pub fn next_pinned(&self, icount: u64) -> Option<u64> {
        let after = self.checkpoints.partition_point(|checkpoint| checkpoint.icount <= icount);
        self.checkpoints[after..].iter().find(|checkpoint| checkpoint.pinned).map(|checkpoint| checkpoint.icount)
    }

    /// When to make the next checkpoint: later if many pages were written since the last.
    pub fn due(&self, board: &Board) -> u64 {
        if self.bound == 0 {
            return u64::MAX;
        }
        let dirty = board.memory.dirty_count() as u64;
        let last = self.newest().max(self.left_out);
        let interval = (last / AGE_PER_GAP).clamp(*INTERVALS.start(), *INTERVALS.end());
        last.saturating_add(interval.max(dirty.saturating_mul(INSTRUCTIONS_PER_DIRTY_PAGE)))
    }

    /// The memory of all checkpoints in bytes.
    pub fn bytes(&self) -> usize {
        self.pages.bytes()
            + self.checkpoints.iter().map(|checkpoint| checkpoint.state.harts.bytes()).sum::<usize>()
            + self.checkpoints.len() * (size_of::<Checkpoint>() + size_of::<State>())
    }

    /// The pages that were ever written, in order.
    pub fn changed_pages(&self, memory: &Memory) -> Vec<u32> {
        let ram = memory.ram_pages() as u32;
        let mut pages = self.pages.with_versions();
        pages.extend((0..ram).filter(|page| memory.is_dirty(*page)));
        pages.extend(memory.written_pages());
        pages.sort_unstable();
        pages.dedup();
        pages
    }

    /// Makes a checkpoint of the present, unless it alone would take more than the history may.
    pub fn record_if_it_fits(&mut self, board: &mut Board) {
        let memory = &board.memory;
        let fits = |others: usize| (others + memory.dirty_count()) * PAGE <= self.bound;
        // Counting takes a while, and is not needed where all that ever changed fits.
        if fits(self.pages.changed()) || fits(self.pages.count_at(self.base, |page| !memory.is_dirty(page))) {
            self.record(board, false);
        } else {
            self.left_out = board.icount;
        }
    }

    /// Makes a checkpoint now, and replaces one at the same moment.
    pub fn record(&mut self, board: &mut Board, pinned: bool) {
        let now = board.icount;
        let index = self.checkpoints.partition_point(|checkpoint| checkpoint.icount < now);
        let known = self.checkpoints.get(index).filter(|checkpoint| checkpoint.icount == now);
        let pinned = pinned || known.is_some_and(|checkpoint| checkpoint.pinned);
        let mut pages = known.map(|checkpoint| checkpoint.pages.clone()).unwrap_or_default();
        let following = index + usize::from(known.is_some());
        for page in board.memory.take_dirty() {
            if board.memory.page_is(page, self.pages.at(page, now)) {
                continue;
            }
            if let Some(next) = self.checkpoints.get_mut(following)
                && !self.pages.begins_at(page, next.icount)
            {
                // The next checkpoint had the same contents as the one before this.
                self.pages.insert(page, next.icount, self.pages.share(page, now));
                next.pages.push(page);
            }
            if !self.pages.begins_at(page, now) {
                pages.push(page);
            }
            self.pages.keep(page, now, &board.memory);
        }
        board.memory.notice_stores();
        let checkpoint = Checkpoint { icount: now, state: Box::new(State::of(board)), pages, pinned };
        if following > index {
            self.checkpoints[index] = checkpoint;
        } else {
            self.checkpoints.insert(index, checkpoint);
        }
        self.base = now;
        self.thin(now);
    }

    /// Makes sure that the current moment can be reached again, even if checkpoints are removed.
    pub fn keep_present(&mut self, board: &mut Board) {
        self.kept = board.icount;
        if self.at_or_before(board.icount) != Some(board.icount) {
            self.record(board, false);
        }
    }

    /// Goes to the checkpoint that is exactly at `icount`.
    pub fn restore(&mut self, board: &mut Board, icount: u64) {
        let index = self
            .checkpoints
            .binary_search_by_key(&icount, |checkpoint| checkpoint.icount)
            .expect("callers name a checkpoint that at_or_before or next_pinned gave");
        let between = icount.min(self.base)..icount.max(self.base);
        let first = self.checkpoints.partition_point(|checkpoint| checkpoint.icount <= between.start);
        let end = self.checkpoints.partition_point(|checkpoint| checkpoint.icount <= between.end);
        let mut changed = board.memory.take_dirty();
        changed.extend(self.checkpoints[first..end].iter().flat_map(|checkpoint| &checkpoint.pages));
        changed.sort_unstable();
        changed.dedup();
        for page in changed {
            board.memory.restore_page(page, self.pages.share(page, icount));
        }
        board.icount = icount;
        self.checkpoints[index].state.restore(board);
        self.base = icount;
    }

    /// Forgets everything after `icount`.
    pub fn forget_after(&mut self, icount: u64) {
        self.left_out = self.left_out.min(icount);
        while self.checkpoints.len() > 1 && self.newest() > icount {
            let checkpoint = self.checkpoints.pop().expect("there is more than one");
            for page in checkpoint.pages {
                self.pages.remove(page, checkpoint.icount);
            }
        }
    }

    /// Removes checkpoints that are close to others, relative to their age; more of them if memory is over the limit.
    fn thin(&mut self, now: u64) {
        self.since_thinning += 1;
        if self.since_thinning >= THINNING_PERIOD {
            self.since_thinning = 0;
            let mut index = 1;
            while index + 1 < self.checkpoints.len() {
                if self.is_removable(index) && self.gap(index) <= (self.age(index, now) / AGE_PER_GAP).min(LONGEST_GAP)
                {
                    self.remove(index);
                }
                index += 1;
            }
        }
        while self.bytes() > self.bound && self.checkpoints.len() > 2 {
            if self.pages.drop_spare() {
                continue;
            }
            let needless = |index: &usize| self.age(*index, now) as f64 / self.gap(*index) as f64;
            let candidates = (1..self.checkpoints.len() - 1).filter(|index| self.is_removable(*index));
            match candidates.max_by(|one, other| needless(one).total_cmp(&needless(other))) {
                Some(index) => self.remove(index),
                // Only changes from outside are left, so the history starts later.
                None if self.checkpoints[0].icount != self.base => self.remove(0),
                None => return,
            }
        }
    }

    fn is_removable(&self, index: usize) -> bool {
        let checkpoint = &self.checkpoints[index];
        !checkpoint.pinned && checkpoint.icount != self.base && checkpoint.icount != self.kept
    }

    fn gap(&self, index: usize) -> u64 {
        self.checkpoints[index + 1].icount - self.checkpoints[index - 1].icount
    }

    fn age(&self, index: usize, now: u64) -> u64 {
        now.abs_diff(self.checkpoints[index].icount)
    }

    /// Moves pages that only this checkpoint has to the next one.
    fn remove(&mut self, index: usize) {
        let checkpoint = self.checkpoints.remove(index);
        let next = &mut self.checkpoints[index];
        for page in checkpoint.pages {
            if self.pages.postpone(page, checkpoint.icount, next.icount) {
                next.pages.push(page);
            }
        }
    }
}
