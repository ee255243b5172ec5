//! A disk with one file: a FAT16 file system without partitions (Microsoft, "FAT: General Overview of On-Disk Format").

const SECTOR: usize = 512;
const SECTORS: usize = 8192;
const ROOT_ENTRIES: usize = 512;
const FAT_SECTORS: usize = 32;
const DATA: usize = 1 + FAT_SECTORS + ROOT_ENTRIES * 32 / SECTOR;

/// `name` is as FAT has it: 8 and 3 characters, upper case, filled with blanks.
pub fn with_file(name: &[u8; 11], contents: &[u8]) -> Vec<u8> {
    assert!(contents.len() <= SECTOR, "one cluster");
    let mut disk = vec![0; SECTORS * SECTOR];
    let mut put = |offset: usize, bytes: &[u8]| disk[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"\xeb\x3c\x90MSDOS5.0");
    put(11, &(SECTOR as u16).to_le_bytes());
    put(13, &[1]); // sectors in a cluster
    put(14, &1_u16.to_le_bytes()); // sectors before the table
    put(16, &[1]); // tables
    put(17, &(ROOT_ENTRIES as u16).to_le_bytes());
    put(19, &(SECTORS as u16).to_le_bytes());
    put(21, &[0xf8]); // a fixed disk
    put(22, &(FAT_SECTORS as u16).to_le_bytes());
    put(24, &[32, 0, 64, 0]); // geometry, for whoever wants one
    put(36, b"\x80\0\x29\x78\x56\x34\x12TEST       FAT16   ");
    put(SECTOR - 2, b"\x55\xaa");
    put(SECTOR, &[0xf8, 0xff, 0xff, 0xff, 0xff, 0xff]); // two reserved entries, and the file's only cluster
    let root = (1 + FAT_SECTORS) * SECTOR;
    put(root, name);
    put(root + 11, &[0x20]);
    put(root + 26, &2_u16.to_le_bytes());
    put(root + 28, &(contents.len() as u32).to_le_bytes());
    put(DATA * SECTOR, contents);
    disk
}
