//! Any bytes as a recording, or as changes to what is packed in a good one: it is refused, or its run is done again as far as it goes.
//!
//! Each three bytes change one of the good one's: where, and to what.

use std::io::{Read, Write};
use std::path::Path;

use debug::embedded::Options;
use debug::image::KernelFiles;
use debug::recording::{Recording, Run};
use debug::{Embedded, Image, Machine};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::template;

/// What is before the packed bytes: magic, version, length, check sum.
const BEGIN: usize = 32;
const INSTRUCTIONS: u64 = 2000;

pub fn survive(bytes: &[u8]) {
    replay(bytes);
    let good = record();
    let mut body = Vec::new();
    ZlibDecoder::new(&good[BEGIN..]).read_to_end(&mut body).expect("we have packed it");
    for change in bytes.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % body.len();
        body[place] = change[2];
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    let packed = packed.write_all(&body).and_then(|()| packed.finish()).expect("memory has room");
    let mut file = good[..20].to_vec();
    file.extend((packed.len() as u64).to_le_bytes());
    file.extend(crc32fast::hash(&packed).to_le_bytes());
    file.extend(packed);
    replay(&file);
}

fn record() -> Vec<u8> {
    let image = Image::parse(Path::new("kernel"), template::build()).expect("it is a kernel");
    let options = Options { memory_mib: 8, history_mib: 1, ..Options::default() };
    let mut machine = Embedded::load(&image, &options).expect("it fits");
    machine.input(b"typed").expect("that is not much");
    machine.step(INSTRUCTIONS, std::time::Duration::MAX).expect("it runs");
    let run = Run { image: &image, load_address: None, options: &options, purpose: Default::default() };
    Recording::of(run, &mut machine).expect("it repeats its run").to_bytes()
}

fn replay(bytes: &[u8]) {
    let Ok(recording) = Recording::parse(Path::new("boot.rec"), bytes) else { return };
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let files = recording.unpack(folder.path()).expect("it can be written");
    assert!(files.kernel.starts_with(folder.path()), "{}", files.kernel.display());
    let opened = Image::open_files(&KernelFiles { symbols: None, ..files });
    let Ok((image, options)) = opened.map_err(drop).and_then(|image| {
        let options = recording.options(folder.path()).map_err(drop)?;
        Ok((image, options))
    }) else {
        return;
    };
    // Its end may be any number.
    let is_short = recording.end() <= 10 * INSTRUCTIONS && options.memory_mib <= 64;
    if is_short && let Ok(mut machine) = Embedded::load(&image, &options) {
        recording.follow_clock(&mut machine);
        let _ = recording.play(&mut machine);
    }
}
