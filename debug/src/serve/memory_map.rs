//! gdbstub's `MemoryMap`: RAM, and that addresses outside of it may be RAM's too, once the kernel translates them.
//!
//! GDB reads the map once, and accesses nothing that is not in it. So all of the address space is: what can be read, the
//! machine knows. As nothing is flash, `load` writes as to any memory.

use gdbstub::target::TargetResult;
use gdbstub::target::ext::memory_map::MemoryMap;

use super::target::{GdbTarget, part};

const RAM_START: u64 = 0x8000_0000;

impl MemoryMap for GdbTarget {
    fn memory_map_xml(&self, offset: u64, length: usize, buffer: &mut [u8]) -> TargetResult<usize, Self> {
        Ok(part(map(self.options.memory_mib << 20).as_bytes(), offset, length, buffer))
    }
}

/// Source: the GDB manual, section "Memory Map Format".
fn map(ram_size: u64) -> String {
    let ram_end = RAM_START + ram_size;
    let regions = [(0, RAM_START), (RAM_START, ram_size), (ram_end, ram_end.wrapping_neg())];
    let region = |(start, length)| format!("<memory type=\"ram\" start=\"{start:#x}\" length=\"{length:#x}\"/>\n");
    let regions: String = regions.into_iter().map(region).collect();
    format!(
        "<?xml version=\"1.0\"?>\n\
         <!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" \
         \"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n\
         <memory-map>\n{regions}</memory-map>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn covers_every_address() {
        let map = map(128 << 20);
        assert!(map.contains("start=\"0x0\" length=\"0x80000000\""));
        assert!(map.contains("start=\"0x80000000\" length=\"0x8000000\""));
        assert!(map.contains("start=\"0x88000000\" length=\"0xffffffff78000000\""));
    }
}
