//! Why there is no recording, or none that can be replayed, in words for a person.

use std::path::PathBuf;

use super::file;

/// Why there is no recording, or none that can be replayed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the recording {}: {cause}; try: check that the file exists and can be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        cause: std::io::Error,
    },

    /// It is not a recording.
    #[error("{} is not a recording; try: a file that was recorded by this command", .0.display())]
    NotARecording(PathBuf),

    /// It was written by a version that this one does not know.
    #[error("{} is a recording of schema {schema}, and this version knows {known}; try: the version that wrote it, or a later one", path.display(), known = file::SCHEMA)]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: u32,
    },

    /// A part of it is missing or was changed.
    #[error("the recording {} is damaged: {what}; try: copy it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },

    /// A device's file is not what it was.
    #[error("the run needs {} as it was when it was recorded (SHA-256 {hash}): {what}; try: put it there", path.display())]
    Device {
        /// The file.
        path: PathBuf,
        /// The SHA-256 of its content, in hexadecimal.
        hash: String,
        /// What is there instead.
        what: String,
    },

    /// The run is another one.
    #[error(
        "this version's machine does not repeat the recorded run: at instruction {at} of {end} {what} is not as recorded; try: the version that recorded it, {program}"
    )]
    Differs {
        /// The point, in instructions.
        at: u64,
        /// The run's length.
        end: u64,
        /// What differs.
        what: &'static str,
        /// The version that recorded it.
        program: String,
    },

    /// The hart is one that this version does not have.
    #[error(
        "the recorded run is of the CPU {cpu}, of which this version does not know {property}; try: the version that recorded it, {program}"
    )]
    Cpu {
        /// Its name.
        cpu: String,
        /// What is unknown of it.
        property: String,
        /// The version that recorded it.
        program: String,
    },

    /// It is more than a recording may hold.
    #[error("the run cannot be recorded: its files have {bytes} bytes, and a recording holds at most {most}; try: a smaller initrd", most = file::LARGEST)]
    TooLarge {
        /// All files together.
        bytes: u64,
    },

    /// The kernel cannot be loaded.
    #[error(transparent)]
    Machine(#[from] crate::embedded::Error),

    /// A file of a device cannot be kept.
    #[error("cannot record {}: {cause}", path.display())]
    Keep {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        cause: std::io::Error,
    },

    /// The files of the recording cannot be put anywhere.
    #[error("cannot write the recording's files to the folder for temporary files: {0}; try: TMPDIR=FOLDER")]
    Unpack(std::io::Error),
}
