//! Settings, parsed once into checked types.
//!
//! ```text
//! image/hob.toml (compiled in) < /etc/hob/hob.toml < --config < HOB_* < --set ─▶ Loaded ─▶ Settings
//! ```
//!
//! Promise: an unknown key or an impossible value stops the start, naming key, value, where it came from,
//! what is allowed and what to do.
//! Deliberately absent: acting on them.

mod check;
mod layers;

use std::path::PathBuf;

use serde::Deserialize;

pub(crate) use layers::known_keys;
pub use layers::{Impossible, Loaded, Origin, Place, SettingsError};

/// All settings; the meaning of each key stands in `image/hob.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "every key is explained in image/hob.toml")]
pub struct Settings {
    pub device: Device,
    pub state: Folder,
    pub shelf: ShelfSettings,
    pub mqtt: Mqtt,
    pub engine: Engine,
    pub desk: Desk,
    pub policy: Policy,
    pub power: Power,
    pub battery: Battery,
    pub carbon: Carbon,
    pub thrift: Thrift,
    pub telemetry: Telemetry,
    pub shutdown: Shutdown,
    pub log: Log,
}

/// Declares a section: plain fields, read strictly.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs, reason = "every key is explained in image/hob.toml")]
        pub struct $name { $(pub $field: $kind),* }
    };
}

section!(
    /// `[device]`
    Device { id: Option<String> }
);
section!(
    /// `[state]`
    Folder { dir: Option<PathBuf> }
);
section!(
    /// `[shelf]`
    ShelfSettings { dir: Option<PathBuf>, hub: String }
);
section!(
    /// `[mqtt]`
    Mqtt {
        host: Option<String>,
        port: u16,
        prefix: String,
        username: Option<String>,
        password_file: Option<PathBuf>,
        tls: bool,
        ca_file: Option<PathBuf>,
        cert_file: Option<PathBuf>,
        key_file: Option<PathBuf>,
        version: String,
        keep_alive_s: u64,
        session_s: u32,
        reply_prefixes: Vec<String>,
        publish_text: bool,
    }
);
section!(
    /// `[engine]`
    Engine {
        model: Option<String>,
        embedding_model: Option<String>,
        slots: u32,
        context: u32,
        batch: u32,
        threads: u32,
        max_tokens: u32,
        system: String,
    }
);
section!(
    /// `[desk]`
    Desk { places: u32 }
);
section!(
    /// `[policy]`
    Policy { mode: String, reserve_mb: u64, climb_mb: u64, climb_w: f64, pressure_pct: f64, hot_c: f64, cool_c: f64 }
);
section!(
    /// `[power]`
    Power {
        source: String,
        bus: PathBuf,
        address: u8,
        shunt_ohm: Option<f64>,
        invert: bool,
        shared: bool,
        position: String,
        idle_w: f64,
        core_w: f64,
        cap_w: Option<f64>,
    }
);
section!(
    /// `[battery]`
    Battery {
        capacity_mah: Option<u32>,
        cells: u8,
        chemistry: String,
        address: Option<u8>,
        shunt_ohm: Option<f64>,
        invert: bool,
        charged_by: String,
        converter_pct: f64,
        critical_pct: f64,
        restart_pct: f64,
    }
);
section!(
    /// `[carbon]`
    Carbon {
        g_per_kwh: Option<u32>,
        country: Option<String>,
        solar_g_per_kwh: u32,
        embodied_kg: f64,
        lifetime_years: u32,
        embodied_by: String,
    }
);
section!(
    /// `[thrift]`
    Thrift { steps: Vec<String>, after_s: u64, longest_wake_ms: u64, keep_alive_s: u64 }
);
section!(
    /// `[telemetry]`
    Telemetry { every_s: u64 }
);
section!(
    /// `[shutdown]`
    Shutdown { grace_s: u64 }
);
section!(
    /// `[log]`
    Log { level: String, format: String }
);

impl Settings {
    /// The folder for Hob's own files.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.state.dir.clone().unwrap_or_else(default_state_dir)
    }

    /// The folder of models.
    #[must_use]
    pub fn shelf_dir(&self) -> PathBuf {
        self.shelf.dir.clone().unwrap_or_else(|| self.state_dir().join("models"))
    }

    /// The name in every topic.
    #[must_use]
    pub fn device_id(&self) -> String {
        self.device.id.clone().unwrap_or_else(machine_name)
    }
}

/// `/var/lib/hob` if this user may write there, else the user's own place.
fn default_state_dir() -> PathBuf {
    let system = PathBuf::from("/var/lib/hob");
    let probe = if system.exists() { system.clone() } else { PathBuf::from("/var/lib") };
    let writable = rustix::fs::access(&probe, rustix::fs::Access::WRITE_OK).is_ok();
    let home = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    match home {
        Some(home) if !writable => home.join("hob"),
        _ => system,
    }
}

/// `hob-` and eight digits that stay the same on this machine and tell nobody its machine id.
fn machine_name() -> String {
    use sha2::Digest;
    let id = std::fs::read_to_string("/etc/machine-id").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let digest = sha2::Sha256::digest(format!("hob {}", id.unwrap_or_default().trim()));
    digest.iter().take(4).fold("hob-".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

#[cfg(test)]
mod tests;
