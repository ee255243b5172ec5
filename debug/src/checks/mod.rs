//! The checks of a boot, and what they find. They know neither sockets nor printing, nor which machine it is.

mod finding;

pub use finding::{Finding, Status};
