//! `--drive` and related options: what is plugged into the machine, the same for QEMU and the embedded machine.
//!
//! It does not know the commands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::bail;
use clap::Args;
use debug::Embedded;
use debug::embedded::{Device, Devices, Drive, Network};
use debug::guardian::option_words;
use debug::output::OutputFile;
use debug::qemu::MachineOptions;

/// The devices on the virtio bus. The first drive takes the last slot, the next devices the slots before it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Devices")]
pub struct DeviceArguments {
    /// A disk (virtio-blk): FILE[,readonly][,bus=0 to 7], or what QEMU's -drive takes. What the kernel writes is not in the file.
    /// Can be repeated
    #[arg(long, value_name = "DRIVE")]
    drive: Vec<DriveArgument>,

    /// Writes what the kernel wrote to its drives to their files, at the end
    #[arg(long)]
    write_back: bool,

    /// A second console for the kernel (virtio-console)
    #[arg(long)]
    virtio_console: bool,

    /// A source of random numbers (virtio-rng); the embedded machine's are the same for the same SEED
    #[arg(long, value_name = "SEED")]
    virtio_rng: Option<u64>,

    /// A network card without a network (virtio-net): the packets that the kernel sends go to this pcap file
    #[arg(long, value_name = "FILE")]
    net_pcap: Option<PathBuf>,

    /// The packets that arrive at that card, a pcap file; for the embedded machine
    #[arg(long, value_name = "FILE")]
    net_receive: Option<PathBuf>,

    /// virtio 1.0 and later, in place of QEMU's usual, which is older
    #[arg(long)]
    virtio_modern: bool,
}

/// A drive, in our words or in QEMU's.
#[derive(Clone, Debug)]
struct DriveArgument {
    drive: Drive,
    /// QEMU's words, where these were given, and the name in them.
    qemu: Option<(String, Option<String>)>,
}

impl FromStr for DriveArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<DriveArgument, String> {
        let words = option_words(text);
        let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        if let Some(file) = value("file") {
            let read_only = matches!(value("readonly"), Some("on"));
            let drive = Drive { read_only, ..Drive::new(file) };
            return Ok(DriveArgument { drive, qemu: Some((text.into(), value("id").map(str::to_owned))) });
        }
        let mut drive = Drive::new("");
        let mut file = text;
        // From the end: a file's name may have commas too.
        while let Some((rest, last)) = file.rsplit_once(',') {
            match (last, last.strip_prefix("bus=")) {
                ("readonly", _) => drive.read_only = true,
                (_, Some(bus)) => {
                    drive.bus = Some(bus.parse().map_err(|_| format!("bus={bus}: a number from 0 to 7"))?)
                }
                _ => break,
            }
            file = rest;
        }
        drive.path = file.into();
        Ok(DriveArgument { drive, qemu: None })
    }
}

impl DeviceArguments {
    /// What the embedded machine has, where QEMU has these arguments besides.
    pub fn embedded(&self, extra: &[OsString], semihosting: bool) -> Devices {
        let mut virtio: Vec<Device> = self.drive.iter().map(|drive| Device::Block(drive.plugged(extra))).collect();
        virtio.extend(self.virtio_console.then_some(Device::Console));
        virtio.extend(self.virtio_rng.map(|seed| Device::Random { seed }));
        if self.net_pcap.is_some() || self.net_receive.is_some() {
            virtio.push(Device::Network(Network { receive: self.net_receive.clone() }));
        }
        let modern = extra.iter().any(|word| word == "virtio-mmio.force-legacy=false");
        Devices { virtio, modern: self.virtio_modern || modern, semihosting }
    }

    /// The same for QEMU.
    pub fn add_to(&self, machine: &mut MachineOptions) {
        let mut extra: Vec<String> = Vec::new();
        for (number, argument) in self.drive.iter().enumerate() {
            let own = format!("drive{number}");
            let (mut words, id) = match &argument.qemu {
                Some((words, id)) => (words.clone(), id.as_ref()),
                None => {
                    let file = argument.drive.path.display().to_string().replace(',', ",,");
                    let read_only = if argument.drive.read_only { ",readonly=on" } else { "" };
                    (format!("file={file},if=none,id={own},format=raw{read_only}"), Some(&own))
                }
            };
            if !self.write_back && !words.contains("snapshot=") {
                words += ",snapshot=on";
            }
            machine.drives.push(words);
            if let Some(id) = id
                && device_of(&machine.extra, id).is_none()
            {
                let bus = argument.drive.bus.map_or(String::new(), |bus| format!(",bus=virtio-mmio-bus.{bus}"));
                extra.extend(["-device".into(), format!("virtio-blk-device,drive={id}{bus}")]);
            }
        }
        if self.virtio_console {
            // On the terminal that the UART is on: `-serial mon:stdio` has this name, and can be shared.
            extra.extend(
                ["-device", "virtio-serial-device", "-device", "virtconsole,chardev=serial0"].map(String::from),
            );
        }
        if self.virtio_rng.is_some() {
            extra.extend(["-device", "virtio-rng-device"].map(String::from));
        }
        if let Some(path) = &self.net_pcap {
            let file = path.display().to_string().replace(',', ",,");
            extra.extend(
                ["-netdev", "user,id=net0,restrict=on", "-device", "virtio-net-device,netdev=net0"].map(String::from),
            );
            extra.extend(["-object".into(), format!("filter-dump,id=dump0,netdev=net0,file={file}")]);
        }
        if self.virtio_modern {
            extra.extend(["-global", "virtio-mmio.force-legacy=false"].map(String::from));
        }
        machine.extra.extend(extra.into_iter().map(OsString::from));
    }

    /// # Errors
    /// Where QEMU is asked for what the embedded machine alone can.
    pub fn check_for_qemu(&self) -> anyhow::Result<()> {
        if self.net_receive.is_some() {
            bail!("QEMU takes no packets from a file, as --net-receive asks for; try: --on embedded");
        }
        Ok(())
    }

    /// Leaves what the embedded machine is to leave at its end: packets, and what was written to drives.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn finish(&self, machine: Embedded) -> anyhow::Result<()> {
        if let Some(path) = &self.net_pcap {
            let read: Vec<&Path> = self.net_receive.iter().map(PathBuf::as_path).collect();
            OutputFile::create(path, &read)?.write(&machine.sent_packets())?;
        }
        if self.write_back {
            machine.write_back()?;
        }
        Ok(())
    }
}

impl DriveArgument {
    /// In the slot that QEMU's own arguments give it.
    fn plugged(&self, extra: &[OsString]) -> Drive {
        let id = self.qemu.as_ref().and_then(|(_, id)| id.as_deref());
        let device = id.and_then(|id| device_of(extra, id));
        let bus =
            device.and_then(|device| device.split(',').find_map(|word| word.strip_prefix("bus=virtio-mmio-bus.")));
        Drive { bus: bus.and_then(|bus| bus.parse().ok()).or(self.drive.bus), ..self.drive.clone() }
    }
}

/// The device among QEMU's arguments that has this drive.
fn device_of<'a>(extra: &'a [OsString], id: &str) -> Option<&'a str> {
    let has_it = |words: &&str| words.split(',').any(|word| word.strip_prefix("drive=") == Some(id));
    extra.iter().filter_map(|words| words.to_str()).find(has_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_is_said_in_our_words_or_in_qemu_s() {
        let drive = |text: &str| text.parse::<DriveArgument>().unwrap().drive;
        let [one, two] = ["a,b.img", "a.img,bus=0,readonly"].map(drive);
        assert_eq!((one.path.to_str(), one.read_only, one.bus), (Some("a,b.img"), false, None));
        assert_eq!((two.path.to_str(), two.read_only, two.bus), (Some("a.img"), true, Some(0)));
        assert!("a.img,bus=x".parse::<DriveArgument>().is_err());
        let argument: DriveArgument = "id=x,file=d.img,if=none".parse().unwrap();
        let extra = ["-device", "virtio-blk-device,drive=x,bus=virtio-mmio-bus.3"].map(OsString::from);
        assert_eq!(argument.plugged(&extra).bus, Some(3));
        assert_eq!(argument.plugged(&[]).path.to_str(), Some("d.img"));
        assert_eq!(drive("file=/a,,b/c.img,if=none").path.to_str(), Some("/a,b/c.img"));
    }
}
