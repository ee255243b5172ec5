//! Whose turn it is on a machine with several harts, and for how many instructions. It follows from a seed, so a run is the same each time.
//!
//! It does not know harts: it is told which of them can go on.

use crate::machine::MOST_HARTS;

/// The length of a turn where all are alike: short for a lock that is waited for, long beside the cost of a change.
const TURN: u64 = 1000;
/// Where they are not: for some turns they have up to 2 to the power of a number up to this, from one instruction on; and for so many, in
/// powers of 2, the same hart is favoured or starved. So little time goes to short turns, and changes happen anywhere.
const LONGEST_TURN: u64 = 15;
const TURNS: std::ops::Range<u64> = 3..9;

/// The order in which harts execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// 0: turns of the same length, one hart after the other.
    seed: u64,
    /// From so many instructions on turns are as with the seed 0.
    until: u64,
    /// The state of the random numbers.
    random: u64,
    /// The hart whose turn it is.
    pub hart: usize,
    /// The turn's end, in instructions of all harts since the start.
    pub end: u64,
    /// The turns that are left before harts are weighed anew, and how long these are at most.
    turns: u64,
    longest: u64,
    /// How often each hart's turn comes. One with 0 waits until the others cannot go on, or for another mood.
    weights: [u8; MOST_HARTS],
    /// The harts that a debugger holds, a bit for each: they have no turns.
    pub held: u32,
}

impl Schedule {
    /// It begins with this hart. From `until` instructions on turns are as with the seed 0.
    pub fn new(seed: u64, until: u64, first: usize) -> Schedule {
        Schedule {
            seed,
            until,
            random: seed,
            hart: first,
            end: 0,
            turns: 0,
            longest: 1,
            weights: [1; MOST_HARTS],
            held: 0,
        }
    }

    /// Whether this hart may have turns.
    pub fn lets(&self, hart: usize) -> bool {
        self.held >> hart & 1 == 0
    }

    /// The hart that a firmware would draw as the one that boots, of so many.
    pub fn draw(seed: u64, harts: usize) -> usize {
        if seed == 0 { 0 } else { mixed(!seed) as usize % harts }
    }

    /// Begins the next turn, after `icount` instructions. `ready` has a bit for each hart that can go on, at least one.
    pub fn choose(&mut self, ready: u32, icount: u64) {
        let can_go_on = |hart: usize| ready >> hart & 1 != 0;
        if self.seed == 0 || icount >= self.until {
            let next =
                (1..=MOST_HARTS).map(|distance| (self.hart + distance) % MOST_HARTS).find(|hart| can_go_on(*hart));
            self.hart = next.unwrap_or(self.hart);
            self.end = icount + TURN;
            return;
        }
        if self.turns == 0 {
            self.weigh();
        }
        self.turns -= 1;
        let weight =
            |weights: &[u8; MOST_HARTS], hart: usize| if can_go_on(hart) { u64::from(weights[hart]) } else { 0 };
        let total: u64 = (0..MOST_HARTS).map(|hart| weight(&self.weights, hart)).sum();
        if total == 0 {
            // All that can go on are starved: one of them does.
            let place = self.below(ready.count_ones().into());
            self.hart = (0..MOST_HARTS).filter(|hart| can_go_on(*hart)).nth(place as usize).unwrap_or(self.hart);
        } else {
            let mut left = self.below(total);
            for hart in 0..MOST_HARTS {
                let weight = weight(&self.weights, hart);
                if left < weight {
                    self.hart = hart;
                    break;
                }
                left -= weight;
            }
        }
        self.end = icount + 1 + self.below(self.longest);
    }

    /// Each hart is starved, treated as others are, or favoured.
    fn weigh(&mut self) {
        for hart in 0..MOST_HARTS {
            self.weights[hart] = [0, 1, 1, 8][self.below(4) as usize];
        }
        self.longest = 1 << self.below(LONGEST_TURN + 1);
        self.turns = 1 << (TURNS.start + self.below(TURNS.end - TURNS.start));
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.random) % bound
    }
}

/// The output function of SplitMix64.
fn mixed(state: u64) -> u64 {
    let state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ state >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The harts of so many turns, and their lengths.
    fn turns(seed: u64, ready: u32, count: usize) -> Vec<(usize, u64)> {
        let (mut schedule, mut icount) = (Schedule::new(seed, u64::MAX, 0), 0);
        let mut turn = || {
            schedule.choose(ready, icount);
            let length = schedule.end - icount;
            icount = schedule.end;
            (schedule.hart, length)
        };
        (0..count).map(|_| turn()).collect()
    }

    #[test]
    fn without_a_seed_those_that_can_go_on_take_turns_of_the_same_length() {
        assert_eq!(turns(0, 0b1101, 5), [2, 3, 0, 2, 3].map(|hart| (hart, TURN)));
    }

    #[test]
    fn a_seed_makes_long_and_short_turns_starves_and_favours() {
        for seed in 1..20 {
            let turns = turns(seed, 0b1111, 20_000);
            assert!((0..4).all(|hart| turns.iter().any(|turn| turn.0 == hart)), "seed {seed}: one never came");
            assert!(turns.iter().any(|turn| turn.1 == 1) && turns.iter().any(|turn| turn.1 > 8000), "seed {seed}");
            let starved = (0..4).any(|hart| turns.windows(50).any(|some| some.iter().all(|turn| turn.0 != hart)));
            let favoured = (0..4).any(|hart| turns.windows(20).any(|some| some.iter().all(|turn| turn.0 == hart)));
            assert!(starved && favoured, "seed {seed}: {starved} {favoured}");
        }
    }

    #[test]
    fn only_those_that_can_go_on_come() {
        assert!(turns(7, 0b0110, 5000).iter().all(|turn| turn.0 == 1 || turn.0 == 2));
    }

    #[test]
    fn each_hart_is_drawn_by_some_seed() {
        let drawn: Vec<usize> = (1..40).map(|seed| Schedule::draw(seed, 4)).collect();
        assert!((0..4).all(|hart| drawn.contains(&hart)), "{drawn:?}");
        assert_eq!(Schedule::draw(0, 4), 0);
    }

    #[test]
    fn from_a_moment_on_turns_are_those_of_seed_0() {
        let (mut whole, mut cut) = (Schedule::new(5, u64::MAX, 0), Schedule::new(5, 10_000, 0));
        let mut icount = 0;
        while icount < 10_000 {
            whole.choose(0b11, icount);
            cut.choose(0b11, icount);
            assert_eq!((whole.hart, whole.end), (cut.hart, cut.end));
            icount = whole.end;
        }
        let last = cut.hart;
        cut.choose(0b11, icount);
        assert_eq!((cut.hart, cut.end), (1 - last, icount + TURN));
    }
}
