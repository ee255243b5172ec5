//! QEMU's command line, as people write it, to keys of debug.toml. It does not know where it stood.

use debug::guardian::quoted;

use super::super::config::keys::find;

/// What a line says of a machine, as keys and their values; several values of one key are several entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct QemuLine {
    pub keys: Vec<(&'static str, String)>,
    /// What stands behind `-kernel`.
    pub kernel: Option<String>,
    /// A flat image, behind `-device loader,file=` or `-bios` where there is no `-kernel`.
    pub loaded: Option<(String, Option<String>)>,
}

/// Options that are ours to choose, without a value.
const OWN_FLAGS: [&str; 9] =
    ["nographic", "no-reboot", "s", "S", "snapshot", "no-shutdown", "curses", "daemonize", "enable-kvm"];
/// Likewise, with a value.
const OWN_VALUES: [&str; 9] = ["serial", "monitor", "gdb", "d", "D", "display", "qmp", "chardev", "accel"];
/// Flags of QEMU that are not ours.
const FLAGS: [&str; 3] = ["nodefaults", "no-user-config", "no-acpi"];

impl QemuLine {
    /// Of the arguments behind the program's name.
    pub fn of(arguments: &[String]) -> QemuLine {
        let mut line = QemuLine::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix('-').map(|name| name.trim_start_matches('-')) else { continue };
            if OWN_FLAGS.contains(&name) {
                continue;
            }
            if FLAGS.contains(&name) {
                line.add("qemu-args", word.clone());
                continue;
            }
            let Some(value) = words.next() else { break };
            if !OWN_VALUES.contains(&name) {
                line.take(name, value);
            }
        }
        line
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "machine" | "M" if value == "virt" => {}
            "machine" | "M" => self.add("machine", value.to_owned()),
            "cpu" if matches!(value, "rv64" | "rv32") => {}
            "cpu" | "append" | "initrd" => self.add(name, value.to_owned()),
            "bios" if value == "default" => {}
            "bios" => self.add("bios", value.to_owned()),
            "smp" => self.add_usual("smp", value.split(',').next().unwrap_or("1").trim_start_matches("cpus="), "1"),
            "m" => self.add_usual("memory", &mebibytes(value), "128"),
            "kernel" => self.kernel = Some(value.to_owned()),
            "drive" => self.add("drives", value.to_owned()),
            "device" if value.starts_with("loader,") => self.take_loader(value),
            _ => self.add("qemu-args", format!("-{name} {}", quoted(&[value]))),
        }
    }

    /// `loader,file=F,addr=A`: a flat image.
    fn take_loader(&mut self, value: &str) {
        let part = |name: &str| value.split(',').find_map(|part| part.strip_prefix(name)).map(str::to_owned);
        if let Some(file) = part("file=") {
            self.loaded = Some((file, part("addr=")));
        }
    }

    fn add_usual(&mut self, key: &'static str, value: &str, usual: &str) {
        if value != usual {
            self.add(key, value.to_owned());
        }
    }

    fn add(&mut self, key: &str, value: String) {
        if let Some(key) = find(key) {
            self.keys.push((key.name, value));
        }
    }
}

/// `256M`, `1G` or a number of MiB, in MiB.
fn mebibytes(value: &str) -> String {
    let value = value.trim_start_matches("size=").split(',').next().unwrap_or_default();
    let digits = value.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match value.get(digits.len()..).map(str::to_ascii_uppercase).as_deref() {
        Some("G" | "GB") => 1024,
        _ => 1,
    };
    digits.parse::<u64>().map_or_else(|_| value.to_owned(), |number| (number * factor).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> QemuLine {
        QemuLine::of(&shlex::split(line).expect("it is quoted right"))
    }

    #[test]
    fn the_usual_line_has_no_keys() {
        let line = of(
            "-machine virt -bios default -nographic -serial mon:stdio --no-reboot -m 128M -smp 1 -kernel k.elf -s -S",
        );
        assert_eq!(line, QemuLine { kernel: Some("k.elf".into()), ..QemuLine::default() });
    }

    #[test]
    fn what_is_not_usual_becomes_keys() {
        let line = of(
            "-M virt -bios none -cpu rv32 -smp 4 -m 1G -append 'a b' -drive file=d.img,if=none,id=x -device virtio-blk-device,drive=x",
        );
        let expected = [
            ("bios", "none"),
            ("smp", "4"),
            ("memory", "1024"),
            ("append", "a b"),
            ("drives", "file=d.img,if=none,id=x"),
            ("qemu-args", "-device virtio-blk-device,drive=x"),
        ];
        assert_eq!(line.keys, expected.map(|(key, value)| (key, value.to_owned())));
    }

    #[test]
    fn a_flat_image_is_seen() {
        let line = of("-machine virt -bios default -device loader,file=os.bin,addr=0x80200000");
        assert_eq!(line.loaded, Some(("os.bin".into(), Some("0x80200000".into()))));
    }
}
