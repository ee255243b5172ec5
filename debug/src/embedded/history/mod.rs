//! The machine's history: checkpoints, their pages, and going to another moment.
//!
//! It does not know why the machine goes back.

pub mod checkpoints;
pub mod pages;
pub mod seek;
