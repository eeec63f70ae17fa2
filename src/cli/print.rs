//! The only place that prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]

use std::io::Write;

/// A line on standard output. A reader that went away (`hob … | head`) is no error.
pub(super) fn line(text: &str) {
    let _gone = writeln!(std::io::stdout(), "{text}");
}

/// Text on standard output, at once.
pub(super) fn piece(text: &str) {
    let mut out = std::io::stdout();
    let _gone = write!(out, "{text}").and_then(|()| out.flush());
}

/// What went wrong, on standard error.
pub(super) fn error(text: &str) {
    let _gone = writeln!(std::io::stderr(), "hob: {text}");
}

/// Something for people to know, on standard error.
pub(super) fn note(text: &str) {
    let _gone = writeln!(std::io::stderr(), "{text}");
}
