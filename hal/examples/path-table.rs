//! Prints how far readings are from the truth at every address and shunt, and what faults say, as
//! Markdown: `cargo run -p hob-hal --features fake --example path-table`.
//!
//! Deliberately absent: a real chip.

use hob_hal::ina219::paths::{FAULT_HEADING, PATH_HEADING, fault_table, path_table};
use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{PATH_HEADING}")?;
    for row in path_table() {
        writeln!(out, "{row}")?;
    }
    writeln!(out, "\n{FAULT_HEADING}")?;
    for row in fault_table() {
        writeln!(out, "{row}")?;
    }
    out.flush()
}
