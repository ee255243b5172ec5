//! Source lines for [`boot`](crate::boot): rustc writes none for a naked function, so these macros do, in DWARF 4.
//!
//! None of it is loaded: only debuggers read it. It is a compile unit of its own, which refers to nothing of rustc's.
//! Its parts stand in later subsections, that is behind what rustc writes into the same sections, because rustc's
//! references count from a section's beginning. The unit names no language: were it Rust, GDB would refuse
//! `print &__stack_top` at the first stop; were it assembly, LLDB would not see the function.
//!
//! Source: the DWARF standard, version 4, sections 6.2 (line numbers) and 7.5 (units and abbreviations).

/// An instruction, and the row of the line table that says that it stands on this line.
///
/// `break boot` is to stop at the first instruction, and not to skip its line as a prologue. For this LLDB wants the
/// prologue's end marked, and GDB two rows at one address.
#[rustfmt::skip] // it would tear the lines of the assembly apart
macro_rules! at_line {
    ($instruction:literal) => {
        concat!("
            7: ", $instruction, "
            .pushsection .debug_line
                .subsection 2
                .byte 0, 9, 2           # DW_LNE_set_address
                .quad 7b
                .byte 3                 # DW_LNS_advance_line, from 1
                .sleb128 ", line!(), " - 1
                .byte 10, 1, 1          # DW_LNS_set_prologue_end, DW_LNS_copy twice
                .byte 3                 # back to 1, as a row does not know the one before it
                .sleb128 1 - ", line!(), "
            .popsection
        ")
    };
}

/// What goes around the rows of the function with this symbol. After its last instruction, and once in a program.
#[rustfmt::skip]
macro_rules! lines {
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
                .byte 0, 1, 13          # what special opcodes mean, of which there are none; the first of them
                .byte 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1 # how many operands the standard's opcodes have
                .byte 0                 # no folder but the unit's
                .asciz \"", file!(), "\"
                .byte 0, 0, 0           # in the unit's folder; time and size unknown
                .byte 0                 # no more files
            .Lheader_end:               # the rows follow, in subsection 2
                .subsection 3
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

pub(crate) use {at_line, lines};
