//! Source lines for [`boot`](crate::boot), written by hand: rustc writes none for a naked function.
//!
//! This is DWARF 4. Only debuggers read it; none of it is loaded. It is a compile unit of its own and refers to nothing
//! that rustc wrote. Its parts are in later subsections, behind what rustc writes into the same sections, because rustc's
//! references count from the start of a section. The unit names no language. If it said Rust, GDB would refuse
//! `print &__stack_top` at the first stop; if it said assembly, LLDB would not see the function.
//!
//! Source: the DWARF standard, version 4, sections 6.2 (line numbers) and 7.5 (units and abbreviations).

/// The row of the line table for the instruction `$offset` bytes after the start of the function, `$above` lines above.
///
/// `break boot` must stop at the first instruction and not skip it as a prologue. LLDB wants the end of the prologue
/// marked for this, and GDB wants two rows at one address.
#[rustfmt::skip] // it would split the lines of the assembly
macro_rules! row {
    ($function:literal, $offset:literal, $above:literal) => {
        concat!("
            .byte 0, 9, 2               # DW_LNE_set_address
            .quad ", $function, " + ", $offset, "
            .byte 3                     # DW_LNS_advance_line, from 1
            .sleb128 ", line!(), " - ", $above, " - 1
            .byte 10, 1, 1              # DW_LNS_set_prologue_end, DW_LNS_copy twice
            .byte 3                     # back to 1, so that each row can start there
            .sleb128 1 - ", line!(), " + ", $above, "
        ")
    };
}

/// Debug information for a function of two instructions. It stands on the line below them.
///
/// The first instruction takes 8 bytes, as `la` does: it is two instructions of the machine.
#[rustfmt::skip]
macro_rules! debug_lines {
    ($function:literal) => {
        concat!("
            .Lcode_end:

            .pushsection .debug_line
                .subsection 1
            .Lline_table:
                .long .Lline_table_end - . - 4
                .half 4                 # version
                .long .Lheader_end - . - 4
                .byte 1, 1, 1           # instructions of any length, one operation each; rows are statements
                .byte 0, 1, 13          # the special opcodes: none; 13 would be the first
                .byte 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1 # how many operands each standard opcode has
                .byte 0                 # no folder except the unit's
                .asciz \"", file!(), "\"
                .byte 0, 0, 0           # in the unit's folder; time and size unknown
                .byte 0                 # no more files
            .Lheader_end:
            ", $crate::dwarf::row!($function, 0, 2), $crate::dwarf::row!($function, 8, 1), "
                .byte 0, 9, 2           # DW_LNE_set_address
                .quad .Lcode_end
                .byte 0, 1, 1           # DW_LNE_end_sequence
            .Lline_table_end:
            .popsection

            .pushsection .debug_abbrev
                .subsection 1
            .Labbreviations:
                .byte 1, 0x11, 1        # number 1: DW_TAG_compile_unit, with children
                .byte 0x03, 0x08        # DW_AT_name, a string
                .byte 0x1b, 0x08        # DW_AT_comp_dir, a string
                .byte 0x10, 0x17        # DW_AT_stmt_list, an offset
                .byte 0x11, 0x01        # DW_AT_low_pc, an address
                .byte 0x12, 0x01        # DW_AT_high_pc, an address
                .byte 0, 0
                .byte 2, 0x2e, 0        # number 2: DW_TAG_subprogram
                .byte 0x03, 0x08        # DW_AT_name, a string
                .byte 0x11, 0x01        # DW_AT_low_pc, an address
                .byte 0x12, 0x01        # DW_AT_high_pc, an address
                .byte 0, 0
                .byte 0                 # no more abbreviations
            .popsection

            .pushsection .debug_info
                .subsection 1
                .long .Lunit_end - . - 4
                .half 4                 # version
                .long .Labbreviations
                .byte 8                 # bytes of an address
                .byte 1                 # the compile unit
                .asciz \"", file!(), "\"
                .byte ", env!("COMPILED_IN"), ", 0
                .long .Lline_table
                .quad ", $function, ", .Lcode_end
                .byte 2                 # the function
                .asciz \"", $function, "\"
                .quad ", $function, ", .Lcode_end
                .byte 0                 # no more children
            .Lunit_end:
            .popsection
        ")
    };
}

pub(crate) use {debug_lines, row};
