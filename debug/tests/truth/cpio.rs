//! An initrd: a cpio archive of the form that Linux unpacks (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).

/// What is in it: a name, the mode with the kind of file, and the contents.
pub fn archive(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    let end = [("TRAILER!!!", 0, &[][..])];
    for (number, (name, mode, contents)) in entries.iter().chain(&end).enumerate() {
        let fields = [number as u32, *mode, 0, 0, 1, 0, contents.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
        archive.extend(b"070701");
        fields.iter().for_each(|field| archive.extend(format!("{field:08x}").into_bytes()));
        archive.extend(name.bytes().chain([0]));
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(*contents);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}
