//! Known encodings one by one, and all others beside a disassembler that was written by others.

mod assembled;
mod capstone;
mod effect;
