//! The machine's past: checkpoints, the pages that they keep, and moving to another moment.
//!
//! It does not know why somebody goes back.

pub mod checkpoints;
pub mod pages;
pub mod seek;
