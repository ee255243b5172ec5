//! Kills at random moments: how many, from which seed, and what follows from a seed. It does not know who is killed.
//!
//! A hundred in a test; `KILLS=1000` makes more, and `KILLS_SEED=N` the same again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// So many at a time.
const WORKERS: usize = 3;

/// Numbers that look random (Marsaglia, "Xorshift RNGs").
pub struct Chance {
    /// What repeats it, in words.
    pub name: String,
    state: u64,
}

impl Chance {
    fn new(seed: u64, index: usize) -> Chance {
        let state = (seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1);
        let mut chance = Chance { name: format!("kill {index} of KILLS_SEED={seed}"), state };
        for _ in 0..4 {
            chance.below(1);
        }
        chance
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % bound
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// When to kill: 10 ms to 1 s after the start.
    pub fn moment(&mut self) -> Duration {
        Duration::from_millis(10 + self.below(991))
    }
}

/// Calls `kill` as often as the environment says, with the index.
///
/// # Panics
/// If one of the variables is no number.
pub fn at_random(kill: impl Fn(usize, &mut Chance) + Sync) {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let seed = number("KILLS_SEED", clock.as_nanos() as u64);
    let (count, next) = (number("KILLS", 100) as usize, AtomicUsize::new(0));
    println!("KILLS_SEED={seed}");
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    kill(index, &mut Chance::new(seed, index));
                }
            });
        }
    });
}

/// The number that the environment says, or `usual`.
fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}
