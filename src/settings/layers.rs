//! The layers that settings come from, and where each value came from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use config::{Config, File, FileFormat, Value, ValueKind};

use super::{Settings, check};

/// The defaults: the file that is shipped.
pub(super) const DEFAULTS: &str = include_str!("../../image/hob.toml");
/// Where the site's settings are.
const SITE: &str = "/etc/hob/hob.toml";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The shipped file.
    Default,
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// `--set`.
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Variable(name) => write!(out, "variable {name}"),
            Self::Flag => out.write_str("--set"),
        }
    }
}

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The site's file; read if it is there.
    pub site: Option<PathBuf>,
    /// `--config`; must be there.
    pub file: Option<PathBuf>,
    /// `HOB_*`.
    pub variables: Vec<(String, String)>,
    /// `--set key=value`.
    pub flags: Vec<String>,
}

impl Place {
    /// This machine: `/etc/hob/hob.toml` and the process's environment.
    #[must_use]
    pub fn here(file: Option<PathBuf>, flags: Vec<String>) -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("HOB_"))
            .collect();
        Self { site: Some(SITE.into()), file, variables, flags }
    }
}

/// Settings, and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is in force.
    pub settings: Settings,
    /// Every key with its value as text and its origin.
    pub origins: BTreeMap<String, (String, Origin)>,
}

/// Why there are no settings. Nothing starts then.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file is missing or not TOML.
    #[error("{place}: {why}")]
    Unreadable {
        /// Which.
        place: String,
        /// The reason.
        why: String,
    },
    /// A key that does not exist.
    #[error("unknown setting {key} (from {origin}){hint}; `hob config` lists all of them")]
    Unknown {
        /// Which.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What was meant, perhaps.
        hint: String,
    },
    /// A value that cannot be.
    #[error(transparent)]
    Impossible(Box<Impossible>),
    /// `--set` without `=`.
    #[error("--set {0} is not key=value; for instance --set mqtt.port=1884")]
    BadFlag(String),
}

/// A value that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("setting {key} = {value} (from {origin}) is impossible: it must be {allowed}; {remedy}")]
pub struct Impossible {
    /// Which.
    pub key: String,
    /// As it was given.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
    /// What it may be.
    pub allowed: String,
    /// What to do.
    pub remedy: String,
}

type Layer = (Origin, BTreeMap<String, Value>);

impl Loaded {
    /// Reads all layers, checks them and puts them together.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]: the first thing that is wrong.
    pub fn read(place: &Place) -> Result<Self, SettingsError> {
        let mut layers = vec![(Origin::Default, toml(DEFAULTS, "the built-in hob.toml")?)];
        if let Some(site) = place.site.as_deref().filter(|site| site.exists()) {
            layers.push((Origin::File(site.to_owned()), file(site)?));
        }
        if let Some(given) = &place.file {
            layers.push((Origin::File(given.clone()), file(given)?));
        }
        let mut variables = place.variables.clone();
        variables.sort();
        for (name, value) in variables {
            let key = name.trim_start_matches("HOB_").to_lowercase().replace("__", ".");
            layers.push((Origin::Variable(name), BTreeMap::from([(key, word(&value))])));
        }
        for flag in &place.flags {
            let (key, value) = flag.split_once('=').ok_or_else(|| SettingsError::BadFlag(flag.clone()))?;
            layers.push((Origin::Flag, BTreeMap::from([(key.trim().to_owned(), word(value))])));
        }
        Self::merge(layers)
    }

    fn merge(layers: Vec<Layer>) -> Result<Self, SettingsError> {
        let known = known_keys();
        let mut origins = BTreeMap::new();
        let mut builder = Config::builder();
        for (origin, values) in layers {
            for (key, value) in values {
                if !known.contains(&key) {
                    return Err(SettingsError::Unknown { hint: hint(&key, &known), key, origin });
                }
                origins.insert(key.clone(), (text(&value), origin.clone()));
                builder = builder.set_override(&key, value).map_err(|error| unreadable(&key, &error))?;
            }
        }
        // Sections whose keys are all optional must be there too.
        for section in known.iter().filter_map(|key| key.split_once('.')).map(|(section, _)| section) {
            builder = builder
                .set_default(section, std::collections::HashMap::<String, Value>::new())
                .map_err(|error| unreadable(section, &error))?;
        }
        let config = builder.build().map_err(|error| unreadable("settings", &error))?;
        let settings: Settings = config.try_deserialize().map_err(|error| wrong_type(&error, &origins))?;
        check::check(&settings).map_err(|wrong| wrong.explain(&origins))?;
        Ok(Self { settings, origins })
    }
}

fn toml(text: &str, place: &str) -> Result<BTreeMap<String, Value>, SettingsError> {
    let config = Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build();
    let config = config.map_err(|error| unreadable(place, &error))?;
    let table: std::collections::HashMap<String, Value> = config.try_deserialize().map_err(|error| unreadable(place, &error))?;
    let mut flat = BTreeMap::new();
    for (section, value) in table {
        match value.kind {
            ValueKind::Table(inner) => flat.extend(inner.into_iter().map(|(key, value)| (format!("{section}.{key}"), value))),
            _ => drop(flat.insert(section, value)),
        }
    }
    Ok(flat)
}

fn file(path: &Path) -> Result<BTreeMap<String, Value>, SettingsError> {
    let place = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| SettingsError::Unreadable { place: place.clone(), why: format!("cannot be read: {error}") })?;
    toml(&text, &place)
}

fn unreadable(place: &str, error: &config::ConfigError) -> SettingsError {
    SettingsError::Unreadable { place: place.to_owned(), why: error.to_string() }
}

/// A value from a variable or flag: a TOML value if it is one, else a text.
fn word(given: &str) -> Value {
    let parsed = toml(&format!("x = {given}"), "").ok().and_then(|mut table| table.remove("x"));
    parsed.unwrap_or_else(|| Value::new(None, given.to_owned()))
}

/// All keys: those of the shipped file, and those that stand commented out in it.
pub(crate) fn known_keys() -> Vec<String> {
    let mut section = "";
    let mut keys = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            continue;
        }
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some((key, _)) = line.split_once(" = ")
            && !section.is_empty()
            && key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_' || letter.is_ascii_digit())
        {
            keys.push(format!("{section}.{key}"));
        }
    }
    keys
}

/// The known key that is most like this one.
fn hint(key: &str, known: &[String]) -> String {
    let best = known.iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
    best.filter(|best| strsim::jaro_winkler(key, best) > 0.8).map_or(String::new(), |best| format!("; did you mean {best}?"))
}

fn text(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Array(parts) => format!("[{}]", parts.iter().map(text).collect::<Vec<_>>().join(", ")),
        _ => value.to_string(),
    }
}

/// serde's complaint, with the key, the value and where it stands.
fn wrong_type(error: &config::ConfigError, origins: &BTreeMap<String, (String, Origin)>) -> SettingsError {
    let message = error.to_string();
    let (key, (value, origin)) = match origins.iter().find(|(key, _)| message.contains(&format!("`{key}`"))) {
        Some((key, found)) => (key.clone(), found.clone()),
        None => return SettingsError::Unreadable { place: "settings".into(), why: message },
    };
    let allowed = message.split("expected ").nth(1).and_then(|rest| rest.split(" for key").next()).unwrap_or("of another kind");
    let (allowed, remedy) = (allowed.trim().to_owned(), "image/hob.toml shows an example".into());
    SettingsError::Impossible(Box::new(Impossible { key, value, origin, allowed, remedy }))
}
