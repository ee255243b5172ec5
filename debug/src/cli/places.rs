//! `--entry`, `--stack-top` and so on: where a kernel's things are, where it does not say so by usual names. It does not look for them.

use clap::Args;
use debug::checks::{Names, NotFound, Role};
use debug::image;

const PLACES: &str = "Places: SYMBOL, SYMBOL+OFFSET or an address";

/// The places that a person may name.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = PLACES)]
pub struct PlaceArguments {
    /// The first instruction [default: the ELF's entry point]
    #[arg(long, value_name = "PLACE")]
    entry: Option<String>,

    /// The stack's end, where sp starts [default: __stack_top or another known name, else where sp points at its first use]
    #[arg(long, value_name = "PLACE")]
    stack_top: Option<String>,

    /// The stack's lowest byte [default: __stack_bottom, else found by the symbols around the top]
    #[arg(long, value_name = "PLACE")]
    stack_bottom: Option<String>,

    /// BSS's first byte [default: __bss or another known name, else the start of the section .bss]
    #[arg(long, value_name = "PLACE")]
    bss_start: Option<String>,

    /// BSS's end, exclusive [default: __bss_end or another known name, else the end of the section .bss]
    #[arg(long, value_name = "PLACE")]
    bss_end: Option<String>,
}

impl PlaceArguments {
    pub fn of(names: Names) -> PlaceArguments {
        let Names { entry, stack_top, stack_bottom, bss_start, bss_end } = names;
        PlaceArguments { entry, stack_top, stack_bottom, bss_start, bss_end }
    }

    /// Whether somebody named one of them.
    pub fn are_named(&self) -> bool {
        let PlaceArguments { entry, stack_top, stack_bottom, bss_start, bss_end } = self;
        [entry, stack_top, stack_bottom, bss_start, bss_end].iter().any(|place| place.is_some())
    }

    pub fn names(&self) -> Names {
        Names {
            entry: self.entry.clone(),
            stack_top: self.stack_top.clone(),
            stack_bottom: self.stack_bottom.clone(),
            bss_start: self.bss_start.clone(),
            bss_end: self.bss_end.clone(),
        }
    }
}

/// Names the option that renames a symbol that is not there.
pub fn with_option(error: NotFound) -> anyhow::Error {
    let option = match error.role {
        Role::Entry => "--entry",
        Role::StackTop => "--stack-top",
        Role::StackBottom => "--stack-bottom",
        Role::BssStart => "--bss-start",
        Role::BssEnd => "--bss-end",
    };
    match error.source {
        image::Error::MissingSymbol { .. } => {
            anyhow::anyhow!("{error}; if it has another name, try: {option}")
        }
        source => source.into(),
    }
}
