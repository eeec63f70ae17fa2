//! What a private broker is told: its folder, its port, its configuration.
//!
//! Promise: nobody but us can read the folder; the listener is on loopback.
//! Deliberately absent: the process (`child`).

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::BrokerError;

/// How a private broker is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where its configuration and its store lie; made if absent, mode 0700.
    pub dir: PathBuf,
    /// Its port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Whoever can reach loopback may come in. If false, `extra` has to say who.
    pub anonymous: bool,
    /// More lines for the listener: `password_file`, `cafile`, `certfile`, ...
    pub extra: String,
}

impl Plan {
    /// Anonymous on loopback.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, port: u16) -> Self {
        Self { dir: dir.into(), port, anonymous: true, extra: String::new() }
    }

    /// Writes the configuration; gives the port and the file.
    pub(super) fn write(&self) -> Result<(u16, PathBuf), BrokerError> {
        let folder = |error| BrokerError::Folder { path: self.dir.clone(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(folder)?;
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o700)).map_err(folder)?;
        let dir = self.dir.canonicalize().map_err(folder)?;
        let port = free_port(self.port).map_err(|error| BrokerError::Port { port: self.port, error })?;
        let path = dir.join("mosquitto.conf");
        let write = || {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.write_all(self.text(&dir, port).as_bytes())
        };
        write().map_err(|error| BrokerError::Folder { path: path.clone(), error })?;
        Ok((port, path))
    }

    fn text(&self, dir: &Path, port: u16) -> String {
        let (anonymous, extra, dir) = (self.anonymous, &self.extra, dir.display());
        // Started as root, mosquitto would become another user, who cannot write into our folder.
        let user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
        format!(
            "# Written by hob at every start; changes are lost.\n\
             listener {port} 127.0.0.1\n\
             {extra}\n\
             allow_anonymous {anonymous}\n\
             {user}\
             persistence true\n\
             persistence_location {dir}/\n\
             # Saved a second after every change: the default, 1800 s, loses what was confirmed on a power cut.\n\
             autosave_on_changes true\n\
             autosave_interval 1\n\
             # The default, 1000, drops what is beyond without a word.\n\
             max_queued_messages 10000\n\
             max_packet_size 1048576\n\
             log_dest stderr\n\
             log_type error\n\
             log_type warning\n\
             log_type notice\n\
             log_type information\n"
        )
    }

    /// Renames a store that mosquitto cannot read; gives its new name, if there was one.
    pub(super) fn move_store_aside(&self) -> Result<Option<PathBuf>, BrokerError> {
        let store = self.dir.join("mosquitto.db");
        if !store.exists() {
            return Ok(None);
        }
        let aside = (1..1_000)
            .map(|number| self.dir.join(format!("mosquitto.db.damaged-{number}")))
            .find(|path| !path.exists())
            .unwrap_or_else(|| self.dir.join("mosquitto.db.damaged"));
        fs::rename(&store, &aside).map_err(|error| BrokerError::Folder { path: store, error })?;
        tracing::warn!(kept_as = %aside.display(), "the private broker's store was damaged and is moved aside");
        Ok(Some(aside))
    }
}

/// A port that is free at this moment: `wish`, or any if that is 0. Asked here, because a broker that somebody else
/// runs there would accept connections just as well.
fn free_port(wish: u16) -> std::io::Result<u16> {
    std::net::TcpListener::bind(("127.0.0.1", wish))?.local_addr().map(|address| address.port())
}

/// mosquitto, wherever it is: system folders are often not in a user's PATH.
pub(super) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/sbin"];
    std::env::split_paths(&path)
        .chain(system.into_iter().map(PathBuf::from))
        .map(|folder| folder.join("mosquitto"))
        .find(|program| fs::metadata(program).is_ok_and(|is| is.is_file() && is.permissions().mode() & 0o111 != 0))
}
