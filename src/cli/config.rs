//! `hob config`: what is in force, and where each value came from.

use std::process::ExitCode;

use super::print;
use crate::settings::{Loaded, known_keys};

pub(super) fn run(loaded: &Loaded) -> ExitCode {
    let settings = &loaded.settings;
    let mut section = "";
    for (key, (value, origin)) in &loaded.origins {
        let (head, name) = key.split_once('.').unwrap_or(("", key));
        if head != section {
            print::line(&format!("{}[{head}]", if section.is_empty() { "" } else { "\n" }));
            section = head;
        }
        print::line(&format!("{:<40} # {origin}", format!("{name} = {value}")));
    }
    for key in known_keys().iter().filter(|key| !loaded.origins.contains_key(*key)) {
        print::line(&format!("{}# {key} has no value", if section.is_empty() { "" } else { "\n" }));
        section = "";
    }
    print::line(&format!(
        "\n# worked out: device.id {}, state.dir {}, shelf.dir {}",
        settings.device_id(),
        settings.state_dir().display(),
        settings.shelf_dir().display()
    ));
    ExitCode::SUCCESS
}
