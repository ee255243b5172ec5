//! A file that determines a run of the embedded machine: the kernel, the options, what is plugged in, what came from outside and when, and
//! digests of the state at points on the way. It does not know who records, nor what is done with the run.

mod devices;
mod error;
mod file;
mod replay;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::embedded::{self, Change, ClockAnswers, Contents, Devices, Digest, Embedded, Options};
use crate::image::{Image, KernelFiles};
use crate::machine::{Address, Register};
use devices::Plugged;
pub use error::Error;

/// At how many points, besides the end, a recording has digests.
const POINTS: u64 = 16;

/// A recorded run.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    header: Header,
    /// What the header refers to by number.
    blobs: Vec<Vec<u8>>,
}

/// All but the contents of files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    /// The version that recorded it.
    program: String,
    kernel: Named,
    symbols: Option<Named>,
    load_address: Option<u64>,
    memory_mib: u64,
    append: Option<String>,
    initrd: Option<usize>,
    cpu: String,
    #[serde(default)]
    firmware: Firmware,
    #[serde(default)]
    harts: Harts,
    devices: Vec<Plugged>,
    modern: bool,
    #[serde(default)]
    semihosting: bool,
    changes: Vec<(u64, Noted)>,
    points: Vec<Point>,
    /// The run's length, in instructions.
    end: u64,
    /// It ended because the machine could not go on.
    faulted: bool,
    /// What the clock said to who made the run: [`ClockAnswers`].
    #[serde(default)]
    clock: Option<Clock>,
    /// What the one who recorded it needs to do the same again.
    purpose: serde_json::Value,
}

/// How many harts, in which order they execute, and which of them was to boot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Harts {
    count: usize,
    schedule: u64,
    until: Option<u64>,
    boot: Option<u64>,
}

impl Default for Harts {
    fn default() -> Harts {
        Harts { count: 1, schedule: 0, until: None, boot: None }
    }
}

/// What is below the kernel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Firmware {
    #[default]
    Host,
    None,
    Code(Named),
}

/// What [`ClockAnswers`] has.
type Clock = (Vec<(u64, u64)>, Vec<u64>);

/// The content of a file, and its name without folders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Named {
    name: String,
    blob: usize,
}

/// A digest at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    at: u64,
    hart: u32,
    memory: u32,
    console: u32,
}

impl Point {
    fn of(at: u64, digest: Digest) -> Point {
        Point { at, hart: digest.hart, memory: digest.memory, console: digest.console }
    }

    /// What is different at the same moment.
    fn difference(&self, other: &Point) -> Option<&'static str> {
        let parts = [
            (self.hart == other.hart, "the hart's registers"),
            (self.memory == other.memory, "memory"),
            (self.console == other.console, "what was printed"),
        ];
        parts.into_iter().find(|(same, _)| !same).map(|(_, what)| what)
    }
}

/// A [`Change`], as the file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Noted {
    Input(usize),
    /// A general register, a floating-point register, pc, a CSR or the privilege.
    Register(Kind, u16, u64),
    Fill {
        start: u64,
        physical: bool,
        byte: u8,
        length: u64,
    },
    Memory {
        start: u64,
        physical: bool,
        blob: usize,
    },
    Time(u64),
    Guest(bool),
    /// The hart that the next changes concern.
    Hart(usize),
    /// The harts that stand still, a bit for each.
    Held(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Gpr,
    Fpr,
    Pc,
    Csr,
    Privilege,
}

/// What a run was of, for a recording.
pub struct Run<'a> {
    /// The kernel.
    pub image: &'a Image,
    /// The load address of a kernel that is not an ELF.
    pub load_address: Option<Address>,
    /// The machine's options.
    pub options: &'a Options,
    /// What the one who records needs to do the same again.
    pub purpose: serde_json::Value,
}

impl Recording {
    /// Records the run of this machine until now: it is done again on the way, so that a recording is known to repeat it.
    ///
    /// # Errors
    /// [`Error::Differs`] where it is not repeated; [`Error::Keep`], [`Error::Machine`].
    pub fn of(run: Run<'_>, machine: &mut Embedded) -> Result<Recording, Error> {
        let mut blobs = Vec::new();
        let mut keep = |bytes: &[u8]| {
            blobs.push(bytes.to_vec());
            blobs.len() - 1
        };
        let Run { image, load_address, options, purpose } = run;
        let kernel = Named { name: name_of(image.path()), blob: keep(image.bytes()) };
        let symbols = image.debug_file().zip(image.debug_bytes());
        let symbols = symbols.map(|(path, bytes)| Named { name: name_of(path), blob: keep(bytes) });
        let changes = machine.changes().iter().map(|(at, change)| (*at, noted(change, &mut keep))).collect();
        let header = Header {
            program: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            kernel,
            symbols,
            load_address: load_address.map(|address| address.0),
            memory_mib: options.memory_mib,
            append: options.append.clone(),
            initrd: options.initrd.as_deref().map(&mut keep),
            cpu: options.cpu.to_string(),
            firmware: match &options.firmware {
                embedded::Firmware::Host => Firmware::Host,
                embedded::Firmware::None => Firmware::None,
                embedded::Firmware::Code(path) => {
                    let bytes = std::fs::read(path).map_err(|cause| Error::Keep { path: path.clone(), cause })?;
                    Firmware::Code(Named { name: name_of(path), blob: keep(&bytes) })
                }
            },
            harts: Harts {
                count: options.harts,
                schedule: options.schedule,
                until: options.schedule_until,
                boot: options.boot_hart,
            },
            devices: Plugged::all(&options.devices, &mut keep)?,
            modern: options.devices.modern,
            semihosting: options.devices.semihosting,
            changes,
            points: Vec::new(),
            end: machine.icount(),
            faulted: machine.fault().is_some(),
            clock: Some((machine.clock_answers().ended.clone(), machine.clock_answers().passed.clone())),
            purpose,
        };
        let bytes = blobs.iter().map(|blob| blob.len() as u64).sum();
        if bytes > file::LARGEST {
            return Err(Error::TooLarge { bytes });
        }
        let mut recording = Recording { header, blobs };
        let mut again = Embedded::load(image, options)?;
        recording.header.points = recording.digests(&mut again)?;
        let (end, last) = (recording.header.end, Point::of(recording.header.end, machine.digest()));
        let repeated = recording.header.points.last().copied();
        match repeated.and_then(|repeated| repeated.difference(&last)) {
            Some(what) => Err(recording.differs(end, what)),
            None => Ok(recording),
        }
    }

    /// Writes the kernel's files to a folder; where they are then, for [`Image::open_files`].
    ///
    /// # Errors
    /// [`Error::Unpack`].
    pub fn unpack(&self, folder: &Path) -> Result<KernelFiles, Error> {
        let written = || -> std::io::Result<KernelFiles> {
            let kernel = self.write(&self.header.kernel, folder, "kernel")?;
            let symbols =
                self.header.symbols.as_ref().map(|symbols| self.write(symbols, folder, "symbols")).transpose()?;
            Ok(KernelFiles { kernel, symbols, load_address: self.header.load_address.map(Address), guest: None })
        };
        written().map_err(Error::Unpack)
    }

    fn write(&self, named: &Named, folder: &Path, within: &str) -> std::io::Result<PathBuf> {
        let folder = folder.join(within);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(name_of(Path::new(&named.name)));
        std::fs::write(&path, &self.blobs[named.blob])?;
        Ok(path)
    }

    /// The machine's options; what is plugged in finds its files in `folder`, or where they were.
    ///
    /// # Errors
    /// [`Error::Cpu`], [`Error::Device`], [`Error::Unpack`].
    pub fn options(&self, folder: &Path) -> Result<Options, Error> {
        let cpu = self.header.cpu.parse().unwrap_or_else(|_| Options::default().cpu);
        if let Some(property) = cpu.unknown().first().cloned() {
            return Err(Error::Cpu { cpu: cpu.to_string(), property, program: self.header.program.clone() });
        }
        let virtio = self.header.devices.iter().map(|device| device.plug(&self.blobs, folder));
        Ok(Options {
            memory_mib: self.header.memory_mib,
            append: self.header.append.clone(),
            initrd: self.header.initrd.map(|blob| self.blobs[blob].as_slice().into()),
            cpu,
            firmware: match &self.header.firmware {
                Firmware::Host => embedded::Firmware::Host,
                Firmware::None => embedded::Firmware::None,
                Firmware::Code(named) => {
                    embedded::Firmware::Code(self.write(named, folder, "firmware").map_err(Error::Unpack)?)
                }
            },
            harts: self.header.harts.count,
            schedule: self.header.harts.schedule,
            schedule_until: self.header.harts.until,
            boot_hart: self.header.harts.boot,
            devices: Devices {
                virtio: virtio.collect::<Result<_, _>>()?,
                modern: self.header.modern,
                semihosting: self.header.semihosting,
            },
            ..Options::default()
        })
    }

    /// What the one who recorded it needs to do the same again.
    pub fn purpose(&self) -> &serde_json::Value {
        &self.header.purpose
    }

    /// Has who makes the run again get the same answers from the clock; false where the recording does not know them.
    pub fn follow_clock(&self, machine: &mut Embedded) -> bool {
        let Some((ended, passed)) = self.header.clock.clone() else { return false };
        machine.follow_clock(ClockAnswers { ended, passed }, self.header.end);
        true
    }

    /// The run's length, in instructions.
    pub fn end(&self) -> u64 {
        self.header.end
    }

    /// The kernel's name.
    pub fn kernel_name(&self) -> &str {
        &self.header.kernel.name
    }

    fn differs(&self, at: u64, what: &'static str) -> Error {
        Error::Differs { at, end: self.header.end, what, program: self.header.program.clone() }
    }
}

/// A path's last part; never empty, and never a way out of a folder.
fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| "kernel".into(), |name| name.to_string_lossy().into_owned())
}

fn noted(change: &Change, keep: &mut impl FnMut(&[u8]) -> usize) -> Noted {
    match change {
        Change::Input(bytes) => Noted::Input(keep(bytes)),
        Change::Register(register, value) => {
            let (kind, number) = match register {
                Register::Gpr(number) => (Kind::Gpr, (*number).into()),
                Register::Fpr(number) => (Kind::Fpr, (*number).into()),
                Register::Pc => (Kind::Pc, 0),
                Register::Csr(number) => (Kind::Csr, *number),
                Register::Priv => (Kind::Privilege, 0),
            };
            Noted::Register(kind, number, *value)
        }
        Change::Memory { start, physical, bytes: Contents::Fill(byte, length) } => {
            Noted::Fill { start: start.0, physical: *physical, byte: *byte, length: *length }
        }
        Change::Memory { start, physical, bytes: Contents::Bytes(bytes) } => {
            Noted::Memory { start: start.0, physical: *physical, blob: keep(bytes) }
        }
        Change::Time(ticks) => Noted::Time(*ticks),
        Change::Guest(in_guest) => Noted::Guest(*in_guest),
        Change::Hart(number) => Noted::Hart(*number),
        Change::Held(harts) => Noted::Held(*harts),
    }
}

#[cfg(test)]
mod tests;
